"""Layers whose activations are computed a second time in the backward pass instead of being kept.

Reference: Chen et al. 2016, "Training deep nets with sublinear memory cost". `tf.recompute_grad`
and `keras.remat` are not used: what they put between the two computations is simplified away by
XLA, which then computes, and keeps, everything once.

Shape suffixes: B batch, S sequence, D hidden.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from bert_tf.layers import fused


def recomputed(block: keras.layers.Layer) -> Callable[..., tuple[tf.Tensor, None]]:
    """`block`, called in the same way, of which the backward pass finds only the inputs.

    The dropout masks of both computations are the same, because they are functions of the seed.

    Args:
      block: called as `block(inputs_BSD, bias, dropout_seed=seed)`; its first output counts.

    Returns:
      A function with these arguments that returns (the first output, None).
    """

    def compute(inputs_BSD, bias, seed, values):
        with keras.StatelessScope(list(zip(block.weights, values, strict=True))):
            return block(inputs_BSD, bias, dropout_seed=seed)[0]

    def call(inputs_BSD, bias, dropout_seed):
        are_fused = fused.are_on()  # the backward pass is traced somewhere else

        # Weights are arguments, so that custom_gradient need not search for variables, which it
        # does not find on the replicas of a strategy.
        @tf.custom_gradient
        def forward(inputs_BSD, *values):
            def backward(upstream_BSD):
                again_BSD, seed = _after(upstream_BSD, inputs_BSD, dropout_seed)
                with tf.GradientTape() as tape, fused.kernels(are_fused):
                    tape.watch([again_BSD, *values])
                    output_BSD = compute(again_BSD, bias, seed, values)
                return tape.gradient(
                    output_BSD,
                    [again_BSD, *values],
                    output_gradients=upstream_BSD,
                    unconnected_gradients="zero",
                )

            return compute(inputs_BSD, bias, dropout_seed, values), backward

        return forward(inputs_BSD, *(weight.value for weight in block.weights)), None

    return call


def _after(upstream: tf.Tensor, *tensors: tf.Tensor) -> list[tf.Tensor]:
    """The `tensors` as they are, but not to be had before `upstream`.

    What is computed from them cannot be shared with what was computed before. A control dependency
    would not do: XLA has none. What is added is 0 unless upstream is not a number, which no
    compiler knows.
    """
    first = tf.reshape(upstream, [-1])[0]
    zero = tf.where(tf.math.is_nan(first), first, tf.zeros_like(first))
    return [tensor + tf.cast(zero, tensor.dtype) for tensor in tensors]
