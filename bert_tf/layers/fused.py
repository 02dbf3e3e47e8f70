"""Chains of element-wise operations as one kernel, in training and evaluation on a CPU.

Between two matrix products TensorFlow runs one kernel for each operation and writes every
intermediate result to memory, and the tape keeps most of them for the backward pass. XLA makes one
loop of them, but its matrix products are slower on a CPU, in bfloat16 by a factor. So only what is
marked here is compiled. GPUs and TPUs compile the whole step instead (`train.jit_compile`).

Exported graphs never hold such a kernel: `TrainStep` and `Evaluator` switch them on.
"""

import contextlib
import functools
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


def fused(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Marks a function of tensors that has one result and no matrix product in it.

    Args:
      function: takes tensors by position, and settings (no tensors) by name. It must not use
        variables, and is the same function wherever `kernels` are off.

    Returns:
      A function with the same arguments. Compiled, it keeps only its arguments for the backward
      pass, which computes the rest again.
    """

    def in_float32(*tensors, **settings):
        # XLA's loops round after every operation on bfloat16, which takes longer than the rest.
        wide = [tf.cast(t, tf.float32) if t.dtype.is_floating else t for t in tensors]
        dtype = function(*tensors, **settings).dtype  # compiled away: it has no other use
        return tf.cast(function(*wide, **settings), dtype)

    forward = tf.function(in_float32, jit_compile=True, autograph=False)

    @tf.function(jit_compile=True, autograph=False)
    def backward(tensors, upstream, **settings):
        with tf.GradientTape() as tape:
            tape.watch([tensor for tensor in tensors if tensor.dtype.is_floating])
            result = in_float32(*tensors, **settings)
        return tape.gradient(result, tensors, upstream)

    @functools.wraps(function)
    def call(*tensors, **settings):
        if not are_on():
            return function(*tensors, **settings)

        @tf.custom_gradient
        def compiled(*tensors):
            return forward(*tensors, **settings), lambda upstream: backward(
                list(tensors), upstream, **settings
            )

        return compiled(*(tf.convert_to_tensor(tensor) for tensor in tensors))

    return call
