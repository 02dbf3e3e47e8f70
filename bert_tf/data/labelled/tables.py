"""Tables of text: TSV, CSV, JSON lines (also compressed) and Parquet, on disk or object storage.

Knows nothing of labels, tokens or tensors. Rows are read one at a time; every complaint is a
`ValueError` that names the file, the line and the column.

    .tsv     as GLUE writes it: a header, fields between tabs, a quote is a character like any other
    .csv     a header, RFC 4180 quoting: a quoted field may hold commas, line ends, doubled quotes
    .jsonl   one JSON object a line (.ndjson and .json are read the same way)
    .parquet every column by its name; what is called a line here is the number of the row

The first three: UTF-8, with or without a byte order mark, lines ended by LF or CRLF, and the
extensions of `bert_tf.data.text.lines` appended (`.gz`, ...).
"""

import csv
import datetime
import decimal
import itertools
import json
import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from bert_tf.data.text.lines import (
    GFileReader,
    holds_half_a_surrogate_pair,
    read_lines,
    without_compression,
)
from bert_tf.files import parse_json

_SUFFIXES = {
    ".tsv": "tsv",
    ".csv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
}
# The csv module's own limit is 131,072 characters a field; a long article is no mistake.
_LONGEST_CSV_FIELD = 16 << 20
_ROWS_PER_READ = 4096
_CR_ALONE = (
    "a carriage return (CR) stands where a line could end. Expected lines ended by LF or CRLF: "
    r"convert the file, for example with tr '\r' '\n'."
)
HEADER_HINT = (
    "The columns of a file without a header line are named with "
    "--config.task.header=\"('sentence','label')\"."
)


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
    faulty: list[str] | None = None,
) -> Iterator[Row]:
    """Yields the named columns of every row, in the order asked for, one row in memory at a time.

    Values are strings as they stand in the file. A number or a boolean of a JSON record or a
    Parquet row becomes its JSON spelling (`1`, `0.5`, `true`); of Parquet, bytes are read as UTF-8,
    decimals, dates and times are spelled as Python does. NaN and infinity count as missing.

    Args:
      path: the extension says what it is.
      columns: which.
      header: names of the columns of a TSV or CSV that may have no header line; the first line is
        the header all the same if it holds every one of `columns`.
      lists: those of `columns` that may be empty or hold a list; they are given as lists of
        strings where the file has lists, as strings elsewhere.
      faulty: given a list, a row with an empty value or another number of fields than the header
        is left out and the complaint is added to the list.

    Raises:
      ValueError: the file is missing, empty, of an unknown kind, not UTF-8 or a damaged gzip
        file; a column is unknown or occurs twice; a row has another number of fields than the
        header; a value is empty, missing or no text; a quoted field of a CSV is not closed; a
        line is not a JSON object; lines end in CR alone.
    """
    rows = _rows_of(path, header, columns, faulty)
    _, names = next(rows)
    wanted = [(i, names[i], names[i] in lists) for i in _column_indices(path, names, columns)]
    num_rows = 0
    for line, fields in rows:
        try:
            values = tuple(
                (_list_of if is_list else _text_of)(path, line, name, fields[i])
                for i, name, is_list in wanted
            )
        except ValueError as error:
            _complain(str(error), faulty)
            continue
        yield Row(line, values)
        num_rows += 1
    if not num_rows:
        raise ValueError(f"{path}: no rows below the header line. Expected at least one.")


def read_column_names(
    path: str, header: Sequence[str] = (), columns: Collection[str] = ()
) -> list[str]:
    """The header of a TSV or CSV, the keys of the first record of a JSON lines file.

    `header` and `columns` are those of `iterate_table`.

    Raises:
      ValueError: as `iterate_table`, of what can be seen in the first line.
    """
    return next(_rows_of(path, header, columns))[1]


def _rows_of(
    path: str, header: Sequence[str], columns: Collection[str], faulty: list[str] | None = None
) -> Iterator[tuple[int, list]]:
    """Yields (line, column names) and then (line, fields) of every row."""
    stem = without_compression(path)
    kind = next((kind for suffix, kind in _SUFFIXES.items() if stem.endswith(suffix)), None)
    if kind is None:
        raise ValueError(
            f"{path}: a table's name ends in {', '.join(_SUFFIXES)}, or one of these and .gz."
        )
    if kind == "parquet":
        return _with_a_first_row(path, _parquet_rows(path))
    lines = read_lines(path)
    if kind == "json":
        rows = _json_rows(_without_blank_end(path, _json_records(path, lines)))
    else:
        records = _tsv_records(path, lines) if kind == "tsv" else _csv_records(path, lines)
        records = _without_blank_end(path, records)
        rows = _rows_below_a_header(path, _with_header(records, header, columns), faulty)
    return _with_a_first_row(path, rows)


def _with_header(
    records: Iterator[tuple[int, list[str]]], header: Sequence[str], columns: Collection[str]
) -> Iterator[tuple[int, list[str]]]:
    """Puts `header` in front, unless there is none or the first line has all of `columns`."""
    first = next(records, None)
    if first is None:
        return iter(())
    names = [name.strip() for name in first[1]]
    if header and not (columns and set(columns) <= set(names)):
        return itertools.chain([(1, list(header)), first], records)
    return itertools.chain([first], records)


def _parquet_rows(path: str) -> Iterator[tuple[int, list]]:
    import pyarrow  # takes 0.2 s, so only where it is needed
    from pyarrow import parquet

    try:
        with GFileReader(path) as file:
            table = parquet.ParquetFile(file)
            names = table.schema_arrow.names
            yield 1, names
            number = 0
            for batch in table.iter_batches(_ROWS_PER_READ):
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield number, list(row)
    except (tf.errors.OpError, pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path}: cannot be read as Parquet ({error}).") from error


def _with_a_first_row(path: str, rows: Iterator) -> Iterator:
    first = next(rows, None)
    if first is None:
        raise ValueError(f"{path}: the file is empty. Expected column names and rows.")
    return itertools.chain([first], rows)


def _without_blank_end(path: str, records: Iterator) -> Iterator:
    """Blank lines may end a file; before a record they are an error: rows stay countable."""
    blank_line = 0
    for line, record in records:
        if record and blank_line:
            raise ValueError(f"{path}:{blank_line}: the line is empty. Expected a row.")
        if record:
            yield line, record
        else:
            blank_line = blank_line or line


def _complain(message: str, faulty: list[str] | None) -> None:
    """An error, or a line in the list of what was left out."""
    if faulty is None:
        raise ValueError(message)
    faulty.append(message)


def _rows_below_a_header(
    path: str, records: Iterator[tuple[int, list[str]]], faulty: list[str] | None
) -> Iterator[tuple[int, list[str]]]:
    """The header's names without spaces around them; every further record must be as long."""
    names = None
    for line, fields in records:
        if names is None:
            names = fields = [name.strip() for name in fields]
        elif len(fields) != len(names):
            _complain(
                f"{path}:{line}: {len(fields)} fields where the header has {len(names)} "
                f"({', '.join(names)}).",
                faulty,
            )
            continue
        yield line, fields


def _tsv_records(path: str, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    for number, text in lines:
        text = text.rstrip("\r\n")
        if number == 1 and "\r" in text:  # further down it is a character like any other
            raise ValueError(f"{path}:1: {_CR_ALONE}")
        yield number, text.split("\t") if text else []


def _csv_records(path: str, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LONGEST_CSV_FIELD)
    reader = csv.reader((text for _, text in lines), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "new-line character" in str(error):  # the module has one class for all complaints
                raise ValueError(f"{path}:{line}: {_CR_ALONE}") from error
            raise ValueError(
                f"{path}:{line}: the quotes of the record that begins here do not balance "
                f'({error}). Expected "..." around a field that holds commas, quotes or line ends, '
                'and "" for a quote inside it.'
            ) from error
        yield line, fields


def _json_records(path: str, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, dict]]:
    for number, text in lines:
        yield number, _parse_json_object(path, number, text) if text.strip() else {}


def _parse_json_object(path: str, number: int, text: str) -> dict:
    try:
        record = parse_json(text, f"{path}:{number}:")
    except ValueError as error:
        raise ValueError(f"{error} Expected one JSON object a line.") from error
    if not isinstance(record, dict) or not record:
        raise ValueError(
            f"{path}:{number}: found {text.strip()[:40]!r}. Expected one JSON object a line, "
            'for example {"sentence": "...", "label": "..."}.'
        )
    return record


def _json_rows(records: Iterator[tuple[int, dict]]) -> Iterator[tuple[int, list]]:
    """The columns are the keys of the first record; further keys of later ones are not read."""
    names = None
    for line, record in records:
        if names is None:
            names = list(record)
            yield line, names
        yield line, [record.get(name) for name in names]


def _text_of(path: str, line: int, column: str, value: object) -> str:
    """A field as text: TSV and CSV hold nothing else, JSON may hold anything."""
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
        raise ValueError(f"{where} holds half a surrogate pair, which is no Unicode text.")
    return text


def _is_missing(value: object) -> bool:
    """Other programs write NaN for what they do not have; it is the name of no class."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _spelling(where: str, value: object) -> str:
    """What is no string, as the text that a TSV would hold."""
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
    """A field that may be a list, or nothing."""
    if isinstance(value, list):
        return [_text_of(path, line, column, item) for item in value]
    if _is_missing(value) or (isinstance(value, str) and not value.strip()):
        return ""
    return _text_of(path, line, column, value)


def _column_indices(path: str, names: Sequence[str], columns: Sequence[str]) -> list[int]:
    for column in columns:
        if names.count(column) != 1:
            wrong = "occurs more than once" if column in names else "is unknown"
            hint = _tuple_hint(column) if "," in column else HEADER_HINT
            raise ValueError(
                f"{path}:1: column {column!r} {wrong}. The columns are: {', '.join(names)}."
                + f" {hint}" * (column not in names)
            )
    return [names.index(column) for column in columns]


def _tuple_hint(column: str) -> str:
    """What to write for names that a flag has taken for one."""
    names = ",".join(repr(name.strip()) for name in column.split(","))
    return f'Several names are written as a tuple: "({names})".'
