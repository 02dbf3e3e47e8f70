"""Texts are checked; token ids -> the model's inputs: truncation, special tokens, padding.

Shapes: N texts, S tokens in a row. A dimension in brackets is ragged.
"""

import tensorflow as tf

from bert_tf.tokenization.row_layout import RowLayout

_NO_LIMIT = 2**30  # of the length of a row


def rows(
    first: tf.RaggedTensor,
    second: tf.RaggedTensor | None,
    layout: RowLayout,
    max_seq_length: int | None,
    *,
    pad: bool,
) -> dict[str, tf.Tensor]:
    """Makes model inputs of tokens, see `Tokenizer.encode`.

    Args:
      first, second: int32 [N, (tokens)]; `second` may be None.
      layout: of the rows.
      max_seq_length: the longest row; None: rows of any length, not padded to one.
      pad: make every row `max_seq_length` long, not only as long as the longest.
    """
    if max_seq_length is None:
        max_seq_length, pad = _NO_LIMIT, False
    room = layout.room(max_seq_length, 1 if second is None else 2)
    *kept, num_truncated_N = truncate(first, second, room)
    width = max_seq_length if pad else None
    inputs = lay_out(first, second, tuple(kept), layout, width)
    for tensor in inputs.values():
        tensor.set_shape([first.shape[0], width])
    num_truncated_N.set_shape(first.shape[:1])
    return {**inputs, "num_truncated_tokens": num_truncated_N}


def truncate(
    first: tf.RaggedTensor, second: tf.RaggedTensor | None, room: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """How many tokens of each text stay if `room` tokens may: the longer text loses its end first.

    Closed form of `_truncate_seq_pair` (google-research/bert, create_pretraining_data.py), which
    takes one token at a time from the longer text, from the second when they are equally long.

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
    layout: RowLayout,
    width: int | None,
) -> dict[str, tf.Tensor]:
    """Makes rows of one or two texts, with padding behind them.

    Args:
      first, second: int32 [N, (tokens)]; `second` may be None.
      kept: int32 [N] each, the number of tokens to take from the front of both.
      layout: of the rows.
      width: S; None: that of the longest row.

    Returns:
      int32 [N, S] `input_ids`, `input_mask` and `segment_ids`.
    """
    end_first_N1 = layout.first_begin + kept[0][:, tf.newaxis]
    if second is None:
        end_text_N1 = end_first_N1
        length_N1 = begin_second_N1 = end_text_N1 + len(layout.after)
    else:
        begin_second_N1 = layout.second_begin(kept[0][:, tf.newaxis])
        end_text_N1 = begin_second_N1 + kept[1][:, tf.newaxis]
        length_N1 = end_text_N1 + len(layout.after)
    if width is None:  # no texts: as wide as an empty one
        width = tf.maximum(tf.reduce_max(length_N1), layout.num_special_tokens(1))
    place_S = tf.range(width)
    # One gather from the special tokens and all texts; first, where in there each place reads.
    special = [layout.pad, *layout.before, *layout.between, *layout.after]
    pool = [tf.constant(special), first.values]
    before, between = 1, 1 + len(layout.before)
    after, texts = between + len(layout.between), len(special)
    begin_N1 = tf.cast(first.row_starts(), tf.int32)[:, tf.newaxis]
    read_NS = texts - layout.first_begin + begin_N1 + place_S
    read_NS = tf.where(place_S < layout.first_begin, before + place_S, read_NS)
    if second is not None:
        in_between_NS = between + place_S - end_first_N1
        read_NS = tf.where(place_S >= end_first_N1, in_between_NS, read_NS)
        begin_N1 = tf.cast(second.row_starts(), tf.int32)[:, tf.newaxis]
        in_second_NS = texts + tf.size(first.values) + begin_N1 + place_S - begin_second_N1
        read_NS = tf.where(place_S >= begin_second_N1, in_second_NS, read_NS)
        pool.append(second.values)
    read_NS = tf.where(place_S >= end_text_N1, after + place_S - end_text_N1, read_NS)
    in_row_NS = place_S < length_N1
    is_second_NS = (place_S >= begin_second_N1) & in_row_NS
    return {
        "input_ids": tf.gather(tf.concat(pool, axis=0), tf.where(in_row_NS, read_NS, 0)),
        "input_mask": tf.cast(in_row_NS, tf.int32),
        "segment_ids": tf.where(is_second_NS, layout.second_segment, 0),
    }


def as_vector(texts: tf.Tensor, name: str) -> tf.Tensor:
    """`texts` as a string tensor [N]; ValueError for any other shape."""
    texts = tf.convert_to_tensor(texts, tf.string)
    if texts.shape.rank != 1:
        raise ValueError(
            f"{name} has shape {texts.shape}; expected a text or a vector of them (a matrix has "
            "to be flattened)"
        )
    return texts


def as_vectors(
    texts: tf.Tensor, text_pairs: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Both as string tensors [N]; ValueError if their numbers are known and differ."""
    texts = as_vector(texts, "texts")
    if text_pairs is None:
        return texts, None
    text_pairs = as_vector(text_pairs, "text_pairs")
    if not texts.shape.is_compatible_with(text_pairs.shape):
        raise ValueError(
            f"{texts.shape[0]} texts, but {text_pairs.shape[0]} text_pairs; "
            "every text needs exactly one"
        )
    return texts, text_pairs
