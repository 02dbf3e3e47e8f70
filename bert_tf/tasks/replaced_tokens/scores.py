"""Scores of the discriminator, from counts that can be summed over any batches.

Shape suffixes: N bins of scores.
"""

import math

import numpy as np
import tensorflow as tf

NUM_BINS = 512
_LARGEST = 8.0  # logits beyond count as this


def count_scores(logits: tf.Tensor, is_replaced: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """float32 [N, 2]: weights of the replaced and of the original tokens in each bin of logits.

    Args:
      logits: float, any shape.
      is_replaced: bool of the same shape.
      weights: float32 of the same shape.
    """
    scaled = (tf.cast(logits, tf.float32) / _LARGEST + 1) * (NUM_BINS / 2)
    bins = tf.cast(tf.clip_by_value(scaled, 0, NUM_BINS - 1), tf.int32)
    columns = 2 * bins + tf.where(is_replaced, 0, 1)
    counts = tf.math.unsorted_segment_sum(
        tf.reshape(weights, [-1]), tf.reshape(columns, [-1]), 2 * NUM_BINS
    )
    return tf.reshape(counts, [NUM_BINS, 2])


def auc(counts_N2: np.ndarray) -> float:
    """Area under the ROC curve; two scores in one bin count as a tie. 0.5 if one kind is missing.

    Args:
      counts_N2: sums of `count_scores`.
    """
    replaced_N, original_N = np.asarray(counts_N2, np.float64).T
    pairs = replaced_N.sum() * original_N.sum()
    if not pairs:
        return 0.5
    below_N = np.cumsum(original_N) - original_N
    return float((replaced_N * (below_N + original_N / 2)).sum() / pairs)


def entropy(share: float) -> float:
    """Binary entropy in nats: the loss of the best constant answer, from the replaced share."""
    if not 0 < share < 1:
        return 0.0
    return -share * math.log(share) - (1 - share) * math.log(1 - share)
