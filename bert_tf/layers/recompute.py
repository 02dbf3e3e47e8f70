"""Layers that compute their activations again in the backward pass, instead of keeping them.

Reference: Chen et al. 2016, "Training deep nets with sublinear memory cost". `tf.recompute_grad`
and `keras.remat` do not work here: XLA removes their barrier between the two computations, then
computes everything once and keeps it.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from bert_tf.layers import fused


def recomputed(block: keras.layers.Layer) -> Callable[..., tuple[tf.Tensor, None]]:
    """Wraps `block` so that the forward pass keeps only its inputs for the backward pass.

    Both computations have the same dropout masks, because the masks are functions of the seed.

    Args:
      block: takes any arguments, and returns a tensor or a tuple that begins with a tensor.
        Gradients go to the floating-point tensors in the arguments and to its weights.

    Returns:
      A function with the same arguments that returns (the first output, None).
    """

    def call(*args, **kwargs):
        are_fused = fused.are_on()  # the backward pass is traced in another context
        arguments = tf.nest.flatten((args, kwargs))
        learned = [index for index, value in enumerate(arguments) if _is_floating(value)]

        def compute(arguments, weights):
            args_again, kwargs_again = tf.nest.pack_sequence_as((args, kwargs), arguments)
            with keras.StatelessScope(list(zip(block.weights, weights, strict=True))):
                outputs = block(*args_again, **kwargs_again)
            return outputs[0] if isinstance(outputs, tuple) else outputs

        # Weights are arguments, because custom_gradient does not find variables on the replicas of
        # a strategy.
        @tf.custom_gradient
        def forward(*tensors):
            weights = tensors[len(learned) :]

            def backward(upstream):
                again = [_after(upstream, value) for value in arguments]
                sources = [*(again[index] for index in learned), *weights]
                with tf.GradientTape() as tape, fused.kernels(are_fused):
                    tape.watch(sources)
                    output = compute(again, weights)
                return tape.gradient(
                    output, sources, output_gradients=upstream, unconnected_gradients="zero"
                )

            return compute(arguments, weights), backward

        weights = [weight.value for weight in block.weights]
        return forward(*(arguments[index] for index in learned), *weights), None

    return call


def _is_floating(value: Any) -> bool:
    return tf.is_tensor(value) and value.dtype.is_floating


def _after(upstream: tf.Tensor, value: Any) -> Any:
    """The tensor `value`, unchanged, but available only after `upstream`; other values as they are.

    So the compiler cannot share computations on the result with earlier ones on `value`. XLA has no
    control dependencies, so a number is added to `value`: it is 0 unless `upstream` is NaN, which a
    compiler cannot know.
    """
    if not tf.is_tensor(value):
        return value
    first = tf.reshape(upstream, [-1])[0]
    zero = tf.where(tf.math.is_nan(first), first, tf.zeros_like(first))
    return value + tf.cast(zero, value.dtype)
