"""Dropout whose mask is a function of a seed that the caller passes.

`keras.layers.Dropout` keeps its own generator: it draws the same mask on every replica and cannot
be repeated after a resume. Here the seed is an int32[2] call argument, folded once per use; the
generator is Philox by name, because the default one gives other numbers under XLA.
"""

import tensorflow as tf

Seed = tf.Tensor | None


def fold_in(seed: Seed, number: int | tf.Tensor) -> Seed:
    """A new seed from `seed` and `number`; None stays None (no dropout)."""
    if seed is None:
        return None
    return tf.random.fold_in(seed, number, alg="philox")


def dropout(x: tf.Tensor, rate: float, seed: Seed) -> tf.Tensor:
    """Zeroes elements with probability `rate` and scales the rest by 1 / (1 - rate).

    Args:
      x: float tensor of any shape with a known rank.
      rate: probability in [0, 1).
      seed: int32 [2], or None for no dropout (inference).

    Returns:
      A tensor of the shape and dtype of `x`.

    Reference: Srivastava et al. 2014, in the inverted form.
    """
    if seed is None or rate == 0.0:
        return x
    bits = tf.random.stateless_uniform(
        tf.shape(x), seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    keep = bits >= tf.constant(round(rate * 2**32), tf.uint32)
    return tf.where(keep, x * tf.cast(1.0 / (1.0 - rate), x.dtype), tf.zeros([], x.dtype))
