"""What stands around a SentencePiece model: clean-up of texts, places in them, split commas.

The clean-up is that of ALBERT: preprocess_text of google-research/albert (tokenization.py), or the
normalizer of transformers, which differs in one point.

Shapes: N texts, C characters of all texts, O characters of all normalised texts, T tokens of all
texts, V vocabulary. A dimension in brackets is ragged.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from bert_tf.tokenization import byte_level, unicode_tables
from bert_tf.tokenization.code_points import Normalized
from bert_tf.tokenization.offsets import original_offsets

_ASCII = r"[\x01-\x7F]*"  # without U+0000, see `_of_characters`
_QUOTES = "``|''"
# The second of two quotes, while one character still stands for one: a noncharacter of Unicode.
_NOTHING, _ANOTHER_NONCHARACTER = chr(0xFDD0), chr(0xFDEF)
_FOR_NUL = chr(0xFDD1)
_NEXT_LINE = chr(0x85)
_CAPITAL_SIGMA, _SIGMA = "Σ", "σ"
_BLANKS = f"[{byte_level.BLANKS}]"


class Rules(NamedTuple):
    """What is done to a text.

    Attributes:
      quotes: two backticks or two apostrophes become one quotation mark.
      decompose: characters are taken apart (NFKD) and combining marks removed.
      lower: in lower case.
      google: only marks with a combining class are removed, and sigma has its final form; else all
        combining marks, and it has not.
    """

    quotes: bool
    decompose: bool
    lower: bool
    google: bool

    @property
    def marks(self) -> str:
        """RE2 expression of the marks that are removed."""
        return f"[{byte_level.members(unicode_tables.NON_STARTERS)}]" if self.google else r"\p{M}"


def normalize(texts: tf.Tensor, rules: Rules) -> tf.Tensor:
    """Cleans up texts.

    Args:
      texts: string [N], UTF-8.
      rules: what to do.

    Returns:
      string [N].
    """
    # The one white space that the models' own normalisation does not know.
    texts = tf.strings.regex_replace(texts, _NEXT_LINE, " ")
    if rules.quotes:
        texts = tf.strings.regex_replace(texts, _QUOTES, '"')
    if not rules.decompose and not rules.lower:
        return texts
    is_ascii = tf.reduce_all(tf.strings.regex_full_match(texts, _ASCII))
    lower = tf.strings.lower if rules.lower else tf.identity
    return tf.cond(is_ascii, lambda: lower(texts), lambda: _of_characters(texts, rules))


def _of_characters(texts: tf.Tensor, rules: Rules) -> tf.Tensor:
    """Without the rule of quotes, the only one that looks at two characters."""
    if rules.decompose:
        texts = tf_text.normalize_utf8(texts, "NFKD")
        texts = tf.strings.regex_replace(texts, rules.marks, "")
    if rules.lower:
        if not rules.google:
            texts = tf.strings.regex_replace(texts, _CAPITAL_SIGMA, _SIGMA)
        # At U+0000, TensorFlow's op would end the text. No model has a piece for either character.
        texts = tf.strings.regex_replace(texts, r"\x{0}", _FOR_NUL)
        texts = tf.strings.lower(texts, encoding="utf-8")
    return texts


@tf.function(autograph=False, reduce_retracing=True)  # many ops, which are slow if eager
def normalize_with_sources(texts: tf.Tensor, rules: Rules) -> Normalized:
    """`normalize`, and which character of texts [N] each character comes from."""
    marked = texts
    if rules.quotes:
        marked = tf.strings.regex_replace(marked, _NOTHING, _ANOTHER_NONCHARACTER)
        marked = tf.strings.regex_replace(marked, _QUOTES, '"' + _NOTHING)
    characters = tf.strings.unicode_split(marked, "UTF-8")
    parts_C = _of_characters(characters.values, rules)
    parts_C = tf.where(characters.values == _NOTHING, "", parts_C)
    lengths_C = tf.strings.length(parts_C, "UTF8_CHAR")
    points = tf.strings.unicode_decode(normalize(texts, rules), "UTF-8")
    belongs_C = tf.strings.regex_full_match(characters.values, rf"{_NOTHING}|{rules.marks}+")
    return Normalized(
        points=points,
        sources=tf.repeat(tf.range(tf.size(lengths_C)), lengths_C),
        source_splits=characters.row_splits,
        is_mark=belongs_C & (lengths_C == 0),
    )


@tf.function(autograph=False, reduce_retracing=True)
def spans(
    normalized: Normalized,
    form: tf.Tensor,
    texts: tf.Tensor,
    starts: tf.RaggedTensor,
    ends: tf.RaggedTensor,
    is_space_T: tf.Tensor,
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Which characters of the original texts the tokens of normalised texts stand for.

    Args:
      normalized: the normalised texts.
      form: string [N], the same as strings.
      texts: string [N], the original ones.
      starts, ends: [N, (tokens)], in bytes of the normalised texts.
      is_space_T: bool [T], the token is a space alone. Its span is empty.

    Returns:
      starts and ends in characters of the original texts, without white space around a token, int32
      [N, (tokens)].
    """
    splits = tf.cast(starts.row_splits, tf.int64)
    # What a part of a character became has an empty span here, and all of the character there.
    last_N = tf.cast(tf.strings.length(form), starts.dtype) - 1
    starts_T = tf.minimum(starts.values, tf.gather(last_N, starts.value_rowids()))
    ends_T = tf.maximum(ends.values, starts_T + 1)
    starts, ends = (
        tf.RaggedTensor.from_row_splits(tf.cast(values, tf.int64), splits, validate=False)
        for values in (starts_T, ends_T)
    )
    first, behind = original_offsets(normalized, starts, ends)
    points = tf.strings.unicode_split(byte_level.as_utf8(texts), "UTF-8").values
    is_blank_C = tf.strings.regex_full_match(points, _BLANKS)
    others = tf.cast(tf.where(tf.logical_not(is_blank_C))[:, 0], tf.int32)
    size = tf.size(is_blank_C)
    row_T = first.value_rowids()
    text_begin_T = tf.cast(tf.gather(normalized.source_splits, row_T), tf.int32)
    text_end_T = tf.cast(tf.gather(normalized.source_splits, row_T + 1), tf.int32)
    start_T, end_T = first.values + text_begin_T, behind.values + text_begin_T
    next_T = tf.gather(tf.concat([others, [size]], 0), tf.searchsorted(others, start_T))
    last_T = tf.gather(tf.concat([[-1], others], 0), tf.searchsorted(others, end_T))
    limit_T = tf.where(is_space_T, text_end_T, end_T)
    start_T = tf.minimum(next_T, limit_T)
    end_T = tf.where(is_space_T, start_T, tf.maximum(last_T + 1, start_T))
    return first.with_values(start_T - text_begin_T), behind.with_values(end_T - text_begin_T)


class Replacements(tf.Module):
    """Puts several tokens in the place of one.

    Args:
      replacements: {id: the ids in its place}.
      lengths: of the text of each token, in characters.
    """

    def __init__(self, replacements: Mapping[int, Sequence[int]], lengths: Sequence[int]):
        super().__init__(name="replacements")
        size = len(lengths)
        self._begin_V, self._count_V = np.arange(size, dtype=np.int32), np.ones(size, np.int32)
        pool = list(range(size))
        for i, others in replacements.items():
            self._begin_V[i], self._count_V[i] = len(pool), len(others)
            pool += others
        self._pool = np.array(pool, np.int32)
        self._lengths_V = np.array(lengths, np.int32)

    def __call__(
        self,
        ids: tf.RaggedTensor,
        starts: tf.RaggedTensor | None = None,
        ends: tf.RaggedTensor | None = None,
    ) -> tuple[tf.RaggedTensor, ...]:
        """The new tokens and where they stand, int32 [N, (tokens)] each; no places if none came."""
        begin_T, count_T = (tf.gather(v, ids.values) for v in (self._begin_V, self._count_V))
        parts = tf.ragged.range(begin_T, begin_T + count_T, row_splits_dtype=tf.int64)
        splits = tf.gather(parts.row_splits, ids.row_splits)
        found = tf.gather(self._pool, parts.values)
        result = [found]
        if starts is not None:
            lengths = tf.gather(self._lengths_V, found)
            behind = tf.cumsum(lengths)
            before_T = tf.gather(tf.concat([[0], behind], 0), parts.row_splits[:-1])
            token = parts.value_rowids()
            end = tf.gather(starts.values - before_T, token) + behind
            is_last = tf.range(tf.size(found, tf.int64)) + 1 == tf.gather(
                parts.row_splits, token + 1
            )
            is_only = tf.gather(count_T, token) == 1
            start = tf.where(is_only, tf.gather(starts.values, token), end - lengths)
            limit = tf.gather(ends.values, token)
            end = tf.where(is_last, limit, tf.minimum(end, limit))
            result += [tf.minimum(start, end), end]
        return tuple(
            tf.RaggedTensor.from_row_splits(values, splits, validate=False) for values in result
        )
