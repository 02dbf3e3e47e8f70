"""Masked-LM positions, drawn when a batch is read: in TF ops on whole batches, on the host.

A mask is a function of (seed, epoch, example, position) through the hash of bert_tf.data.order, so
it does not depend on batch size, shards, workers or threads. The example is the row's index in
storage order.

Shapes: B rows, S tokens of a row, P predictions of a row.
"""

import tensorflow as tf

from bert_tf.data import order

_SHARE_MASKED, _SHARE_MASKED_OR_KEPT = 0.8, 0.9
_NEVER = tf.int64.max
_POSITION_BITS = 16


@tf.autograph.experimental.do_not_convert
def mask_tokens(
    batch: dict[str, tf.Tensor],
    *,
    seed: int,
    epoch: tf.Tensor,
    example_index: tf.Tensor,
    masked_lm_prob: float,
    max_predictions_per_seq: int,
    cls_id: int,
    sep_id: int,
    mask_id: int,
    vocab_size: int,
    is_continuation: tf.Tensor | None = None,
) -> dict[str, tf.Tensor]:
    """Masks a batch as google-research/bert does, with counters in place of a random state.

    Of each row, round(masked_lm_prob x candidates) tokens are predicted, at least 1 and at most
    `max_predictions_per_seq`; candidates are all real tokens but [CLS] and [SEP]. Of the predicted,
    80 % become [MASK], 10 % stay, 10 % become a token drawn uniformly from the vocabulary.

    Args:
        batch: `input_ids`, `input_mask`, int32 [B, S]; other entries are passed through.
        seed: in [0, 2**32).
        epoch, example_index: int64 [B], the counters of each row.
        masked_lm_prob: share of the candidates to predict.
        max_predictions_per_seq: P.
        cls_id, sep_id, mask_id, vocab_size: of the vocabulary.
        is_continuation: bool [V]; when given, whole words are masked: a token and the continuations
            behind it are taken together, and a word that does not fit is passed over.

    Returns:
        The batch with masked `input_ids` and with `masked_lm_positions` (ascending),
        `masked_lm_ids`, int32 [B, P], and `masked_lm_weights`, float32 [B, P]; slots that are not
        used are 0.
    """
    ids_BS = batch["input_ids"]
    low_B1, high_B1 = _split_words(example_index[:, tf.newaxis])
    position_1S = tf.range(tf.shape(ids_BS)[1], dtype=tf.int64)[tf.newaxis]

    def draw_BS(stream: int) -> tf.Tensor:
        counters = (epoch[:, tf.newaxis], low_B1, high_B1, position_1S, stream)
        return tf.cast(hash_u32(seed, *counters), tf.int64)

    candidate_BS = (batch["input_mask"] > 0) & (ids_BS != cls_id) & (ids_BS != sep_id)
    word_begin_BS = candidate_BS
    if is_continuation is not None:
        word_begin_BS &= ~_continues(ids_BS, candidate_BS, is_continuation)
    number_B = _numbers(candidate_BS, masked_lm_prob, max_predictions_per_seq)
    chosen_BS = _choose_words(
        candidate_BS, word_begin_BS, draw_BS(order.STREAM_MASK_ORDER), number_B
    )
    kind_BS = draw_BS(order.STREAM_MASK_KIND)
    token_BS = _shift_right(draw_BS(order.STREAM_MASK_TOKEN) * vocab_size, 32)
    replacement_BS = tf.where(
        kind_BS < int(_SHARE_MASKED * 2**32),
        mask_id,
        tf.where(kind_BS < int(_SHARE_MASKED_OR_KEPT * 2**32), ids_BS, tf.cast(token_BS, tf.int32)),
    )
    positions_BP, is_used_BP = _first_positions(chosen_BS, max_predictions_per_seq)
    masked_ids_BP = tf.gather(ids_BS, positions_BP, batch_dims=1)
    return {
        **batch,
        "input_ids": tf.where(chosen_BS, replacement_BS, ids_BS),
        "masked_lm_positions": positions_BP,
        "masked_lm_ids": tf.where(is_used_BP, masked_ids_BP, 0),
        "masked_lm_weights": tf.cast(is_used_BP, tf.float32),
    }


def hash_u32(seed: int, *counters: tf.Tensor | int) -> tf.Tensor:
    """`order.hash_u32` in TF ops: counters int64, of which the low 32 bits count -> uint32."""
    h = tf.constant(order.check_seed(seed), tf.uint32)
    for counter in counters:
        k = tf.cast(tf.bitwise.bitwise_and(tf.cast(counter, tf.int64), 0xFFFFFFFF), tf.uint32)
        k = _rotate_left(k * _u32(0xCC9E2D51), 15) * _u32(0x1B873593)
        h = _rotate_left(tf.bitwise.bitwise_xor(h, k), 13) * _u32(5) + _u32(0xE6546B64)
    h = tf.bitwise.bitwise_xor(h, _u32(4 * len(counters)))
    h = _xor_shifted(h, 16) * _u32(0x85EBCA6B)
    h = _xor_shifted(h, 13) * _u32(0xC2B2AE35)
    return _xor_shifted(h, 16)


def _u32(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint32)


def _rotate_left(x: tf.Tensor, bits: int) -> tf.Tensor:
    left = tf.bitwise.left_shift(x, _u32(bits))
    return tf.bitwise.bitwise_or(left, tf.bitwise.right_shift(x, _u32(32 - bits)))


def _xor_shifted(x: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, _u32(bits)))


def _split_words(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    low = tf.bitwise.bitwise_and(index, 0xFFFFFFFF)
    return low, _shift_right(index, 32)


def _shift_right(x: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.right_shift(x, tf.constant(bits, tf.int64))


def _continues(ids_BS: tf.Tensor, candidate_BS: tf.Tensor, is_continuation: tf.Tensor) -> tf.Tensor:
    """True where a token goes on with the word before it; never across [CLS] or [SEP]."""
    after_candidate_BS = tf.pad(candidate_BS[:, :-1], [[0, 0], [1, 0]])
    return tf.gather(is_continuation, ids_BS) & after_candidate_BS


def _numbers(
    candidate_BS: tf.Tensor, masked_lm_prob: float, max_predictions_per_seq: int
) -> tf.Tensor:
    """int64 [B]: how many tokens to predict. In float64, as the NumPy twin; halves to even."""
    count_B = tf.reduce_sum(tf.cast(candidate_BS, tf.int64), axis=1)
    share_B = tf.cast(count_B, tf.float64) * tf.constant(masked_lm_prob, tf.float64)
    wanted_B = tf.maximum(tf.cast(tf.round(share_B), tf.int64), 1)
    return tf.minimum(tf.minimum(wanted_B, max_predictions_per_seq), count_B)


def _choose_words(
    candidate_BS: tf.Tensor, word_begin_BS: tf.Tensor, hash_BS: tf.Tensor, number_B: tf.Tensor
) -> tf.Tensor:
    """bool [B, S]: the tokens of the words that are taken, in the order of their hashes.

    A word stands at the position of its first token. Equal hashes are decided by position.
    """
    num_rows, length = tf.unstack(tf.shape(candidate_BS, tf.int64))
    position_1S = tf.range(length)[tf.newaxis]
    row_B1 = tf.range(num_rows)[:, tf.newaxis]
    # For every token the number of its word in the row; words that share a hash cannot be confused.
    word_BS = tf.maximum(tf.cumsum(tf.cast(word_begin_BS, tf.int64), axis=1) - 1, 0)
    segment = tf.reshape(row_B1 * length + word_BS, [-1])

    def per_word(values_BS: tf.Tensor) -> tf.Tensor:
        """Sums values over the tokens of each word: int64 [B, S], words in their order."""
        flat = tf.math.unsorted_segment_sum(tf.reshape(values_BS, [-1]), segment, num_rows * length)
        return tf.reshape(flat, [num_rows, length])

    key_BS = tf.bitwise.left_shift(hash_BS, tf.constant(_POSITION_BITS, tf.int64)) + position_1S
    size_BW = per_word(tf.cast(candidate_BS, tf.int64))
    key_BW = per_word(tf.where(word_begin_BS, key_BS, tf.zeros_like(key_BS)))
    key_BW = tf.where(size_BW > 0, key_BW, _NEVER)
    order_BW = tf.argsort(key_BW, axis=1)
    taken_sorted_BW = _take_greedily(tf.gather(size_BW, order_BW, batch_dims=1), number_B)
    taken_BW = tf.scatter_nd(
        tf.stack(
            [tf.broadcast_to(row_B1, tf.shape(key_BW, tf.int64)), tf.cast(order_BW, tf.int64)], -1
        ),
        tf.cast(taken_sorted_BW, tf.int32),
        tf.shape(key_BW, tf.int64),
    )
    return (tf.gather(taken_BW, word_BS, batch_dims=1) > 0) & candidate_BS


def _take_greedily(size_BW: tf.Tensor, room_B: tf.Tensor) -> tf.Tensor:
    """bool [B, W]: goes through the words in order and takes each that still fits.

    A word larger than the room left will not fit later either, because room only shrinks. So each
    turn drops those, then takes the words up to the first that overflows; a few turns are enough.
    """

    def turn(
        waiting_BW: tf.Tensor, taken_BW: tf.Tensor, room_B: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        waiting_BW &= size_BW <= room_B[:, tf.newaxis]
        filled_BW = tf.cumsum(tf.where(waiting_BW, size_BW, 0), axis=1)
        fits_BW = waiting_BW & (filled_BW <= room_B[:, tf.newaxis])
        room_B -= tf.reduce_sum(tf.where(fits_BW, size_BW, 0), axis=1)
        return waiting_BW & ~fits_BW, taken_BW | fits_BW, room_B

    nothing_BW = tf.zeros_like(size_BW, tf.bool)
    _, taken_BW, _ = tf.while_loop(
        lambda waiting_BW, *_: tf.reduce_any(waiting_BW),
        turn,
        (size_BW > 0, nothing_BW, room_B),
    )
    return taken_BW


def _first_positions(chosen_BS: tf.Tensor, num_slots: int) -> tuple[tf.Tensor, tf.Tensor]:
    """int32 [B, P] the chosen positions, ascending, then 0; bool [B, P] which slots are used."""
    slot_BS = tf.cumsum(tf.cast(chosen_BS, tf.int32), axis=1) - 1
    where_N2 = tf.cast(tf.where(chosen_BS), tf.int32)
    slots_N = tf.boolean_mask(slot_BS, chosen_BS)
    shape = tf.stack([tf.shape(chosen_BS)[0], num_slots])
    static_shape = (chosen_BS.shape[0], num_slots)
    indices_N2 = tf.stack([where_N2[:, 0], slots_N], axis=1)
    positions_BP = tf.scatter_nd(indices_N2, where_N2[:, 1], shape)
    used_B1 = tf.reduce_sum(tf.cast(chosen_BS, tf.int32), axis=1, keepdims=True)
    is_used_BP = tf.range(num_slots)[tf.newaxis] < used_B1
    return tf.ensure_shape(positions_BP, static_shape), tf.ensure_shape(is_used_BP, static_shape)
