"""Reductions that XLA turns into vector instructions on a CPU.

Its own sums and maxima keep the order of the elements, one after another (for a maximum because of
NaN), and what is reduced over rows is computed column by column.

Shape suffixes: T rows, D columns.
"""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf


def sum_of_rows(x: tf.Tensor) -> tf.Tensor:
    """Sums over the last axis, which stays, with length 1."""
    return _by_halves(x, tf.add, tf.reduce_sum)


def maximum_of_rows(x: tf.Tensor) -> tf.Tensor:
    """Maxima over the last axis, which stays, with length 1."""
    return _by_halves(x, tf.maximum, tf.reduce_max)


def sum_of_columns(x: tf.Tensor) -> tf.Tensor:
    """Sums over all axes but the last, float [D], accumulated in float32."""
    x_TD = tf.reshape(x, (-1, x.shape[-1]))
    if x.dtype == tf.bfloat16 and not _products_sum_in_float32():
        return tf.cast(sum_of_columns(tf.cast(x_TD, tf.float32)), x.dtype)
    ones_1T = tf.ones((1, tf.shape(x_TD)[0]), x.dtype)
    return tf.matmul(ones_1T, x_TD)[0]  # a product has its operands computed before


@functools.cache
def _products_sum_in_float32() -> bool:
    """Whether this machine's bfloat16 products do, as oneDNN's; Eigen's round in between."""
    rows, steps = 4096, 64
    column_T1 = 1.0 + np.arange(rows)[:, np.newaxis] % steps / (2.0 * steps)
    with tf.init_scope(), tf.device("CPU:0"):
        column_T1 = tf.constant(column_T1, tf.bfloat16)
        found = float(tf.matmul(tf.ones((1, rows), tf.bfloat16), column_T1)[0, 0])
    expected = float(np.sum(column_T1.numpy().astype(np.float64)))
    return abs(found - expected) <= expected * 2.0**-8


def _by_halves(x: tf.Tensor, combine: Callable, reduce: Callable) -> tf.Tensor:
    while x.shape[-1] and x.shape[-1] % 2 == 0:
        half = x.shape[-1] // 2
        x = combine(x[..., :half], x[..., half:])
    return reduce(x, axis=-1, keepdims=True)
