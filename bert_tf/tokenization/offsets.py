"""From places in normalised text back to places in the text as it was given.

Shapes: N texts, C characters of all texts, O characters of all normalised texts, T tokens of all
texts. A dimension in brackets is ragged.
"""

import tensorflow as tf

from bert_tf.tokenization.code_points import Normalized


@tf.function(autograph=False, reduce_retracing=True)
def original_offsets(
    normalized: Normalized, starts: tf.RaggedTensor, ends: tf.RaggedTensor
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Which characters of the original texts tokens stand for.

    A token begins at the first character that something of it comes from, and ends after the last
    and the accents that were removed from that one. Where one character became several tokens, each
    of them stands for all of it.

    Args:
      normalized: the normalised texts.
      starts, ends: int64 [N, (tokens)], in bytes of the normalised texts.

    Returns:
      starts and ends in characters of the original texts, int32 [N, (tokens)].
    """
    begin_O, num_bytes = _byte_offsets(normalized.points.values)
    row_T = starts.value_rowids()
    row_begin_N = tf.gather(tf.concat([begin_O, [num_bytes]], 0), normalized.points.row_splits)
    row_begin_T = tf.gather(row_begin_N, row_T)
    first_T = tf.searchsorted(begin_O, row_begin_T + starts.values)
    last_T = tf.searchsorted(begin_O, row_begin_T + ends.values) - 1
    return _of_characters(normalized, row_T, first_T, last_T, starts, ends)


def original_characters(
    normalized: Normalized, starts: tf.RaggedTensor, ends: tf.RaggedTensor
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """The same where tokens stand in characters of the normalised texts.

    Args:
      normalized: the normalised texts.
      starts, ends: int32 [N, (tokens)]. An empty span stays empty, behind the character before it.

    Returns:
      starts and ends in characters of the original texts, int32 [N, (tokens)].
    """
    row_T = starts.value_rowids()
    begin_T = tf.cast(tf.gather(normalized.points.row_splits, row_T), tf.int32)
    last_T = tf.maximum(begin_T + ends.values - 1, 0)
    first_T = tf.minimum(begin_T + starts.values, last_T)
    first, behind = _of_characters(normalized, row_T, first_T, last_T, starts, ends)
    end_T = tf.where(ends.values > 0, behind.values, 0)
    start_T = tf.where(starts.values < ends.values, first.values, end_T)
    return first.with_values(start_T), behind.with_values(end_T)


def _of_characters(
    normalized: Normalized,
    row_T: tf.Tensor,
    first_T: tf.Tensor,
    last_T: tf.Tensor,
    starts: tf.RaggedTensor,
    ends: tf.RaggedTensor,
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """The spans of tokens from their first and last character, numbers in O."""
    source_of_first_T = tf.gather(normalized.sources, first_T)
    source_of_last_T = tf.gather(normalized.sources, last_T)
    # Marks may have changed places, so that the last comes from before the first.
    start_T = tf.minimum(source_of_first_T, source_of_last_T)
    end_T = _after_marks(normalized, tf.maximum(source_of_first_T, source_of_last_T) + 1)
    splits = tf.cast(normalized.source_splits, tf.int32)
    end_T = tf.minimum(end_T, tf.gather(splits, row_T + 1))
    text_begin_T = tf.gather(splits, row_T)
    return starts.with_values(start_T - text_begin_T), ends.with_values(end_T - text_begin_T)


def _byte_offsets(points_O: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where each character begins in the bytes of all normalised texts, and their number."""
    num_bytes_O = tf.ones_like(points_O, tf.int64)
    for smallest in (0x80, 0x800, 0x10000):
        num_bytes_O += tf.cast(points_O >= smallest, tf.int64)
    return tf.cumsum(num_bytes_O, exclusive=True), tf.reduce_sum(num_bytes_O)


def _after_marks(normalized: Normalized, place_T: tf.Tensor) -> tf.Tensor:
    """The first place in C from `place_T` on where no removed accent stands."""
    others = tf.cast(tf.where(tf.logical_not(normalized.is_mark))[:, 0], tf.int32)
    others = tf.concat([others, [tf.size(normalized.is_mark)]], axis=0)
    return tf.gather(others, tf.searchsorted(others, place_T))
