"""Tagged words in columns: one word a line, a blank line after each sentence (CoNLL and similar).

Knows nothing of labels or tokens; `sentence_records` reads sentences as records. Tabs (then a word
can have spaces) or spaces separate two or more columns. The word `-DOCSTART-` begins a document.
Before the first word of a sentence, lines that begin with `#` are comments, unless they have as
many columns as the words. The first line that does not begin with `#` decides the separator and the
number of columns. A line with only U+FEFF is blank: WNUT-2017's development set has such a line.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from absl import logging

from bert_tf.data.text.lines import read_lines

DOCUMENT_START = "-DOCSTART-"
_MARK = "\ufeff"  # a byte order mark inside a file
_BLANKS = re.compile(r"[ \t]+")


class Sentence(NamedTuple):
    """One sentence.

    Attributes:
      words: its words.
      tags: the tag of each word; empty in a file without tags.
      lines: the line of each word in the file, from 1.
      document: number of its document, from 0; -1 if the file does not mark documents.
    """

    words: list[str]
    tags: list[str]
    lines: list[int]
    document: int


def read_sentences(
    path: str,
    *,
    word_column: int | None = None,
    tag_column: int | None = None,
    encoding: str = "utf-8",
    needs_tags: bool = True,
) -> list[Sentence]:
    """Reads a file, also compressed.

    Args:
      path: the file.
      word_column: number from 1; None: the first.
      tag_column: number from 1; None: the last.
      encoding: of the file.
      needs_tags: False: a file of one column has only words.

    Raises:
      ValueError: as in `read_lines`; a row has another number of columns than the first row, only
        one column, or no such column; a field is empty; there are no words.
    """
    sentences, document = [], -1
    words, tags, lines = [], [], []
    for number, row in _rows(path, encoding, needs_tags):
        if row is None or row[0] == DOCUMENT_START:
            if words:
                sentences.append(Sentence(words, tags, lines, document))
                words, tags, lines = [], [], []
            document += row is not None
            continue
        words.append(row[_index(path, number, row, word_column, 0)])
        if len(row) > 1:
            tags.append(row[_index(path, number, row, tag_column, len(row) - 1)])
        lines.append(number)
    if words:
        sentences.append(Sentence(words, tags, lines, document))
    if not sentences:
        raise ValueError(f"{path}: no words. Expected a word and its tag on every line.")
    if sentences[0].document < 0 <= sentences[-1].document:
        line = sentences[0].lines[0]
        raise ValueError(f"{path}:{line}: a sentence before the first {DOCUMENT_START}.")
    return sentences


def _index(path: str, line: int, row: list[str], column: int | None, usual: int) -> int:
    if column is None:
        return usual
    if not 1 <= column <= len(row):
        raise ValueError(f"{path}:{line}: no column {column}; there are {len(row)}.")
    return column - 1


def _rows(path: str, encoding: str, needs_tags: bool) -> Iterator[tuple[int, list[str] | None]]:
    """(line, fields) of each word, (line, None) for blank lines."""
    lines = [(number, text.rstrip("\r\n")) for number, text in read_lines(path, encoding)]
    marks = [number for number, text in lines if _MARK in text and not text.strip(" \t" + _MARK)]
    if marks:
        logging.warning(
            "%s: %d lines have only U+FEFF and are read as blank lines, first: line %d",
            path,
            len(marks),
            marks[0],
        )
    first = _first_words([text for _, text in lines])
    by_tabs = "\t" in first
    num_columns = len(_fields(first, by_tabs))
    is_inside = False
    for number, text in lines:
        if not text.strip(" \t" + _MARK):
            is_inside = False
            yield number, None
            continue
        if _is_document_start(text):
            yield number, [DOCUMENT_START]
            continue
        row = _fields(text, by_tabs)
        if text.startswith("#") and not is_inside and len(row) != num_columns:
            continue
        is_inside = True
        if needs_tags or num_columns > 1:
            _check_row(path, number, row, num_columns)
        yield number, row


def _first_words(lines: Sequence[str]) -> str:
    """The first line that is not a comment; otherwise a line of two columns."""
    for text in lines:
        if text.strip(" \t") and not text.startswith("#") and not _is_document_start(text):
            return text
    return "word tag"


def _is_document_start(text: str) -> bool:
    """Whether a line begins a document, with any number of columns and any separator."""
    return _BLANKS.split(text.strip(" \t"), maxsplit=1)[0] == DOCUMENT_START


def _fields(text: str, by_tabs: bool) -> list[str]:
    return text.split("\t") if by_tabs else _BLANKS.split(text.strip(" \t"))


def _check_row(path: str, line: int, row: list[str], num_columns: int) -> None:
    if len(row) == 1:
        raise ValueError(
            f"{path}:{line}: one column ({row[0][:40]!r}). Expected a word and its tag, with a "
            "space or tab between them. Pass a file of words without tags as --test_data of "
            "finetune.py."
        )
    if len(row) != num_columns:
        raise ValueError(
            f"{path}:{line}: {len(row)} columns, but the rows before have {num_columns}."
        )
    if not all(field.strip() for field in row):
        place = next(i for i, field in enumerate(row, 1) if not field.strip())
        raise ValueError(f"{path}:{line}: column {place} is empty. Expected text.")
