"""Fuses chains of element-wise operations into one kernel, for training and evaluation on a CPU.

Between two matrix products TensorFlow runs one kernel per operation and writes every intermediate
result to memory; the tape keeps most of them for the backward pass. XLA fuses them into one loop,
but its matrix products are slower on a CPU, in bfloat16 several times. So only the functions that
are marked here are compiled. GPUs and TPUs compile the whole step instead (`train.jit_compile`).

Exported graphs never have such a kernel: only `TrainStep` and `Evaluator` switch them on.
"""

import contextlib
import functools
import inspect
import threading
from collections.abc import Callable

import tensorflow as tf

_state = threading.local()  # each replica is traced in its own thread


@contextlib.contextmanager
def kernels(enabled: bool):
    """Context in which functions marked with `fused` are compiled, if `enabled`."""
    before = are_on()
    _state.are_on = enabled
    try:
        yield
    finally:
        _state.are_on = before


def are_on() -> bool:
    """Whether functions marked with `fused` are compiled here."""
    return getattr(_state, "are_on", False)


def kernel(function: Callable) -> Callable:
    """`function`, compiled to loops, without a gradient. Callers must check `are_on` first."""
    return tf.function(function, jit_compile=True, autograph=False)


def fused(
    function: Callable[..., tf.Tensor],
    *,
    body: Callable[..., tf.Tensor] | None = None,
    gradient: Callable[..., tf.Tensor] | None = None,
) -> Callable[..., tf.Tensor]:
    """Marks a function of tensors with one result and without large matrix products.

    Args:
      function: takes tensors by position, and settings (no tensors) by name. It must not use
        variables. It runs unchanged if `kernels` are off.
      body: compiled instead of `function`, if other operations, or its own gradient
        (`tf.custom_gradient`), make better loops. Its tensors are float32.
      gradient: (result, gradient of the result, some of the tensors, settings by name) -> gradient
        of the first tensor, if it is easier to compute from the result.

    Returns:
      A function with the same arguments. If it is compiled, it keeps only its arguments for the
      backward pass, and computes the rest again. With `gradient`, it keeps only the arguments of
      `gradient`, unless gradients of other tensors are needed.
    """
    body = _in_float32(function, body)
    forward, backward = kernel(body), kernel(_gradients_of(body))
    backward_of_first = gradient and kernel(_in_float32(gradient))
    num_taken = gradient and len(inspect.getfullargspec(gradient).args) - 2

    @functools.wraps(function)
    def call(*tensors, **settings):
        if not are_on():
            return function(*tensors, **settings)

        @tf.custom_gradient
        def compiled(*tensors):
            result = forward(*tensors, **settings)

            def gradients(upstream):
                found = backward(list(tensors), upstream, **settings)  # pruned if not used
                if gradient:
                    taken = tensors[:num_taken]
                    found[0] = backward_of_first(result, upstream, *taken, **settings)
                return found

            return result, gradients

        return compiled(*(tf.convert_to_tensor(tensor) for tensor in tensors))

    return call


def _in_float32(function, body=None):
    """`body`, or `function`, in float32; the result has the dtype of `function`'s result."""

    # In bfloat16, XLA's loops round after every operation, which takes longer than the rest.
    def wide(*tensors, **settings):
        cast = [tf.cast(t, tf.float32) if t.dtype.is_floating else t for t in tensors]
        dtype = function(*tensors, **settings).dtype  # the compiler removes this call
        return tf.cast((body or function)(*cast, **settings), dtype)

    return wide


def _gradients_of(body):
    def gradients(tensors, upstream, **settings):
        with tf.GradientTape() as tape:
            tape.watch([tensor for tensor in tensors if tensor.dtype.is_floating])
            result = body(*tensors, **settings)
        return tape.gradient(result, tensors, upstream)

    return gradients
