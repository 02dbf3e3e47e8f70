"""Reads the requested columns of a table, as text.

Knows nothing of labels, tokens or tensors. Reads one row at a time (the formats are in `records`).
Every error is a `ValueError` that names the file, the line and the column.
"""

import datetime
import decimal
import json
import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from bert_tf.data.labelled import columns as column_names
from bert_tf.data.labelled import records
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.data.text.lines import STANDARD_INPUT, holds_half_a_surrogate_pair


class Row(NamedTuple):
    """The requested columns of one record, and the line on which the record begins (from 1)."""

    line: int
    values: tuple[Any, ...]


def read_table(path: str, **settings) -> list[Row]:
    """Reads the named columns of every row; `iterate_table` as a list."""
    return list(iterate_table(path, **settings))


def iterate_table(
    path: str,
    *,
    columns: Sequence[str],
    header: Sequence[str] = (),
    lists: Collection[str] = (),
    empty: Collection[str] = (),
    faulty: list[str] | None = None,
    reading: Reading = AS_NAMED,
) -> Iterator[Row]:
    """Yields the requested columns of every row, in the requested order. Holds one row in memory.

    Strings do not change. A number or a boolean of JSON or Parquet becomes its JSON spelling (`1`,
    `0.5`, `true`). Bytes in Parquet are decoded as UTF-8; decimals, dates and times become Python's
    spelling. NaN and infinity count as missing.

    Args:
      path: the file. Its extension tells the format, unless `reading` does.
      columns: the requested columns.
      header: names for the columns of a TSV or CSV without a header line. They are ignored if the
        first line contains all of `columns`.
      lists: columns that can be empty or hold a list. A list becomes a list of strings; other
        values become strings.
      empty: columns that can be empty or missing; both become "".
      faulty: if it is a list, rows with an empty value or a wrong number of fields are skipped, and
        their errors are added to the list.
      reading: format and encoding.

    Raises:
      ValueError: the file is missing, empty or damaged, or has an unknown format or another
        encoding; a column is unknown or occurs twice; the number of fields in a row differs from
        the header; a value is empty, missing or no text; a CSV field has no closing quote; a line
        is not a JSON object; lines end in CR alone.
    """
    rows = records.open_records(path, reading, header, columns, faulty)
    _, names = next(rows)
    path = path or STANDARD_INPUT
    readers = {**dict.fromkeys(empty, text_or_nothing), **dict.fromkeys(lists, _list_of)}
    wanted = [
        (place, names[place], readers.get(names[place], _text_of))
        for place in column_names.places(path, names, columns)
    ]
    num_rows = 0
    for line, fields in rows:
        try:
            values = tuple(read(path, line, name, fields[i]) for i, name, read in wanted)
        except ValueError as error:
            records.complain(str(error), faulty)
            continue
        yield Row(line, values)
        num_rows += 1
    if not num_rows:
        raise ValueError(f"{path}: no rows below the header line. Expected at least one.")


def read_column_names(
    path: str,
    header: Sequence[str] = (),
    columns: Collection[str] = (),
    reading: Reading = AS_NAMED,
) -> list[str]:
    """The names in the header of a TSV or CSV, or the keys of the first JSON record.

    `header`, `columns` and `reading` are the same as in `iterate_table`.

    Raises:
      ValueError: as in `iterate_table`, for errors in the first line.
    """
    return next(records.open_records(path, reading, header, columns))[1]


def _text_of(path: str, line: int, column: str, value: object) -> str:
    """A field as text. TSV and CSV have only text; JSON and Parquet can have any type."""
    where = f"{path}:{line}: column {column!r}"
    if value is None:
        raise ValueError(f"{where} is missing or null. Expected text.")
    if _is_missing(value):
        raise ValueError(f"{where} is {value}, which counts as missing. Expected text or a number.")
    if isinstance(value, list | dict):
        raise ValueError(f"{where} holds a JSON {type(value).__name__}. Expected text.")
    text = value if isinstance(value, str) else _spelling(where, value)
    if not text.strip():
        raise ValueError(f"{where} is empty. Expected text.")
    if not text.isprintable() and holds_half_a_surrogate_pair(text):
        raise ValueError(f"{where} holds half a surrogate pair, which is not Unicode text.")
    return text


def _is_missing(value: object) -> bool:
    """Whether a value is missing. Other programs write NaN for this, so NaN is not a class name."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _spelling(where: str, value: object) -> str:
    """A value other than a string, as the text that a TSV would hold."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"  # str may give 0E-10
    if isinstance(value, datetime.date | datetime.time):
        return str(value)
    if not isinstance(value, bytes):
        kind = type(value).__name__
        raise ValueError(f"{where} holds a {kind}. Expected text, or a column converted to text.")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{where} holds bytes that are not UTF-8 (byte {error.start + 1} is "
            f"0x{value[error.start]:02x}). Expected text in UTF-8."
        ) from error


def _list_of(path: str, line: int, column: str, value: object) -> str | list[str]:
    """A field that can be a list or empty."""
    if isinstance(value, list):
        return [_text_of(path, line, column, item) for item in value]
    return text_or_nothing(path, line, column, value)


def text_or_nothing(path: str, line: int, column: str, value: object) -> str:
    """A field that can be empty, as text; "" if it is missing or blank."""
    if _is_missing(value) or (isinstance(value, str) and not value.strip()):
        return ""
    return _text_of(path, line, column, value)


def plain(value: object) -> Any:
    """A field converted to the types of JSON."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value is None or isinstance(value, str | bool | int | float):
        return None if _is_missing(value) else value
    return f"{value:f}" if isinstance(value, decimal.Decimal) else str(value)
