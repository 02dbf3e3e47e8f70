"""Token ids -> the model's inputs: truncation, [CLS] and [SEP], padding.

Shapes: N texts, S tokens in a row. A dimension in brackets is ragged.
"""

import tensorflow as tf

from bert_tf.tokenization.vocabulary import Vocabulary


def truncate(
    first: tf.RaggedTensor, second: tf.RaggedTensor | None, room: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """How many tokens of each row stay if `room` tokens may: the longer row loses its end first.

    Closed form of `_truncate_seq_pair` (google-research/bert, create_pretraining_data.py), which
    takes one token at a time from the longer row, from the second when they are equally long.

    Args:
      first: [N, (tokens)].
      second: [N, (tokens)] or None.
      room: the number of tokens both may have together.

    Returns:
      int32 [N] each: how many tokens of `first` and of `second` stay, and how many are cut off.
    """
    num_first_N = tf.cast(first.row_lengths(), tf.int32)
    if second is None:
        kept_N = tf.minimum(num_first_N, room)
        return kept_N, tf.zeros_like(kept_N), num_first_N - kept_N
    num_second_N = tf.cast(second.row_lengths(), tf.int32)
    # Each may have what the other leaves, and half of the room at least (the first the odd token).
    kept_first_N = tf.minimum(num_first_N, tf.maximum(room - num_second_N, (room + 1) // 2))
    kept_second_N = tf.minimum(num_second_N, tf.maximum(room - num_first_N, room // 2))
    cut_N = num_first_N + num_second_N - kept_first_N - kept_second_N
    return kept_first_N, kept_second_N, cut_N


def lay_out(
    first: tf.RaggedTensor,
    second: tf.RaggedTensor | None,
    kept: tuple[tf.Tensor, tf.Tensor],
    vocabulary: Vocabulary,
    width: int | None,
) -> dict[str, tf.Tensor]:
    """Rows of [CLS] first [SEP], or [CLS] first [SEP] second [SEP], with padding behind.

    Args:
      first, second: int32 [N, (tokens)]; `second` may be None.
      kept: int32 [N] each, the number of tokens to take from the front of both.
      vocabulary: tells the ids of the special tokens.
      width: S; None: that of the longest row.

    Returns:
      int32 [N, S] `input_ids`, `input_mask` and `segment_ids`.
    """
    begin_second_N1 = kept[0][:, tf.newaxis] + 2
    length_N1 = begin_second_N1
    if second is not None:
        length_N1 += kept[1][:, tf.newaxis] + 1
    if width is None:
        width = tf.maximum(tf.reduce_max(length_N1), 2)  # no texts: as wide as an empty one
    place_S = tf.range(width)
    # One gather from the special tokens and all texts; first, where in there each place reads.
    pool = [tf.constant([vocabulary.pad_id, vocabulary.cls_id, vocabulary.sep_id])]
    read_NS = 3 + tf.cast(first.row_starts(), tf.int32)[:, tf.newaxis] + place_S - 1
    read_NS = tf.where(place_S == 0, 1, read_NS)
    pool.append(first.values)
    if second is not None:
        begin_N1 = tf.cast(second.row_starts(), tf.int32)[:, tf.newaxis]
        in_second_NS = 3 + tf.size(first.values) + begin_N1 + place_S - begin_second_N1
        read_NS = tf.where(place_S >= begin_second_N1, in_second_NS, read_NS)
        pool.append(second.values)
    is_sep_NS = (place_S == begin_second_N1 - 1) | (place_S == length_N1 - 1)
    read_NS = tf.where(is_sep_NS, 2, read_NS)
    in_row_NS = place_S < length_N1
    return {
        "input_ids": tf.gather(tf.concat(pool, axis=0), tf.where(in_row_NS, read_NS, 0)),
        "input_mask": tf.cast(in_row_NS, tf.int32),
        "segment_ids": tf.cast((place_S >= begin_second_N1) & in_row_NS, tf.int32),
    }
