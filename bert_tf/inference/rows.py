"""The input of predict.py: lines of text, or rows of a table with all their columns."""

import ast
import json
from collections.abc import Iterator, Mapping
from typing import Any

from absl import logging

from bert_tf.data.labelled import columns as text_columns
from bert_tf.data.labelled import records, tables
from bert_tf.data.labelled.columns import Known, TextColumns
from bert_tf.data.labelled.records import Reading
from bert_tf.data.text.lines import STANDARD_INPUT, holds_half_a_surrogate_pair
from bert_tf.inference import stream
from bert_tf.inference.stream import Line
from bert_tf.tasks.task import NOTHING, Serve

# Settings of the text columns. They are valid for every task, though only some tasks have them.
_COLUMN_SETTINGS = ("text_column", "text_pair_column", "header")


def for_reading(task: Serve, reading: Reading, given: Mapping[str, str]) -> Serve:
    """The task for files with other columns or formats, see `Task.with_reading`.

    `text_column`, `text_pair_column` and `header` are valid for every task: `read` uses them.
    """
    own = {
        name: text
        for name, text in given.items()
        if name not in _COLUMN_SETTINGS or _reads_tables(task)
    }
    return task.with_reading(reading, own)


def _reads_tables(task: Serve) -> bool:
    return "header" in task.config.task.READING


def read(
    path: str | None, task: Serve, reading: Reading, given: Mapping[str, str] = NOTHING
) -> Iterator[Line]:
    """Reads the lines of a file, or the rows of a table, lazily.

    Args:
      path: the file; None: standard input.
      task: decides which columns are the texts.
      reading: format and encoding; "auto" is lines, unless the name is that of a table.
      given: {setting: text} of the command line, see `for_reading`.

    Raises:
      ValueError: the file is missing, empty or has another encoding, or a table lacks columns that
        the task needs. The message names file and line.
    """
    if reading.kind(path) == records.LINES:
        return stream.read(path, reading.encoding)
    return _rows(path, task, reading, _known(task, given))


def _known(task: Serve, given: Mapping[str, str]) -> Known:
    known = task.columns
    if _reads_tables(task):  # its settings already have the columns
        return known
    wanted = TextColumns(
        given.get("text_column") or known.wanted.text,
        given.get("text_pair_column") or known.wanted.pair,
    )
    return known._replace(wanted=wanted, header=_names(given.get("header", "()")))


def _names(text: str) -> tuple[str, ...]:
    try:
        return tuple(map(str, ast.literal_eval(text)))
    except (ValueError, SyntaxError, TypeError) as error:
        raise ValueError(
            f"--config.task.header={text}: expected names such as \"('id','text')\"."
        ) from error


def _rows(path: str | None, task: Serve, reading: Reading, known: Known) -> Iterator[Line]:
    objects = task.iterate_objects(path, reading, known)
    name, texts_of, wanted = path or STANDARD_INPUT, None, []
    for number, record in objects:
        if texts_of is None:
            texts = _columns_of(name, list(record), task, known)
            texts_of = text_columns.reader(name, list(record), texts)
            wanted = texts.names(record)
        values = {
            column: _text(name, number, column, record.get(column), known) for column in wanted
        }
        yield _line(name, number, record, texts_of(values), task, known)
    if texts_of is None:
        raise ValueError(f"{name}: no rows below the header line. Expected at least one.")


def _text(name: str, number: int, column: str, value: Any, known: Known) -> str:
    is_list = column in known.word_lists and isinstance(value, list)
    if is_list and all(isinstance(word, str) for word in value):
        return " ".join(value)
    return tables.text_or_nothing(name, number, column, value)


def _columns_of(name: str, names: list[str], task: Serve, known: Known) -> TextColumns:
    lists = [column for column in known.word_lists if column in names]
    trained = TextColumns(lists[0]) if lists else known.trained
    try:
        texts = text_columns.find(name, names, known.wanted, trained)
        text_columns.check_pairs(name, texts, task.takes_pairs, names)
    except ValueError as error:
        raise ValueError(f"{error} --input_format=lines answers each line as a text.") from error
    logging.info("%s: texts from %s", name, texts)
    return texts


def _line(
    name: str,
    number: int,
    record: dict[str, Any],
    texts: tuple[str, ...],
    task: Serve,
    known: Known,
) -> Line:
    """A row, with the same checks as a line."""
    given = {key: tables.plain(value) for key, value in record.items() if key not in known.hidden}
    text = json.dumps({**given, "": texts}, ensure_ascii=False)
    if not text.isprintable() and holds_half_a_surrogate_pair(text):
        raise ValueError(f"{name}:{number}: half a surrogate pair, which is no text.")
    if not task.takes_pairs:
        try:
            task.read_line(texts[0])
        except ValueError as error:
            raise ValueError(f"{name}:{number}: {error}") from error
    return Line(number, text, texts, given)
