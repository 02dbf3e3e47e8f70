"""Dropout whose mask is a function of a seed that the caller passes.

`keras.layers.Dropout` keeps its own generator: every replica draws the same mask, and a resumed run
cannot repeat it. Here the seed is an int32[2] call argument, folded once per use. The generator is
always Philox, because the default generator gives other numbers under XLA.
"""

import tensorflow as tf

from bert_tf.layers.fused import fused
from bert_tf.layers.philox import random_uint16

Seed = tf.Tensor | None

_RANGE = 2**16  # of the random number for an element; random numbers are what dropout costs


def fold_in(seed: Seed, number: int | tf.Tensor) -> Seed:
    """A new seed from `seed` and `number`; None stays None (no dropout)."""
    if seed is None:
        return None
    return tf.random.fold_in(seed, number, alg="philox")


def dropout(x: tf.Tensor, rate: float, seed: Seed) -> tf.Tensor:
    """Zeroes elements with probability `rate` and scales the rest by 1 / (1 - rate).

    Args:
      x: float tensor of any shape with a known rank.
      rate: probability in [0, 1), rounded to a multiple of 2^-16.
      seed: int32 [2], or None for no dropout (inference).

    Returns:
      A tensor of the shape and dtype of `x`.

    Reference: Srivastava et al. 2014, in the inverted form.
    """
    if seed is None or rate == 0.0:
        return x
    size = x.shape.num_elements() or tf.size(x)
    return _drop(x, tf.reshape(random_uint16(size, seed), tf.shape(x)), rate=rate)


@fused
def _drop(x, numbers, *, rate):
    """Dropout of `x`; each of `numbers`, uint16 of the shape of `x`, decides one element."""
    threshold = min(round(rate * _RANGE), _RANGE - 1)
    # In float32, because bfloat16 would round the scale, for example 1.1111 to 1.1094.
    scaled = tf.cast(x, tf.float32) * (_RANGE / (_RANGE - threshold))
    return tf.where(numbers >= threshold, tf.cast(scaled, x.dtype), tf.zeros([], x.dtype))
