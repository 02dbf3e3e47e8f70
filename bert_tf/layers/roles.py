"""The role of each variable. Optimizers and exporters use roles, never variable names.

    matrix  multiplies inputs: kernels of dense layers, output tables of heads
    table   its rows are looked up: embeddings
    bias    is added: biases of dense layers and of scores, the shift of a norm
    scale   multiplies element by element: the scale of a norm
    range   the ends of the range of an activation that is quantised

Weight decay and LAMB's trust ratio apply to matrices and tables, Muon to the matrices of blocks.
Matrices are exported in bfloat16.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import keras

MATRIX, TABLE, BIAS, SCALE, RANGE = ROLES = ("matrix", "table", "bias", "scale", "range")
_ATTRIBUTE = "bert_tf_role"
# {path of a variable: its initializer} inside of `filled_later`.
_Pending = dict[str, keras.initializers.Initializer]
_PENDING: contextvars.ContextVar[_Pending | None] = contextvars.ContextVar("pending", default=None)


@contextlib.contextmanager
def filled_later() -> Iterator[Callable[[keras.Variable], None]]:
    """Context in which new variables are zeros, because a checkpoint will fill them.

    To draw the random values of a BERT-base takes four seconds on one core.

    Yields:
      A function that gives a variable its ordinary initial values, for variables that the
      checkpoint does not fill.
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

    The variable has `aggregation="none"`, so that a replica can update its own copy from the
    all-reduced gradient, inside a condition and under XLA. Keras' default is "mean", which
    all-reduces the weights again at every assignment.

    Args:
      layer: the owner of the variable.
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
    """The role of a variable that has none: a matrix if it has at least two axes, else a bias."""
    return MATRIX if len(variable.shape) > 1 else BIAS


def give(variable: keras.Variable, role: str) -> keras.Variable:
    """Gives `variable` a role, for example in a layer of Keras; returns the variable.

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
      variable: any variable.
      default: for a variable without a role.

    Raises:
      ValueError: the variable has no role, and there is no default.
    """
    role = getattr(variable, _ATTRIBUTE, default)
    if role is None:
        raise ValueError(
            f"{variable.path} has no role. Create it with roles.add_weight(layer, role, ...), or "
            f"call roles.give(variable, role); expected {_LISTED}."
        )
    return role


def takes_decay(role: str) -> bool:
    """Whether weight decay and LAMB's trust ratio apply to variables of this role.

    As in google-research/bert, optimization.py, and in the code of LAMB's authors.
    """
    return role in (MATRIX, TABLE)


_LISTED = f"one of {', '.join(ROLES)}"
