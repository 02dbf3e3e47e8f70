"""Reductions that XLA turns into vector instructions on a CPU.

XLA's own sums and maxima go through the elements in order (maxima because of NaN), and its
reductions over rows go column by column.

Shape suffixes: T rows, D columns.
"""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf


def sum_of_rows(x: tf.Tensor) -> tf.Tensor:
    """Sums over the last axis, and keeps it with length 1."""
    return _by_halves(x, tf.add, tf.reduce_sum)


def maximum_of_rows(x: tf.Tensor) -> tf.Tensor:
    """Maxima over the last axis, and keeps it with length 1."""
    return _by_halves(x, tf.maximum, tf.reduce_max)


def sum_of_columns(x: tf.Tensor) -> tf.Tensor:
    """Sums over all axes except the last, float [D], accumulated in float32."""
    x_TD = tf.reshape(x, (-1, x.shape[-1]))
    if x.dtype == tf.bfloat16 and not _products_sum_in_float32():
        return tf.cast(sum_of_columns(tf.cast(x_TD, tf.float32)), x.dtype)
    ones_1T = tf.ones((1, tf.shape(x_TD)[0]), x.dtype)
    return tf.matmul(ones_1T, x_TD)[0]  # XLA does not fuse a product with its operands


@functools.cache
def _products_sum_in_float32() -> bool:
    """Whether bfloat16 products accumulate in float32, as oneDNN's do; Eigen rounds in between."""
    numbers_TD = 1.0 + np.random.default_rng(0).normal(size=(4096, 16))
    with tf.init_scope(), tf.device("CPU:0"):
        numbers_TD = tf.constant(numbers_TD, tf.bfloat16)
        found_1D = tf.matmul(tf.ones((1, len(numbers_TD)), tf.bfloat16), numbers_TD)
    expected_D = numbers_TD.numpy().astype(np.float64).sum(0)
    one_rounding = 2.0**-9
    return np.allclose(found_1D.numpy().astype(np.float64), expected_D, rtol=1.5 * one_rounding)


def _by_halves(x: tf.Tensor, combine: Callable, reduce: Callable) -> tf.Tensor:
    while x.shape[-1] and x.shape[-1] % 2 == 0:
        half = x.shape[-1] // 2
        x = combine(x[..., :half], x[..., half:])
    return reduce(x, axis=-1, keepdims=True)
