"""Reads all records of a table: TSV, CSV, JSON lines (also compressed) or Parquet.

`tables` chooses columns and interprets values. Memory holds one record at a time. Every error is a
`ValueError` that names the file and the line.

    .tsv     as in GLUE: a header, tabs between fields; a quote is an ordinary character
    .csv     a header, RFC 4180 quoting: a quoted field can hold commas, line ends, doubled quotes
    .jsonl   one JSON object a line (.ndjson and .json are the same)
    .parquet columns with names; the line in a message is the number of the row

The first three are UTF-8 unless `Reading` names another encoding, with or without a byte order
mark. Lines end in LF or CRLF. The name can also have an extension of `bert_tf.data.text.lines`
(`.gz`, ...).
"""

import csv
import dataclasses
import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import tensorflow as tf

from bert_tf.data.labelled import KINDS, LINES
from bert_tf.data.text.lines import STANDARD_INPUT, GFileReader, read_lines, without_compression
from bert_tf.files import parse_json

_SUFFIXES = {
    ".tsv": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}
# The csv module's own limit is 131,072 characters a field; a long article has more.
_LONGEST_CSV_FIELD = 16 << 20
_ROWS_PER_READ = 4096
_BYTES_PER_READ = 1 << 20
_CR_ALONE = (
    "found a carriage return (CR) without LF. Expected lines that end in LF or CRLF: convert the "
    r"file, for example with tr '\r' '\n'."
)


@dataclasses.dataclass(frozen=True)
class Reading:
    """The format and encoding of a file.

    Attributes:
      format: one of `FORMATS`; "auto": the format that the file's name tells.
      encoding: Python's name of the encoding of text files.
    """

    format: str = "auto"
    encoding: str = "utf-8"

    def kind(self, path: str | None) -> str:
        """One of `KINDS`, or `LINES` if neither the format nor the name tells a table."""
        if self.format != "auto":
            return self.format
        stem = without_compression(path or "")
        return next((kind for end, kind in _SUFFIXES.items() if stem.endswith(end)), LINES)


AS_NAMED = Reading()


def open_records(
    path: str | None,
    reading: Reading = AS_NAMED,
    header: Sequence[str] = (),
    columns: Collection[str] = (),
    faulty: list[str] | None = None,
) -> Iterator[tuple[int, list]]:
    """Yields (line, column names) first, then (line, fields) of every record.

    Args:
      path: the file; None: standard input.
      reading: format and encoding.
      header, columns, faulty: see `tables.iterate_table`.
    """
    name, kind = path or STANDARD_INPUT, reading.kind(path)
    if kind == LINES:
        raise ValueError(
            f"{name}: a table's name ends in {', '.join(_SUFFIXES)}, or one of these and .gz. "
            f"For another name, pass --input_format={', '.join(KINDS[:-1])} or {KINDS[-1]}."
        )
    if kind == "parquet":
        if path is None:
            raise ValueError("Parquet cannot be read from standard input. Expected a file.")
        return _with_a_first_row(path, _parquet_rows(path))
    lines = read_lines(path, reading.encoding)
    if kind == "jsonl":
        rows = _json_rows(_without_blank_end(name, _json_records(name, lines)))
    else:
        records = _tsv_records(name, lines) if kind == "tsv" else _csv_records(name, lines)
        records = _without_blank_end(name, records)
        rows = _rows_below_a_header(name, _with_header(records, header, columns), faulty)
    return _with_a_first_row(name, rows)


def iterate_objects(
    path: str | None,
    reading: Reading = AS_NAMED,
    header: Sequence[str] = (),
    columns: Collection[str] = (),
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields (line, {column: value}) of every record. JSON objects have all their keys.

    The arguments are the same as in `open_records`.
    """
    if reading.kind(path) == "jsonl":
        name = path or STANDARD_INPUT
        records = _json_records(name, read_lines(path, reading.encoding))
        yield from _with_a_first_row(name, _without_blank_end(name, records))
        return
    rows = open_records(path, reading, header, columns)
    _, names = next(rows)
    for line, fields in rows:
        yield line, dict(zip(names, fields, strict=True))


def _with_header(
    records: Iterator[tuple[int, list[str]]], header: Sequence[str], columns: Collection[str]
) -> Iterator[tuple[int, list[str]]]:
    """Prepends `header`, unless it is empty or the first line has all of `columns`."""
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
            # Read pages when they are needed, not whole row groups.
            table = parquet.ParquetFile(file, buffer_size=_BYTES_PER_READ, pre_buffer=False)
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
    """Drops blank lines at the end; elsewhere they are an error, so that lines number the rows."""
    blank_line = 0
    for line, record in records:
        if record and blank_line:
            raise ValueError(f"{path}:{blank_line}: the line is empty. Expected a row.")
        if record:
            yield line, record
        else:
            blank_line = blank_line or line


def complain(message: str, faulty: list[str] | None) -> None:
    """Raises the message, or adds it to the list of skipped rows."""
    if faulty is None:
        raise ValueError(message)
    faulty.append(message)


def _rows_below_a_header(
    path: str, records: Iterator[tuple[int, list[str]]], faulty: list[str] | None
) -> Iterator[tuple[int, list[str]]]:
    """Strips the names in the header, and checks that every record has as many fields."""
    names = None
    for line, fields in records:
        if names is None:
            names = fields = [name.strip() for name in fields]
        elif len(fields) != len(names):
            complain(
                f"{path}:{line}: {len(fields)} fields, but the header has {len(names)} "
                f"({', '.join(names)}).",
                faulty,
            )
            continue
        yield line, fields


def _tsv_records(path: str, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    for number, text in lines:
        text = text.rstrip("\r\n")
        if number == 1 and "\r" in text:  # in other lines it is an ordinary character
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
            if "new-line character" in str(error):  # the module has one class for all errors
                raise ValueError(f"{path}:{line}: {_CR_ALONE}") from error
            raise ValueError(
                f"{path}:{line}: the record that begins here has an unbalanced quote "
                f'({error}). Expected "..." around a field that holds commas, quotes or line ends, '
                'and "" for a quote inside the field.'
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
    """Yields rows with the keys of the first record as columns; ignores other keys later."""
    names = None
    for line, record in records:
        if names is None:
            names = list(record)
            yield line, names
        yield line, [record.get(name) for name in names]
