"""Layers whose activations are computed a second time in the backward pass instead of being kept.

Reference: Chen et al. 2016, "Training deep nets with sublinear memory cost". `tf.recompute_grad`
and `keras.remat` are not used: what they put between the two computations is simplified away by
XLA, which then computes, and keeps, everything once.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from bert_tf.layers import fused


def recomputed(block: keras.layers.Layer) -> Callable[..., tuple[tf.Tensor, None]]:
    """`block`, called in the same way, of which the backward pass finds only the inputs.

    The dropout masks of both computations are the same, because they are functions of the seed.

    Args:
      block: called with any arguments. What it returns is a tensor, or a tuple that begins with
        one. Gradients go to the floating-point tensors among the arguments and to its weights.

    Returns:
      A function with these arguments that returns (the first output, None).
    """

    def call(*args, **kwargs):
        are_fused = fused.are_on()  # the backward pass is traced somewhere else
        arguments = tf.nest.flatten((args, kwargs))
        learned = [index for index, value in enumerate(arguments) if _is_floating(value)]

        def compute(arguments, weights):
            args_again, kwargs_again = tf.nest.pack_sequence_as((args, kwargs), arguments)
            with keras.StatelessScope(list(zip(block.weights, weights, strict=True))):
                outputs = block(*args_again, **kwargs_again)
            return outputs[0] if isinstance(outputs, tuple) else outputs

        # Weights are arguments, so that custom_gradient need not search for variables, which it
        # does not find on the replicas of a strategy.
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
    """The tensor `value` as it is, but not to be had before `upstream`; what is none stays.

    What is computed from it cannot be shared with what was computed before. A control dependency
    would not do: XLA has none. What is added is 0 unless upstream is not a number, which no
    compiler knows.
    """
    if not tf.is_tensor(value):
        return value
    first = tf.reshape(upstream, [-1])[0]
    zero = tf.where(tf.math.is_nan(first), first, tf.zeros_like(first))
    return value + tf.cast(zero, value.dtype)
