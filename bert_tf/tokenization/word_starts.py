"""Words of raw text as annotated corpora count them, found among the tokens, in TF ops.

Text between white space is a word, without the punctuation around it: each such mark is one too.
Inside, CJK ideographs stand alone, and what follows an apostrophe begins with it (Germany 's). The
last dot of an abbreviation with dots (U.N.) stays with it. Other marks inside do not divide.

Shapes: N texts, T tokens of all texts, V vocabulary, K stretches between white space.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# The ranges that google-research/bert's `_is_chinese_char` lists.
IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def _is_mark(token: str) -> bool:
    """Whether it is nothing but marks: some kinds have tokens of several, such as `."`."""
    return bool(token) and all(unicodedata.category(sign)[0] in "PS" for sign in token)


def is_ideograph(token: str) -> bool:
    """Whether a token is one CJK ideograph."""
    return len(token) == 1 and any(low <= ord(token) <= high for low, high in IDEOGRAPHS)


class WordStarts:
    """Finds the tokens that begin a word.

    Args:
      token_texts: of all tokens, see `Tokenizer.token_texts`.
      begins_word: bool [V], see `Tokenizer.begins_word`.
    """

    def __init__(self, token_texts: Sequence[str], begins_word: np.ndarray):
        # A token that goes on with a word is no mark, whatever it looks like.
        texts = np.where(begins_word, np.array(token_texts, object), "")
        self._is_mark_V = tf.constant([_is_mark(text) for text in texts])
        self._is_ideograph_V = tf.constant([is_ideograph(text) for text in texts])
        self._is_apostrophe_V = tf.constant([text in ("'", "’") for text in texts])
        self._is_dot_V = tf.constant([text == "." for text in texts])
        self._is_continuation_V = tf.constant(~np.asarray(begins_word, bool))

    def __call__(
        self, ids: tf.RaggedTensor, starts: tf.RaggedTensor, ends: tf.RaggedTensor
    ) -> tf.RaggedTensor:
        """Bool [N, (tokens)] from what `Tokenizer.tokenize_with_offsets` returns.

        The first token of a text begins a word.
        """
        is_first_T = is_first(ids)
        is_continuation_T = tf.gather(self._is_continuation_V, ids.values)
        is_continuation_T &= tf.logical_not(is_first_T)
        behind_space_T = is_first_T | (starts.values > _shifted(ends.values))
        behind_space_T &= tf.logical_not(is_continuation_T)
        is_mark_T = tf.gather(self._is_mark_V, ids.values)
        is_leading_T, is_trailing_T = _edges(is_mark_T, behind_space_T)
        is_ideograph_T = tf.gather(self._is_ideograph_V, ids.values)
        is_apostrophe_T = tf.gather(self._is_apostrophe_V, ids.values)
        is_dot_T = tf.gather(self._is_dot_V, ids.values)
        is_inner_T = tf.logical_not(is_leading_T | is_trailing_T)
        of_abbreviation_T = is_dot_T & is_trailing_T & tf.logical_not(_shifted(is_mark_T))
        of_abbreviation_T &= _any_of_stretch(is_dot_T & is_inner_T, behind_space_T)
        begins_T = (
            is_ideograph_T
            | _shifted(is_ideograph_T)
            | _shifted(is_leading_T)
            | is_trailing_T & tf.logical_not(of_abbreviation_T)
            | is_apostrophe_T
        )
        return ids.with_values(behind_space_T | begins_T & tf.logical_not(is_continuation_T))


def word_ids(ids: tf.RaggedTensor, begins_word_T: tf.Tensor) -> tf.RaggedTensor:
    """The number of the word in its text that each token belongs to, int32 [N, (tokens)].

    Args:
      ids: int32 [N, (tokens)].
      begins_word_T: bool [T]. The first token of a text begins a word in any case.
    """
    count_T = tf.cumsum(tf.cast(begins_word_T | is_first(ids), tf.int32))
    before_N = tf.gather(tf.concat([[0], count_T], axis=0), ids.row_starts())
    return ids.with_values(count_T - 1 - tf.gather(before_N, ids.value_rowids()))


def joined(
    ids: tf.RaggedTensor, texts_V: tf.Tensor, begins_word_V: tf.Tensor, special_ids: Sequence[int]
) -> tf.Tensor:
    """The texts of ids, int32 [N, (S)], as string [N]: words with one space between them.

    Args:
      ids: tokens; special ones are left out.
      texts_V, begins_word_V: text of each token, and whether it begins a word.
      special_ids: the special tokens.
    """
    is_special_T = tf.reduce_any(ids.values[:, tf.newaxis] == special_ids, axis=-1)
    ids = tf.ragged.boolean_mask(ids, ids.with_values(tf.logical_not(is_special_T)))
    texts_T = tf.gather(texts_V, ids.values)
    begins_word_T = tf.gather(begins_word_V, ids.values)
    pieces_T = tf.where(begins_word_T, tf.strings.join([" ", texts_T]), texts_T)
    return tf.strings.strip(tf.strings.reduce_join(ids.with_values(pieces_T), axis=-1))


def is_first(ids: tf.RaggedTensor) -> tf.Tensor:
    """Bool [T]: whether the token is the first of its text."""
    row_T = ids.value_rowids()
    return tf.concat([tf.ones_like(row_T[:1], tf.bool), row_T[1:] != row_T[:-1]], axis=0)


def _shifted(values_T: tf.Tensor) -> tf.Tensor:
    """The value of the token before; 0 or False for the first."""
    return tf.concat([tf.zeros_like(values_T[:1]), values_T[:-1]], axis=0)


def _edges(is_mark_T: tf.Tensor, begins_stretch_T: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Bool [T] each: marks before anything else of their stretch, and marks behind all else.

    A stretch of marks alone has trailing ones only.
    """
    stretch_T = tf.cumsum(tf.cast(begins_stretch_T, tf.int32)) - 1
    num_stretches = tf.reduce_sum(tf.cast(begins_stretch_T, tf.int32))
    others_T = tf.cast(tf.logical_not(is_mark_T), tf.int32)
    total_K = tf.math.unsorted_segment_sum(others_T, stretch_T, num_stretches)
    before_K = tf.cumsum(total_K, exclusive=True)
    before_T = tf.cumsum(others_T) - tf.gather(before_K, stretch_T)
    is_trailing_T = is_mark_T & (before_T == tf.gather(total_K, stretch_T))
    return is_mark_T & (before_T == 0) & tf.logical_not(is_trailing_T), is_trailing_T


def _any_of_stretch(values_T: tf.Tensor, begins_stretch_T: tf.Tensor) -> tf.Tensor:
    stretch_T = tf.cumsum(tf.cast(begins_stretch_T, tf.int32)) - 1
    num_stretches = tf.reduce_sum(tf.cast(begins_stretch_T, tf.int32))
    count_K = tf.math.unsorted_segment_sum(tf.cast(values_T, tf.int32), stretch_T, num_stretches)
    return tf.gather(count_K, stretch_T) > 0
