"""Chains of element-wise operations as one kernel, in training and evaluation on a CPU.

Between two matrix products TensorFlow runs one kernel for each operation and writes every
intermediate result to memory, and the tape keeps most of them for the backward pass. XLA makes one
loop of them, but its matrix products are slower on a CPU, in bfloat16 by a factor. So only what is
marked here is compiled. GPUs and TPUs compile the whole step instead (`train.jit_compile`).

Exported graphs never hold such a kernel: `TrainStep` and `Evaluator` switch them on.
"""

import contextlib
import functools
import inspect
import threading
from collections.abc import Callable

import tensorflow as tf

_state = threading.local()  # replicas are traced in threads of their own


@contextlib.contextmanager
def kernels(enabled: bool):
    """Inside, functions marked with `fused` are compiled if `enabled`."""
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
    """`function`, compiled to loops. For what has no gradient; callers ask `are_on` first."""
    return tf.function(function, jit_compile=True, autograph=False)


def fused(
    function: Callable[..., tf.Tensor],
    *,
    body: Callable[..., tf.Tensor] | None = None,
    gradient: Callable[..., tf.Tensor] | None = None,
) -> Callable[..., tf.Tensor]:
    """Marks a function of tensors that has one result and no large matrix product in it.

    Args:
      function: takes tensors by position, and settings (no tensors) by name. It must not use
        variables, and is the same function wherever `kernels` are off.
      body: what is compiled instead, if other operations, or a gradient of its own
        (`tf.custom_gradient`), make better loops. Its tensors are float32.
      gradient: (result, gradient of the result, as many of the tensors as it names, settings by
        name) -> gradient of the first tensor, if it is easier to compute from the result.

    Returns:
      A function with the same arguments. Compiled, it keeps for the backward pass its arguments
      alone, of which the rest is computed again; with `gradient`, only what that takes, as long as
      nobody asks for the gradients of the other tensors.
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
                found = backward(list(tensors), upstream, **settings)  # left out if not used
                if gradient:
                    taken = tensors[:num_taken]
                    found[0] = backward_of_first(result, upstream, *taken, **settings)
                return found

            return result, gradients

        return compiled(*(tf.convert_to_tensor(tensor) for tensor in tensors))

    return call


def _in_float32(function, body=None):
    """`body`, or the function itself, on float32; the result has the dtype of the function's."""

    # XLA's loops round after every operation on bfloat16, which takes longer than the rest.
    def wide(*tensors, **settings):
        cast = [tf.cast(t, tf.float32) if t.dtype.is_floating else t for t in tensors]
        dtype = function(*tensors, **settings).dtype  # compiled away: it has no other use
        return tf.cast((body or function)(*cast, **settings), dtype)

    return wide


def _gradients_of(body):
    def gradients(tensors, upstream, **settings):
        with tf.GradientTape() as tape:
            tape.watch([tensor for tensor in tensors if tensor.dtype.is_floating])
            result = body(*tensors, **settings)
        return tape.gradient(result, tensors, upstream)

    return gradients
