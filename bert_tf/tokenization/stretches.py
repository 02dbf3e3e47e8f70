"""Long words in stretches: merging all of a word costs a time that grows with its square.

Merges are decided by what stands near. So a word is cut into stretches that overlap, all are merged
side by side, and two neighbours are joined at a token that both have. That is exact: tokens are
those of a word if, and only if, any two that follow each other are those of their own text, and
then the tokens of each stretch are, and so are they at the joint. (It takes merges of which each
makes a new token that only later ones use.) A word whose stretches share no token is left alone.

Shapes: U words, S stretches, J joints of two stretches, B bytes of all stretches. A dimension in
brackets is ragged.
"""

from typing import NamedTuple

import tensorflow as tf

GONE = -1  # at a byte where no token begins
STEP = 128
LENGTH = 2 * STEP  # of a stretch, in bytes; one byte token of the longest must fit into an overlap


class Stretches(NamedTuple):
    """Stretches of words.

    Attributes:
      ids: int32 [S, (bytes)], the symbols of each.
      words: int32 [S], ascending: the word of each.
      num_words: int32, U.
    """

    ids: tf.RaggedTensor
    words: tf.Tensor
    num_words: tf.Tensor


def cut(ids: tf.RaggedTensor) -> Stretches:
    """Cuts words, int32 [U, (bytes)], into stretches; a short word is one stretch."""
    lengths_U = tf.cast(ids.row_lengths(), tf.int32)
    num_U = 1 + tf.maximum(lengths_U - LENGTH + STEP - 1, 0) // STEP
    number = tf.ragged.range(num_U)
    words_S = tf.cast(number.value_rowids(), tf.int32)
    starts_U = tf.cast(ids.row_starts(), tf.int32)
    begin_S = tf.gather(starts_U, words_S) + number.values * STEP
    end_S = tf.minimum(begin_S + LENGTH, tf.gather(starts_U + lengths_U, words_S))
    places = tf.ragged.range(begin_S, end_S)
    return Stretches(
        places.with_values(tf.gather(ids.values, places.values)), words_S, tf.size(num_U)
    )


def join(stretches: Stretches, tokens_B: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """Joins the tokens of the stretches of each word.

    Args:
      stretches: of words.
      tokens_B: int32, the token that begins at each byte of the stretches, or `GONE`.

    Returns:
      int32 [U, (tokens)], and bool [U]: whether that are the tokens of the word.
    """
    words_S = stretches.words
    first_J = tf.cast(tf.where(words_S[1:] == words_S[:-1])[:, 0], tf.int32)
    begin_S = tf.cast(stretches.ids.row_starts(), tf.int32)
    place_O = tf.range(STEP)  # in the overlap of two neighbours
    before_JO = tf.gather(tokens_B, tf.gather(begin_S, first_J)[:, tf.newaxis] + STEP + place_O)
    behind_JO = tf.gather(tokens_B, tf.gather(begin_S, first_J + 1)[:, tf.newaxis] + place_O)
    is_shared_JO = (before_JO == behind_JO) & (before_JO != GONE)
    joint_J = tf.argmax(is_shared_JO, axis=-1, output_type=tf.int32)  # the first
    num_S = tf.shape(words_S)
    none = tf.zeros(num_S, tf.int32)
    from_S = tf.tensor_scatter_nd_update(none, first_J[:, tf.newaxis] + 1, joint_J)
    until_S = tf.tensor_scatter_nd_update(none + LENGTH, first_J[:, tf.newaxis], STEP + joint_J)
    of_B = stretches.ids.value_rowids()
    place_B = tf.range(tf.size(tokens_B)) - tf.gather(begin_S, of_B)
    stays_B = (place_B >= tf.gather(from_S, of_B)) & (place_B < tf.gather(until_S, of_B))
    stays_B &= tokens_B != GONE
    joined = tf.RaggedTensor.from_value_rowids(
        tf.boolean_mask(tokens_B, stays_B),
        tf.gather(words_S, tf.boolean_mask(of_B, stays_B)),
        nrows=stretches.num_words,
        validate=False,
    )
    fits_J = tf.cast(tf.reduce_any(is_shared_JO, axis=-1), tf.int32)
    of_word_J = tf.gather(words_S, first_J)
    fits_U = tf.math.unsorted_segment_min(fits_J, of_word_J, stretches.num_words) > 0
    return joined, fits_U
