"""Gates: numbers that multiply the outputs of heads, units and blocks, to ask what these are worth.

A gate of 1 changes nothing; a gate of 0 takes the head away. There are no gates unless `opened` is
active, so a graph that is traced without it has no operation for them.
"""

import contextlib
from collections.abc import Callable, Iterator

import tensorflow as tf
from keras import ops

# (what is gated, number of rows B, number of gates N) -> gates [B, N] or [1, N]; None: no gates.
Provide = Callable[[object, tf.Tensor, int], tf.Tensor | None]

_open: list[Provide] = []


@contextlib.contextmanager
def opened(provide: Provide) -> Iterator[None]:
    """Inside, layers that are called ask `provide` for their gates.

    What is gated is a layer: an attention layer for its heads, the first layer of a feed-forward
    for its units; or ("run", i): the i-th block that the encoder runs.
    """
    _open.append(provide)
    try:
        yield
    finally:
        _open.pop()


def gated(what: object, values, axis: int):
    """`values` [B, ...], multiplied by the gates of `what` along an axis; as they are without."""
    if not _open:
        return values
    width = values.shape[axis]
    gates_BN = _open[-1](what, ops.shape(values)[0], width)
    if gates_BN is None:
        return values
    shape = [1] * len(values.shape)
    shape[0], shape[axis] = -1, width
    return values * ops.cast(ops.reshape(gates_BN, shape), values.dtype)


def gated_run(index: int, before_BSD, after_BSD):
    """The hidden states behind a block: at gate 1 its output, at gate 0 its input."""
    if not _open:
        return after_BSD
    gates_B1 = _open[-1](("run", index), ops.shape(after_BSD)[0], 1)
    if gates_B1 is None:
        return after_BSD
    gates_B11 = ops.cast(ops.reshape(gates_B1, (-1, 1, 1)), after_BSD.dtype)
    return before_BSD + gates_B11 * (after_BSD - before_BSD)
