"""What each variable is. Optimizers and exporters ask this; nothing looks at variable names.

    matrix  inputs are multiplied with it: kernels of dense layers, output tables of heads
    table   its rows are looked up: embeddings
    bias    is added: biases of dense layers and of scores, the shift of a norm
    scale   multiplies element by element: the scale of a norm

Weight decay and the trust ratio of LAMB are for matrices and tables; Muon is for the matrices of
blocks; matrices are exported in bfloat16.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import keras

MATRIX, TABLE, BIAS, SCALE = ROLES = ("matrix", "table", "bias", "scale")
_ATTRIBUTE = "bert_tf_role"
# {path of a variable: its initializer} inside of `filled_later`.
_Pending = dict[str, keras.initializers.Initializer]
_PENDING: contextvars.ContextVar[_Pending | None] = contextvars.ContextVar("pending", default=None)


@contextlib.contextmanager
def filled_later() -> Iterator[Callable[[keras.Variable], None]]:
    """Variables that are made inside start as zeros, because a checkpoint will fill them.

    Drawing the random values of a BERT-base takes four seconds on one core.

    Yields:
      A function for the variables that the checkpoint does not fill: it gives one the initial
      values that it would have had.
    """
    pending: _Pending = {}

    def draw(variable: keras.Variable) -> None:
        if variable.path in pending:
            variable.assign(pending[variable.path](variable.shape, variable.dtype))

    token = _PENDING.set(pending)
    try:
        yield draw
    finally:
        _PENDING.reset(token)


def add_weight(layer: keras.layers.Layer, role: str, **options: Any) -> keras.Variable:
    """`layer.add_weight(**options)` with a role.

    The variable has `aggregation="none"`, so that a replica may update its own copy from the
    all-reduced gradient, inside a condition and under XLA. Keras' default is "mean", which
    all-reduces the weights a second time at every assignment.

    Args:
      layer: owns the variable.
      role: one of `ROLES`.
      **options: of `keras.layers.Layer.add_weight`: name, shape, initializer, ...
    """
    pending, initializer = _PENDING.get(), options.get("initializer")
    if pending is not None and initializer is not None:
        options["initializer"] = "zeros"
    variable = give(layer.add_weight(aggregation="none", **options), role)
    if pending is not None and initializer is not None:
        pending[variable.path] = keras.initializers.get(initializer)
    return variable


def by_shape(variable: keras.Variable) -> str:
    """What a variable of a layer that gives no roles must be: a matrix, or else a bias."""
    return MATRIX if len(variable.shape) > 1 else BIAS


def give(variable: keras.Variable, role: str) -> keras.Variable:
    """Says what `variable` is, for example one of a layer of Keras; returns it.

    Raises:
      ValueError: there is no such role.
    """
    if role not in ROLES:
        raise ValueError(f"the role of {variable.path} is {role!r}; expected {_LISTED}.")
    setattr(variable, _ATTRIBUTE, role)
    return variable


def role_of(variable: keras.Variable, default: str | None = None) -> str:
    """The role of a variable, one of `ROLES`.

    Args:
      variable: any.
      default: role of one that was created without.

    Raises:
      ValueError: it was created without one, and there is no default.
    """
    role = getattr(variable, _ATTRIBUTE, default)
    if role is None:
        raise ValueError(
            f"{variable.path} has no role. Create it with roles.add_weight(layer, role, ...), or "
            f"call roles.give(variable, role); expected {_LISTED}."
        )
    return role


def takes_decay(role: str) -> bool:
    """Whether weight decay, and LAMB's trust ratio, are for variables of this role.

    As in google-research/bert, optimization.py, and in the code of LAMB's authors.
    """
    return role in (MATRIX, TABLE)


_LISTED = f"one of {', '.join(ROLES)}"
