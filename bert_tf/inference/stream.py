"""Answers any number of lines, in their order and in constant memory.

Lines are read in windows. A window is answered in batches of lines of similar length, for little
padding, and written as a whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from bert_tf.data.text import lines as lines_lib
from bert_tf.inference.answerers import Answerer
from bert_tf.tasks.task import Serve

_BATCHES_PER_WINDOW = 32
_BYTES_PER_WINDOW = 16 << 20


class Line(NamedTuple):
    """A text and its number, or a row of a table.

    Attributes:
      number: of its first line, from 1.
      text: the line; for a row, all its values as one text.
      texts: for a row, one or two texts for `encode`; None: the task reads the line.
      given: for a row, the values that the answer repeats.
    """

    number: int
    text: str
    texts: tuple[str, ...] | None = None
    given: Mapping[str, Any] | None = None


def read(path: str | None, encoding: str | None = None) -> Iterator[Line]:
    """Reads the lines of a file lazily or, without a path, of standard input.

    Only LF and CRLF end a line. A byte order mark is dropped; all other characters belong to the
    line. Compressed files (`.gz`, ...) are unpacked.

    Raises:
      ValueError: there are no lines, or a line has another encoding. The message names file and
        line.
    """
    if path is not None and tf.io.gfile.isdir(path):
        raise ValueError(f"{path}; Is a directory")
    if path is not None and not tf.io.gfile.exists(path):
        raise ValueError(f"{path}; No such file or directory")
    number = 0
    for number, text in lines_lib.read_lines(path, encoding):
        yield Line(number, text.removesuffix("\n").removesuffix("\r"))
    if not number:
        name = path or lines_lib.STANDARD_INPUT
        raise ValueError(f"{name} is empty; expected one text a line.")


def windows(lines: Iterable[Line], batch_size: int) -> Iterator[list[Line]]:
    """Yields lists of lines, with a limited number of batches and bytes."""
    window, size = [], 0
    for line in lines:
        window.append(line)
        size += len(line.text)
        if len(window) == _BATCHES_PER_WINDOW * batch_size or size > _BYTES_PER_WINDOW:
            yield window
            window, size = [], 0
    if window:
        yield window


def answer_window(
    answerer: Answerer, window: Sequence[Line], batch_size: int, name: str
) -> list[dict[str, Any]]:
    """Answers each line of a window, in order; an answer also repeats values of its line.

    Args:
      answerer: the model.
      window: lines.
      batch_size: lines of one batch.
      name: of the input, for messages.

    Raises:
      ValueError: the task cannot read a line. The message names the line.
    """
    records = [_record(answerer.task, line, name) for line in window]
    order = np.argsort([sum(map(len, columns)) for columns, _ in records], kind="stable")
    answers: list[Any] = [None] * len(records)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size].tolist()
        columns = list(zip(*(records[index][0] for index in chosen), strict=True))
        outputs = answerer.answer(columns)
        _check_numbers(outputs)
        for row, index in enumerate(chosen):
            said = answerer.task.describe({key: rows[row] for key, rows in outputs.items()})
            answers[index] = _joined(records[index][1], said)
    return answers


def _check_numbers(outputs: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError for NaN, which JSON cannot hold and nobody can use."""
    for key, rows in outputs.items():
        if rows.dtype.kind == "f" and np.isnan(rows).any():
            raise ValueError(
                f"the model's {key} are NaN: its weights are damaged, or they overflow."
            )


def _joined(record: Mapping[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """The repeated values of a line, then its answer. A KEY in both: the line's is `given_KEY`."""
    given = {f"given_{key}" if key in said else key: value for key, value in record.items()}
    return {**given, **said}


def texts_of(task: Serve, line: Line, name: str) -> tuple[str, ...]:
    """One or two texts of a line of the input `name`; ValueError if the task cannot read it."""
    return _record(task, line, name)[0]


def _record(task: Serve, line: Line, name: str) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    """The texts of a line, and the values that the answer repeats; an error names the line."""
    if line.texts is not None:
        return line.texts, line.given
    try:
        return task.read_line(line.text)
    except ValueError as error:
        raise ValueError(f"{name}:{line.number}: {error}") from error
