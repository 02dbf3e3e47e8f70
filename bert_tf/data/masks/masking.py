"""Draws the masked-LM positions, in TF ops on whole batches.

The host draws them whenever it reads a batch (dynamic masks), or once when the records are made
(static masks). A mask is a function of (seed, epoch, example, position) through the hash of
bert_tf.data.hashing. Batch size, shards, workers and threads do not change it. An example gets the
same mask in a row of several examples as in a row of its own.

Shapes: B rows, S tokens of a row, P predictions of a row, E examples of a row, N predicted tokens
of all rows.
"""

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from bert_tf.data import hashing
from bert_tf.data.masks.mask_choice import (
    choose_groups,
    choose_tokens,
    ngram_begins,
    shift_right,
    sum_per_group,
)
from bert_tf.tokenization.tokenizer import Tokenizer

GOES_ON = "goes_on"
_MOST_PREDICTIONS = 65536  # each has a place in every row of a batch


@dataclasses.dataclass(frozen=True)
class Masker:
    """Masks batches as google-research/bert does, with counters in place of a random state.

    An example has round(masked_lm_prob x candidates) predicted tokens, at least 1 and at most
    `max_predictions_per_seq`. All real tokens are candidates, except those that the row layout
    adds, such as [CLS] and [SEP]. By default 80 % of the predicted tokens become the mask token,
    10 % become a token drawn uniformly from the vocabulary, and 10 % stay. Each token is drawn
    separately, even in a word or n-gram. A row has P slots, however many examples it holds. Its
    first P predictions get them; the other tokens stay as they are, are not predicted, and are
    counted.

    Attributes:
      tokenizer: the tokenizer of the data; has the mask token, the special tokens, which are never
        masked, and where words begin.
      seed: in [0, 2**32).
      masked_lm_prob: share of the candidates to predict.
      max_predictions_per_seq: P.
      whole_word: mask all pieces of a word together; a word that does not fit is skipped.
      max_ngram: with `whole_word`, masks n-grams of up to this many words. An n-gram has n words
        with a probability proportional to 1/n (Lan et al. 2019, section 4.1). If an n-gram does
        not fit, only its first words that fit are masked. The whole text is cut into n-grams before
        any is taken, so lengths follow the formula and first words are as frequent as others.
        ALBERT's create_pretraining_data.py draws overlapping n-grams, and drops each one that
        overlaps an earlier one. There an n-gram can contain a separator; here it cannot.
      mask_share: share of the predicted tokens that become the mask token.
      random_share: share of the predicted tokens that become a drawn token. The rest stays.
      has_draws: add random numbers for each prediction to a batch (`add_draws`), for a task that
        draws a token there.

    Raises:
      ValueError: a setting is out of range.
    """

    tokenizer: Tokenizer
    seed: int = 0
    masked_lm_prob: float = 0.15
    max_predictions_per_seq: int = 20
    whole_word: bool = False
    max_ngram: int = 1
    mask_share: float = 0.8
    random_share: float = 0.1
    has_draws: bool = False

    def __post_init__(self) -> None:
        hashing.check_seed(self.seed)
        if not 0 < self.masked_lm_prob <= 1:
            raise ValueError(
                f"masked_lm_prob is {self.masked_lm_prob}; it must be above 0 and at most 1"
            )
        if not 1 <= self.max_predictions_per_seq <= _MOST_PREDICTIONS:
            raise ValueError(
                f"max_predictions_per_seq is {self.max_predictions_per_seq}; it must be at least 1 "
                f"and at most {_MOST_PREDICTIONS}"
            )
        check_max_ngram(self.max_ngram, self.whole_word)

    @tf.autograph.experimental.do_not_convert
    def __call__(
        self, batch: dict[str, tf.Tensor], epoch: tf.Tensor, example_index: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Masks a batch.

        Args:
          batch: `input_ids`, `input_mask`, int32 [B, S]. Rows of several examples also have
            `position_ids` and `example_ids`, int32 [B, S]. `goes_on`,
            bool [B, S]: further tokens that do not begin a word. Other entries do not change.
          epoch: int64 [B], a counter.
          example_index: int64 [B], a counter; for rows of several examples [B, E].

        Returns:
          The batch with masked `input_ids` and four new entries: `masked_lm_positions` (ascending)
          and `masked_lm_ids`, int32 [B, P], and `masked_lm_weights`, float32 [B, P], which are 0 in
          unused slots; `masked_lm_left_out`, int32 [B], the number of predictions without a slot.
        """
        ids_BS = batch["input_ids"]
        position_BS, example_BS, index_BS = _counters(batch, example_index)
        counters = _Counters(epoch[:, tf.newaxis], *split_words(index_BS), position_BS)
        candidate_BS = self._candidates(batch)
        max_examples = 1 if example_index.shape.rank == 1 else example_index.shape[1]
        wanted_BE = _numbers(candidate_BS, example_BS, max_examples, self.masked_lm_prob)
        number_BE = tf.minimum(wanted_BE, self.max_predictions_per_seq)
        begins_word_BS = tf.gather(tf.constant(self.tokenizer.begins_word), ids_BS)
        if GOES_ON in batch:
            begins_word_BS &= ~batch[GOES_ON]
        chosen_BS = self._choose(begins_word_BS, candidate_BS, example_BS, number_BE, counters)
        left_out_B = tf.cast(tf.reduce_sum(wanted_BE - number_BE, axis=1), tf.int32)
        if max_examples > 1:
            rank_BS = tf.cumsum(tf.cast(chosen_BS, tf.int32), axis=1)
            left_out_B += tf.maximum(rank_BS[:, -1] - self.max_predictions_per_seq, 0)
            chosen_BS &= rank_BS <= self.max_predictions_per_seq
        # Only the chosen tokens, one in seven, need to draw what they become.
        where_N2 = tf.where(chosen_BS)
        ids_N = tf.gather_nd(ids_BS, where_N2)
        counters = counters.at(where_N2, tf.shape(ids_BS))
        token_N = counters.draw(self.seed, hashing.STREAM_MASK_TOKEN) * len(self.tokenizer)
        kind_N = counters.draw(self.seed, hashing.STREAM_MASK_KIND)
        replacements_N = self._replacements(ids_N, kind_N, shift_right(token_N, 32))
        slots = _Slots(chosen_BS, where_N2, self.max_predictions_per_seq)
        return {
            **batch,
            "input_ids": tf.tensor_scatter_nd_update(ids_BS, where_N2, replacements_N),
            "masked_lm_positions": slots.fill(tf.cast(where_N2[:, 1], tf.int32)),
            "masked_lm_ids": slots.fill(ids_N),
            "masked_lm_weights": tf.cast(slots.is_used_BP, tf.float32),
            "masked_lm_left_out": left_out_B,
        }

    @tf.autograph.experimental.do_not_convert
    def add_draws(
        self, batch: dict[str, tf.Tensor], epoch: tf.Tensor, example_index: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Adds `masked_lm_draws`, int32 [B, P, 2]: two random numbers for each prediction.

        They are in [0, 2**24). Like the masks, they are functions of (seed, epoch, example,
        position). They are integers because Keras rounds a model's float inputs to the compute
        dtype.

        Args:
          batch: has `masked_lm_positions` [B, P].
          epoch, example_index: see `__call__`.
        """
        shape, positions_BP = tf.shape(batch["input_ids"]), batch["masked_lm_positions"]
        position_BS, _, index_BS = _counters(batch, example_index)
        position_BP, index_BP = (
            tf.gather(tf.broadcast_to(counter, shape), positions_BP, batch_dims=1)
            for counter in (position_BS, index_BS)
        )
        counters = _Counters(epoch[:, tf.newaxis], *split_words(index_BP), position_BP)
        drawn = [counters.draw(self.seed, stream) for stream in hashing.STREAMS_SAMPLE]
        # float32 holds 24 bits.
        draws_BP2 = tf.cast(shift_right(tf.stack(drawn, axis=-1), 8), tf.int32)
        return {**batch, "masked_lm_draws": draws_BP2}

    def _replacements(self, ids_N: tf.Tensor, kind_N: tf.Tensor, token_N: tf.Tensor) -> tf.Tensor:
        """int32 [N]: what the predicted tokens become; `kind_N`, in [0, 2**32), decides."""
        is_kept_N = kind_N < int((1 - self.random_share) * 2**32)
        unmasked_N = tf.where(is_kept_N, ids_N, tf.cast(token_N, tf.int32))
        is_masked_N = kind_N < int(self.mask_share * 2**32)
        return tf.where(is_masked_N, self.tokenizer.mask_id, unmasked_N)

    def _candidates(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Bool [B, S]: the tokens that can be predicted."""
        candidate_BS = batch["input_mask"] > 0
        for special_id in self.tokenizer.layout.special_ids:
            candidate_BS &= batch["input_ids"] != special_id
        return candidate_BS

    def _choose(
        self,
        begins_word_BS: tf.Tensor,
        candidate_BS: tf.Tensor,
        example_BS: tf.Tensor,
        number_BE: tf.Tensor,
        counters: "_Counters",
    ) -> tf.Tensor:
        """Bool [B, S]: the tokens to predict, at most `number_BE` of each example."""
        order_BS = counters.draw(self.seed, hashing.STREAM_MASK_ORDER)
        if not self.whole_word:
            return choose_tokens(
                candidate_BS,
                example_BS,
                order_BS,
                number_BE,
                max_number=self.max_predictions_per_seq,
            )
        begin_BS = word_begin_BS = candidate_BS & (begins_word_BS | ~_after(candidate_BS))
        if self.max_ngram > 1:
            begin_BS = ngram_begins(
                candidate_BS,
                word_begin_BS,
                example_BS,
                counters.draw(self.seed, hashing.STREAM_MASK_NGRAM),
                max_ngram=self.max_ngram,
                max_examples=number_BE.shape[1],
            )
        return choose_groups(
            candidate_BS,
            begin_BS,
            example_BS,
            order_BS,
            number_BE,
            word_begin_BS=word_begin_BS,
            max_words=self.max_ngram,
        )


def check_max_ngram(max_ngram: int, whole_word: bool) -> None:
    """Raises ValueError if n-grams have no words, or if words are not masked as a whole."""
    if max_ngram < 1:
        raise ValueError(f"max_ngram is {max_ngram}; it must be at least 1 (single words)")
    if max_ngram > 1 and not whole_word:
        raise ValueError(
            f"max_ngram is {max_ngram}, but do_whole_word_mask is false; n-grams consist of whole "
            "words: set do_whole_word_mask to true, or max_ngram to 1"
        )


class _Counters(NamedTuple):
    """The counters that a token's hash takes besides the seed: int64, broadcastable shapes."""

    epoch: tf.Tensor
    index_low: tf.Tensor
    index_high: tf.Tensor
    position: tf.Tensor

    def draw(self, seed: int, stream: int) -> tf.Tensor:
        """int64 in [0, 2**32)."""
        return tf.cast(hash_u32(seed, *self, stream), tf.int64)

    def at(self, where_N2: tf.Tensor, shape: tf.Tensor) -> "_Counters":
        """The counters of single tokens, each [N]."""
        return _Counters(*(tf.gather_nd(tf.broadcast_to(c, shape), where_N2) for c in self))


def hash_u32(seed: int, *counters: tf.Tensor | int) -> tf.Tensor:
    """`hashing.hash_u32` in TF ops: int64 counters (only the low 32 bits count) -> uint32."""
    h = tf.constant(hashing.check_seed(seed), tf.uint32)
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


def split_words(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The low and the high 32 bits of an int64, as counters of `hash_u32`."""
    low = tf.bitwise.bitwise_and(index, 0xFFFFFFFF)
    return low, shift_right(index, 32)


def _after(candidate_BS: tf.Tensor) -> tf.Tensor:
    """Bool [B, S]: the previous token is a candidate, so a word can continue here."""
    return tf.pad(candidate_BS[:, :-1], [[0, 0], [1, 0]])


def _counters(
    batch: dict[str, tf.Tensor], example_index: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The position in the example, the example's number in the row, and its index, of each token.

    Each is int64, [B, S] or broadcastable to it. Examples of a row are numbered from 0. Padding
    belongs to the first.
    """
    shape = tf.shape(batch["input_ids"])
    if example_index.shape.rank == 1:
        position_1S = tf.range(shape[1], dtype=tf.int64)[tf.newaxis]
        return position_1S, tf.zeros(shape, tf.int64), example_index[:, tf.newaxis]
    example_BS = tf.maximum(tf.cast(batch["example_ids"], tf.int64) - 1, 0)
    index_BS = tf.gather(example_index, example_BS, batch_dims=1)
    return tf.cast(batch["position_ids"], tf.int64), example_BS, index_BS


def _numbers(
    candidate_BS: tf.Tensor,
    example_BS: tf.Tensor,
    max_examples: int,
    masked_lm_prob: float,
) -> tf.Tensor:
    """int64 [B, E]: how many tokens to predict. Rounds float64 half to even, as NumPy does."""
    count_BE = sum_per_group(tf.cast(candidate_BS, tf.int64), example_BS, max_examples)
    share_BE = tf.cast(count_BE, tf.float64) * tf.constant(masked_lm_prob, tf.float64)
    wanted_BE = tf.maximum(tf.cast(tf.round(share_BE), tf.int64), 1)
    return tf.minimum(wanted_BE, count_BE)


class _Slots:
    """Puts values of the chosen tokens into the P slots of their row, from the left.

    Args:
      chosen_BS: bool, at most P in a row.
      where_N2: int64, `tf.where(chosen_BS)`.
      num_slots: P.

    Attributes:
      is_used_BP: bool, the slots that hold a token.
    """

    def __init__(self, chosen_BS: tf.Tensor, where_N2: tf.Tensor, num_slots: int):
        self._static_shape = (chosen_BS.shape[0], num_slots)
        self._shape = tf.stack([tf.shape(chosen_BS)[0], num_slots])
        used_B = tf.reduce_sum(tf.cast(chosen_BS, tf.int64), axis=1)
        used_before_B = tf.cumsum(used_B, exclusive=True)
        row_N = where_N2[:, 0]
        slot_N = tf.range(tf.shape(row_N, tf.int64)[0]) - tf.gather(used_before_B, row_N)
        self._indices_N2 = tf.cast(tf.stack([row_N, slot_N], axis=1), tf.int32)
        is_used_BP = tf.range(num_slots, dtype=tf.int64) < used_B[:, tf.newaxis]
        self.is_used_BP = tf.ensure_shape(is_used_BP, self._static_shape)

    def fill(self, values_N: tf.Tensor) -> tf.Tensor:
        """[B, P]: `values_N` in their slots, 0 in unused slots."""
        filled_BP = tf.scatter_nd(self._indices_N2, values_N, self._shape)
        return tf.ensure_shape(filled_BP, self._static_shape)
