"""Reductions that XLA turns into vector instructions on a CPU.

Its own sums and maxima keep the order of the elements, one after another (for a maximum because of
NaN), and what is reduced over rows is computed column by column.

Shape suffixes: T rows, D columns.
"""

from collections.abc import Callable

import tensorflow as tf


def sum_of_rows(x: tf.Tensor) -> tf.Tensor:
    """Sums over the last axis, which stays, with length 1."""
    return _by_halves(x, tf.add, tf.reduce_sum)


def maximum_of_rows(x: tf.Tensor) -> tf.Tensor:
    """Maxima over the last axis, which stays, with length 1."""
    return _by_halves(x, tf.maximum, tf.reduce_max)


def sum_of_columns(x: tf.Tensor) -> tf.Tensor:
    """Sums over all axes but the last, float [D]."""
    x_TD = tf.reshape(x, (-1, x.shape[-1]))
    ones_1T = tf.ones((1, tf.shape(x_TD)[0]), x.dtype)
    return tf.matmul(ones_1T, x_TD)[0]  # a product has its operands computed before


def _by_halves(x: tf.Tensor, combine: Callable, reduce: Callable) -> tf.Tensor:
    while x.shape[-1] and x.shape[-1] % 2 == 0:
        half = x.shape[-1] // 2
        x = combine(x[..., :half], x[..., half:])
    return reduce(x, axis=-1, keepdims=True)
