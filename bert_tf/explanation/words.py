"""Texts as rows of tokens, and the words of the original text that the tokens are pieces of.

Shape suffixes: B rows, S sequence, N texts, T tokens of all texts, first texts before second ones.
"""

import dataclasses
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bert_tf.tasks.beliefs import Explain
from bert_tf.tokenization.row_layout import RowLayout
from bert_tf.tokenization.tokenizer import Tokenizer

# Scripts that set no blanks between words, as the names of their characters begin: each token of
# them is a word of its own here, or a whole sentence would be one.
_WITHOUT_BLANKS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")


class Word(NamedTuple):
    """A word of a text.

    Attributes:
      text: 0 if it is of the first text of its row, 1 if of the second.
      start, end: its characters [start, end).
    """

    text: int
    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class Rows:
    """Encoded texts.

    Attributes:
      batch: what `encode` gave.
      texts: the texts of each of N, one or two.
      of_text: int [B], the text of each row; -1 for a row without words.
      word_ids: int32 [B, S], which word of its row a token is a piece of; -1 for special tokens.
      words: the words of each row.
    """

    batch: dict[str, tf.Tensor]
    texts: list[tuple[str, ...]]
    of_text: np.ndarray
    word_ids: np.ndarray
    words: list[list[Word]]


def encode(task: Explain, columns: Sequence[Sequence[str]]) -> Rows:
    """The rows of texts.

    Args:
      task: of the model.
      columns: one or two columns of N texts.
    """
    tensors = [tf.constant(column, tf.string) for column in columns]
    batch = task.encode(*tensors)
    tokens = _Tokens(task.tokenizer, tensors, task.keeps_special_tokens)
    numbers_BS = task.token_rows(*tokens.numbers, _no_tokens(task.tokenizer.layout)).numpy()
    is_word_BS = (numbers_BS >= 0) & ~np.isin(batch["input_ids"], tokens.special_ids)
    units_BS = np.where(is_word_BS, tokens.units[numbers_BS], -1)
    word_ids, words = np.full(numbers_BS.shape, -1, np.int32), []
    of_text = np.full(len(numbers_BS), -1)
    for row, units_S in enumerate(units_BS):
        found, places = np.unique(units_S[units_S >= 0], return_inverse=True)
        word_ids[row, units_S >= 0] = places
        words.append([tokens.words[unit] for unit in found])
        if len(numbers_BS) == len(columns[0]):
            of_text[row] = row
        elif (numbers_BS[row] >= 0).any():
            of_text[row] = tokens.of_text[numbers_BS[row].max()]
    return Rows(batch, list(zip(*columns, strict=True)), of_text, word_ids, words)


def _no_tokens(layout: RowLayout) -> RowLayout:
    """The same layout with -1 for every special token."""
    stretches = {
        name: (-1,) * len(getattr(layout, name)) for name in ("before", "between", "after")
    }
    return dataclasses.replace(layout, **stretches, pad=-1)


class _Tokens:
    """The tokens of one or two columns of texts, numbered from 0 over both.

    Attributes:
      numbers: of each column, int32 [N, (tokens)]; a second column that is not there is None.
      units: int [T + 1], the word of each token; the last is for "no token".
      words: of all texts.
      of_text: int [T], the text of each token.
      special_ids: tokens that are no words, wherever they stand.
    """

    def __init__(self, tokenizer: Tokenizer, columns: Sequence[tf.Tensor], keeps_special: bool):
        self.numbers, self.words = [], []
        units, of_text, begin = [], [], 0
        for number, column in enumerate(columns):
            ids, starts, ends = tokenizer.tokenize_with_offsets(
                column, keep_special_tokens=keeps_special
            )
            count = ids.values.shape[0]
            self.numbers.append(ids.with_values(tf.range(begin, begin + count)))
            texts = [text.decode("utf-8", "replace") for text in column.numpy()]
            begins_T = _begins(tokenizer, texts, ids, starts, ends)
            units.append(len(self.words) + np.cumsum(begins_T) - 1)
            firsts = np.flatnonzero(begins_T)
            starts_T, ends_T = starts.values.numpy(), ends.values.numpy()
            lasts = np.append(firsts[1:], count)
            self.words += [
                Word(number, int(starts_T[first:last].min()), int(ends_T[first:last].max()))
                for first, last in zip(firsts, lasts, strict=True)
            ]
            of_text.append(ids.value_rowids().numpy())
            begin += count
        self.numbers += [None] * (2 - len(columns))
        self.units = np.concatenate([*units, [-1]]).astype(np.int64)
        self.of_text = np.concatenate(of_text).astype(np.int64)
        self.special_ids = sorted({*tokenizer.special_ids} - {tokenizer.unk_id})


def _begins(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    ids: tf.RaggedTensor,
    starts: tf.RaggedTensor,
    ends: tf.RaggedTensor,
) -> np.ndarray:
    """Bool [T]: where a word begins."""
    rows_T = ids.value_rowids().numpy()
    starts_T, ends_T = starts.values.numpy(), ends.values.numpy()
    places = zip(rows_T, starts_T, ends_T, strict=True)
    lone_T = np.array([_stands_alone(texts[row][start:end]) for row, start, end in places], bool)
    begins_T = tokenizer.words_begin(ids, starts, ends).values.numpy() | lone_T
    begins_T[1:] |= lone_T[:-1]
    # Pieces of one character, as byte-level tokenizers make them, stay together.
    begins_T[1:] &= (rows_T[1:] != rows_T[:-1]) | (starts_T[1:] >= ends_T[:-1])
    return begins_T


def _stands_alone(text: str) -> bool:
    """Whether a token is a word whatever is beside it: of a script without blanks."""
    name = unicodedata.name(text[0], "") if text and not text.isascii() else ""
    return name.startswith(_WITHOUT_BLANKS)
