"""The best path through the words of many texts (Viterbi 1967), in TF ops, also of long texts.

A text of a megabyte has 200,000 words, and the algorithm goes word by word. So the words are laid
out as rows, a long text as many: all rows take a step at once. What a row needs to know of the row
before it, the best sums of the tags there, is computed first, for each tag that may stand there.

The answer is that of the plain algorithm over the whole text, not nearly that one: scores are
rounded to multiples of 2^-20 and summed in float64, so sums are exact whatever their order. Of
equal sums the one with the first tags wins.

Shape suffixes: L tags, C classes of tags that may be followed by the same tags, X words of all
texts, N texts, R rows, K words of a row.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

_UNIT = 2.0**20
_SHORTEST_ROW = 128  # words; shorter texts are one row each
_LARGEST_STEP = 1 << 22  # numbers that one step over the rows may make


class _Rows(NamedTuple):
    """How words are laid out.

    Attributes:
      words: int32 [K, R], indices of words.
      present: bool [K, R], whether there is such a word in the row: the first ones.
      is_first, is_last: bool [R], whether the row is the first or the last of its text.
      are_many: bool, whether any text has several rows.
    """

    words: tf.Tensor
    present: tf.Tensor
    is_first: tf.Tensor
    is_last: tf.Tensor
    are_many: tf.Tensor


class BestPath:
    """Finds the best tags under costs for what follows what.

    Args:
      between_LL: what is added to the sum where tag [1] stands behind tag [0]; 0 or a large
        negative number.
      outside: the tag that stands before the first and behind the last word of each text.
    """

    def __init__(self, between_LL: np.ndarray, outside: int):
        self._between_LL = between_LL.astype(np.float64)
        self._between_CL, self._class_L = np.unique(self._between_LL, axis=0, return_inverse=True)
        self._start_L = np.where(np.arange(len(between_LL)) == outside, 0.0, -np.inf)
        self._end_L = self._between_LL[:, outside]

    def __call__(self, scores_XL: tf.Tensor, lengths_N: tf.Tensor) -> tf.Tensor:
        """int32 [X]: the best tags.

        Args:
          scores_XL: float32, the score of each tag for each word; texts are laid end to end.
          lengths_N: int32, the words of each text; X in all.
        """
        rows = self._rows(lengths_N)
        scores_XL = tf.round(tf.cast(scores_XL, tf.float64) * _UNIT) / _UNIT
        scores_KRL = tf.gather(scores_XL, rows.words)
        words = (scores_KRL, rows.present[..., tf.newaxis])
        start_RL = tf.cond(
            rows.are_many,
            lambda: self._starts(words, rows.is_first),
            lambda: tf.zeros_like(scores_KRL[0]) + self._start_L,
        )
        end_RL, before_KRL = self._forward(start_RL, words)
        last_R = tf.argmax(end_RL + self._end_L, axis=-1, output_type=tf.int32)
        tags_KRL = _paths(before_KRL)
        before_RL = tf.gather(before_KRL[0], tags_KRL[0], batch_dims=1)
        last_R = tf.cond(
            rows.are_many, lambda: _chained(before_RL, last_R, rows.is_last), lambda: last_R
        )
        tags_RK = tf.gather(tf.transpose(tags_KRL, [1, 2, 0]), last_R, batch_dims=1)
        return tf.boolean_mask(tags_RK, tf.transpose(rows.present))

    def _rows(self, lengths_N: tf.Tensor) -> _Rows:
        """Rows as long as all of them take the fewest steps, and of bounded memory."""
        lengths_N = tf.cast(lengths_N, tf.int32)
        num_words = tf.reduce_sum(lengths_N)
        longest = tf.maximum(tf.reduce_max(tf.concat([lengths_N, [1]], axis=0)), 1)
        numbers_a_row = self._between_CL.size * len(self._between_CL)
        fewest_steps = tf.cast(tf.sqrt(tf.cast(num_words, tf.float32)), tf.int32)
        in_memory = -(-num_words // max(_LARGEST_STEP // numbers_a_row, 1))
        width = tf.minimum(tf.maximum(tf.maximum(fewest_steps, in_memory), _SHORTEST_ROW), longest)
        count_N = -(-lengths_N // width)
        numbers = tf.ragged.range(count_N)
        text_R = tf.cast(numbers.value_rowids(), tf.int32)
        place_R, text_length_R = numbers.values * width, tf.gather(lengths_N, text_R)
        begin_R = tf.gather(tf.cumsum(lengths_N, exclusive=True), text_R) + place_R
        step_K1 = tf.range(width)[:, tf.newaxis]
        present_KR = step_K1 < text_length_R - place_R
        return _Rows(
            words=tf.where(present_KR, begin_R + step_K1, 0),
            present=present_KR,
            is_first=numbers.values == 0,
            is_last=numbers.values == tf.gather(count_N, text_R) - 1,
            are_many=tf.size(text_R) > tf.math.count_nonzero(lengths_N, dtype=tf.int32),
        )

    def _starts(self, words: tuple[tf.Tensor, tf.Tensor], is_first_R: tf.Tensor) -> tf.Tensor:
        """float64 [R, L]: the best sums of the tags before each row."""
        num_classes, num_tags = self._between_CL.shape
        scores_KRL, present_KR1 = words

        def step(sums_LRC, word):
            # The best of each class of tags before; the class decides what may follow.
            best_CRC = tf.math.unsorted_segment_max(sums_LRC, self._class_L, num_classes)
            sums_CLRC = best_CRC[:, tf.newaxis] + self._between_CL[..., np.newaxis, np.newaxis]
            new_LRC = tf.reduce_max(sums_CLRC, axis=0) + tf.transpose(word[0])[..., tf.newaxis]
            return tf.where(word[1], new_LRC, sums_LRC)

        # Behind the first word: for each class of the tag before the row.
        first_LRC = (
            tf.transpose(scores_KRL[0])[..., tf.newaxis]
            + (tf.transpose(self._between_CL)[:, tf.newaxis])
        )
        sums_LRC = tf.foldl(step, (scores_KRL[1:], present_KR1[1:]), initializer=first_LRC)

        def chain(start_L, row):
            is_first, before_LC = row
            classes_C = tf.math.unsorted_segment_max(start_L, self._class_L, num_classes)
            return tf.where(is_first, self._start_L, tf.reduce_max(before_LC + classes_C, axis=1))

        # A row begins where the row before it ends.
        before_RLC = tf.transpose(sums_LRC, [1, 0, 2])
        before_RLC = tf.concat([tf.zeros_like(before_RLC[:1]), before_RLC[:-1]], axis=0)
        start = tf.constant(self._start_L, shape=[num_tags])
        return tf.scan(chain, (is_first_R, before_RLC), initializer=start)

    def _forward(
        self, start_RL: tf.Tensor, words: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The best sums [R, L] at the end of each row; the tag before each tag, int32 [K, R, L]."""
        stay_RL = tf.zeros_like(start_RL, tf.int32) + tf.range(len(self._between_LL))

        def step(state, word):
            sums_RLL = state[0][:, :, tf.newaxis] + self._between_LL
            before_RL = tf.argmax(sums_RLL, axis=1, output_type=tf.int32)
            sums_RL = tf.reduce_max(sums_RLL, axis=1) + word[0]
            return tf.where(word[1], sums_RL, state[0]), tf.where(word[1], before_RL, stay_RL)

        sums_KRL, before_KRL = tf.scan(step, words, initializer=(start_RL, stay_RL))
        return sums_KRL[-1], before_KRL


def _paths(before_KRL: tf.Tensor) -> tf.Tensor:
    """int32 [K, R, L]: the tag of each word of a row, for each tag at the row's end."""

    def step(tag_RL, before_RL):
        return tf.gather(before_RL, tag_RL, batch_dims=1)

    end_RL = tf.zeros_like(before_KRL[0]) + tf.range(tf.shape(before_KRL)[2])
    earlier_KRL = tf.scan(step, before_KRL, initializer=end_RL, reverse=True)
    return tf.concat([earlier_KRL[1:], end_RL[tf.newaxis]], axis=0)


def _chained(before_RL: tf.Tensor, last_R: tf.Tensor, is_last_R: tf.Tensor) -> tf.Tensor:
    """int32 [R]: the tag at the end of each row: what the row behind it comes from."""

    def step(tag, row):
        before_L, last, is_last = row
        return tf.where(is_last, last, before_L[tag])

    # The row behind each; the last row of a text asks none.
    behind_RL = tf.concat([before_RL[1:], tf.zeros_like(before_RL[:1])], axis=0)
    return tf.scan(step, (behind_RL, last_R, is_last_R), initializer=tf.constant(0), reverse=True)
