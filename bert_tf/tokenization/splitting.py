"""Normalised text -> WordPiece tokens with their places, and the limit of a word's length.

Shapes: N texts, T tokens of the whole batch, W words of the whole batch. A dimension in brackets is
ragged.
"""

import functools
import re
from typing import NamedTuple

import tensorflow as tf
import tensorflow_text as tf_text

from bert_tf.tokenization.vocabulary import Vocabulary
from bert_tf.tokenization.words import has_short_words

_MAX_BYTES_PER_CHARACTER = 4
_UNREACHABLE = re.compile(r"[\0 ]")


class Tokens(NamedTuple):
    """Tokens of texts.

    Attributes:
      ids: int32 [N, (tokens)].
      starts, ends: int64 [N, (tokens)], in bytes of the normalised texts.
    """

    ids: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor

    def words_at(self, normalized: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        """The stretches of the normalised texts [N] that the tokens at `indices` (in T) cover."""
        starts = tf.gather(self.starts.values, indices)
        rows = tf.gather(self.ids.value_rowids(), indices)
        lengths = tf.gather(self.ends.values, indices) - starts
        return tf.strings.substr(tf.gather(normalized, rows), starts, lengths)


class Splitter(tf.Module):
    """Splits normalised text at spaces, punctuation and CJK ideographs, and words into pieces.

    Args:
      vocabulary: the pieces.
      max_input_chars_per_word: a word of more characters becomes [UNK].

    Reference: Song et al., "Fast WordPiece Tokenization" (EMNLP 2021), for the op that is used.
    """

    def __init__(self, vocabulary: Vocabulary, max_input_chars_per_word: int):
        super().__init__(name="splitter")
        self._limit = max_input_chars_per_word
        self._unk_id = vocabulary.unk_id
        self._is_continuation_V = tf.constant(vocabulary.is_continuation)
        make_op = _cached_op if tf.executing_eagerly() else _make_op
        self._op = make_op(vocabulary.tokens, max_input_chars_per_word)

    def split_short_words(self, normalized: tf.Tensor) -> Tokens:
        """Tokens of texts [N] that are known to have no word beyond the limit."""
        return Tokens(*self._op.tokenize_with_offsets(normalized))

    def split(self, normalized: tf.Tensor) -> Tokens:
        """Tokens of normalised texts [N]; hardly any batch pays for the counting of characters."""
        tokens = self.split_short_words(normalized)
        return tf.cond(
            tf.reduce_all(has_short_words(normalized, self._limit)),
            lambda: tokens,
            lambda: _without_long_words(
                normalized, tokens, self._is_continuation_V, self._limit, self._unk_id
            ),
        )


def _make_op(
    tokens: tuple[str, ...], max_input_chars_per_word: int
) -> tf_text.FastWordpieceTokenizer:
    # The op limits words by their bytes; the limit in characters is enforced afterwards. A token
    # that no word can hold (empty, with a space or a NUL) gets a spelling that the op accepts.
    vocab = [
        token if token and not _UNREACHABLE.search(token) else f" {i}"
        for i, token in enumerate(tokens)
    ]
    try:
        return tf_text.FastWordpieceTokenizer(
            vocab=vocab,
            max_bytes_per_word=_MAX_BYTES_PER_CHARACTER * max_input_chars_per_word,
            token_out_type=tf.int32,
        )
    except RuntimeError as error:  # of its builder in C++
        raise ValueError(
            f"these {len(tokens)} tokens are no vocabulary of WordPiece: {error}"
        ) from error


# A run reads the tokenizer of its checkpoint several times; 0.5 s each for 30,000 tokens.
_cached_op = functools.lru_cache(maxsize=2)(_make_op)


@tf.function(autograph=False, reduce_retracing=True)
def _without_long_words(
    normalized: tf.Tensor, tokens: Tokens, is_continuation_V: tf.Tensor, limit: int, unk_id: int
) -> Tokens:
    """Makes one [UNK] of each word of too many characters."""
    begins_word_T = tf.logical_not(tf.gather(is_continuation_V, tokens.ids.values))
    first_token_W = tf.where(begins_word_T)[:, 0]
    num_tokens = tf.shape(tokens.ids.values, tf.int64)[:1]
    last_token_W = tf.concat([first_token_W, num_tokens], axis=0)[1:] - 1
    end_W = tf.gather(tokens.ends.values, last_token_W)
    suspect_W = end_W - tf.gather(tokens.starts.values, first_token_W) > limit  # bytes
    word_of_T = tf.cumsum(tf.cast(begins_word_T, tf.int64)) - 1
    whole_words = tokens._replace(ends=tokens.ends.with_values(tf.gather(end_W, word_of_T)))
    suspects = tf.where(suspect_W)
    content = whole_words.words_at(normalized, tf.gather(first_token_W, suspects))
    is_long = tf.strings.length(content, "UTF8_CHAR") > limit
    is_long_W = tf.tensor_scatter_nd_update(suspect_W, suspects, is_long[:, 0])
    is_long_T = tf.gather(is_long_W, word_of_T)
    ids_T = tf.where(is_long_T, unk_id, tokens.ids.values)
    ends_T = tf.where(is_long_T, whole_words.ends.values, tokens.ends.values)
    kept = tokens.ids.with_values(begins_word_T | tf.logical_not(is_long_T))
    return Tokens(
        tf.ragged.boolean_mask(tokens.ids.with_values(ids_T), kept),
        tf.ragged.boolean_mask(tokens.starts, kept),
        tf.ragged.boolean_mask(tokens.ends.with_values(ends_T), kept),
    )
