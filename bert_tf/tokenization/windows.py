"""Overlapping windows over texts that are longer than a row, in TF ops: no token is lost.

One implementation for training data, evaluation, prediction and the exported model.

Shapes: N texts, R windows, T tokens of all texts, E tokens of all windows. A dimension in brackets
is ragged.
"""

from typing import NamedTuple

import tensorflow as tf


class Windows(NamedTuple):
    """Where each window reads.

    Attributes:
      texts: int32 [R], the text each window is from; windows of a text follow each other.
      tokens: int32 [R, (tokens)], indices into the tokens of all texts, laid end to end.
      is_best: bool [R, (tokens)], whether the token has more context here than in any other
        window; true in exactly one window for each token.
    """

    texts: tf.Tensor
    tokens: tf.RaggedTensor
    is_best: tf.RaggedTensor


def cut_windows(num_tokens: tf.Tensor, room: tf.Tensor | int, stride: int) -> Windows:
    """Cuts every text into windows of at most `room` tokens that begin `stride` tokens apart.

    Where `room` is less than `stride`, the windows of that text are laid end to end.

    Args:
      num_tokens: int32 [N], the length of each text.
      room: int32 [N] or a number, at least 1.
      stride: at least 1.

    Returns:
      The windows; a text without tokens has one empty window.

    Reference: google-research/bert, run_squad.py: doc_stride and `_check_is_max_context`.
    """
    num_tokens_N = tf.cast(num_tokens, tf.int32)
    room_N = tf.broadcast_to(room, tf.shape(num_tokens_N))
    stride_N = tf.minimum(room_N, stride)
    behind_first_N = tf.maximum(num_tokens_N - room_N, 0)
    num_windows_N = 1 + (behind_first_N + stride_N - 1) // stride_N
    numbers = tf.ragged.range(num_windows_N)
    text_R = tf.cast(numbers.value_rowids(), tf.int32)
    start_R = numbers.values * tf.gather(stride_N, text_R)
    length_R = tf.minimum(tf.gather(room_N, text_R), tf.gather(num_tokens_N, text_R) - start_R)
    begin_R = tf.gather(tf.cumsum(num_tokens_N, exclusive=True), text_R) + start_R
    tokens = tf.ragged.range(begin_R, begin_R + length_R)
    return Windows(text_R, tokens, _is_best(tokens, length_R, tf.reduce_sum(num_tokens_N)))


def _is_best(tokens: tf.RaggedTensor, length_R: tf.Tensor, num_tokens: tf.Tensor):
    """Whether the smaller of a token's two contexts is largest here; of equal windows the first."""
    length_E = tf.gather(length_R, tokens.value_rowids())
    left_E = tf.ragged.range(length_R).values
    context_E = tf.cast(tf.minimum(left_E, length_E - 1 - left_E), tf.float32)
    context_E += 0.01 * tf.cast(length_E, tf.float32)
    most_T = tf.math.unsorted_segment_max(context_E, tokens.values, num_tokens)
    is_most_E = context_E == tf.gather(most_T, tokens.values)
    place_E = tf.range(tf.size(tokens.values))
    place_E = tf.where(is_most_E, place_E, tf.size(place_E))
    first_T = tf.math.unsorted_segment_min(place_E, tokens.values, num_tokens)
    return tokens.with_values(tf.gather(first_T, tokens.values) == place_E)
