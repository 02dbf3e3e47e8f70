"""Draws a token from each softmax over the vocabulary, and puts tokens into rows.

A draw is a function of two given numbers. Gumbel noise at temperature 1 (google-research/electra,
pretrain_helpers.py) has the same distribution, but takes a random number and two logarithms for
every word of the vocabulary.

Shape suffixes: B batch, S sequence, P predictions, V vocabulary, G groups of words, W words of a
group, K choices.
"""

import math

import tensorflow as tf


def sample(logits_BPV: tf.Tensor, draws_BP2: tf.Tensor) -> tf.Tensor:
    """int32 [B, P]: a token drawn from softmax(logits), without a gradient.

    The first number chooses a group of about sqrt(V) words, the second a word of the group.

    Args:
      logits_BPV: float.
      draws_BP2: int32 in [0, 2**24).
    """
    size = logits_BPV.shape[-1]
    width = math.isqrt(size - 1) + 1
    logits_BPV = tf.stop_gradient(tf.cast(logits_BPV, tf.float32))
    weights_BPV = tf.exp(logits_BPV - tf.reduce_max(logits_BPV, axis=-1, keepdims=True))
    weights_BPV = tf.pad(weights_BPV, [[0, 0], [0, 0], [0, -size % width]])
    shape = tf.shape(logits_BPV)
    numbers_BP2 = tf.cast(draws_BP2, tf.float32) * 2.0**-24
    groups_BPGW = tf.reshape(weights_BPV, [shape[0], shape[1], -(-size // width), width])
    group_BP = _choose(tf.reduce_sum(groups_BPGW, axis=-1), numbers_BP2[..., 0])
    word_BP = _choose(tf.gather(groups_BPGW, group_BP, batch_dims=2), numbers_BP2[..., 1])
    return group_BP * width + word_BP


def _choose(weights_BPK: tf.Tensor, number_BP: tf.Tensor) -> tf.Tensor:
    """int32 [B, P]: the choice at which the running sum of the weights passes a share of it."""
    sums_BPK = tf.cumsum(weights_BPK, axis=-1)
    total_BP1 = sums_BPK[..., -1:]
    passed_BPK = sums_BPK <= number_BP[..., tf.newaxis] * total_BP1
    # Behind the last choice with a weight all sums are the total, to which a product may round up.
    passed_BPK &= sums_BPK < total_BP1
    return tf.reduce_sum(tf.cast(passed_BPK, tf.int32), axis=-1)


def put(
    ids_BS: tf.Tensor, positions_BP: tf.Tensor, tokens_BP: tf.Tensor, is_used_BP: tf.Tensor
) -> tf.Tensor:
    """int32 [B, S]: `ids_BS` with `tokens_BP` at the positions of used slots, which differ."""
    change_BP = tokens_BP - tf.gather(ids_BS, positions_BP, batch_dims=1)
    change_BP = tf.where(is_used_BP, change_BP, 0)
    rows_BP = tf.zeros_like(positions_BP) + tf.range(tf.shape(ids_BS)[0])[:, tf.newaxis]
    places_BP2 = tf.stack([rows_BP, positions_BP], axis=-1)
    return tf.tensor_scatter_nd_add(ids_BS, places_BP2, change_BP)
