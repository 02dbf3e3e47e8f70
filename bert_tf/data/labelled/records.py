"""Records of table files: TSV, CSV, JSON lines (also compressed) and Parquet, as they stand there.

Knows neither columns that are wanted nor what a value means: `tables` does. One record is in memory
at a time; every complaint is a `ValueError` that names the file and the line.

    .tsv     as GLUE writes it: a header, fields between tabs, a quote is a character like any other
    .csv     a header, RFC 4180 quoting: a quoted field may hold commas, line ends, doubled quotes
    .jsonl   one JSON object a line (.ndjson and .json are read the same way)
    .parquet every column by its name; what is called a line here is the number of the row

The first three: UTF-8 unless `Reading` says otherwise, with or without a byte order mark, lines
ended by LF or CRLF, and the extensions of `bert_tf.data.text.lines` appended (`.gz`, ...).
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
# The csv module's own limit is 131,072 characters a field; a long article is no mistake.
_LONGEST_CSV_FIELD = 16 << 20
_ROWS_PER_READ = 4096
_BYTES_PER_READ = 1 << 20
_CR_ALONE = (
    "a carriage return (CR) stands where a line could end. Expected lines ended by LF or CRLF: "
    r"convert the file, for example with tr '\r' '\n'."
)


@dataclasses.dataclass(frozen=True)
class Reading:
    """How the bytes of a file are read, whatever stands in them.

    Attributes:
      format: one of `FORMATS`; "auto": what the name of the file says.
      encoding: of text files, a name that Python knows.
    """

    format: str = "auto"
    encoding: str = "utf-8"

    def kind(self, path: str | None) -> str:
        """One of `KINDS`, or `LINES` where neither the format nor the name says a table."""
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
      reading: how it is read.
      header, columns, faulty: see `tables.iterate_table`.
    """
    name, kind = path or STANDARD_INPUT, reading.kind(path)
    if kind == LINES:
        raise ValueError(
            f"{name}: a table's name ends in {', '.join(_SUFFIXES)}, or one of these and .gz. "
            f"A file of another name is read with --input_format={', '.join(KINDS[:-1])} or "
            f"{KINDS[-1]}."
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
    """Yields (line, {column: value}) of every record; a JSON object with all keys that it has.

    The arguments are those of `open_records`.
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
            # Pages are read as they are asked for, not whole groups of rows.
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
    """Blank lines may end a file; before a record they are an error: rows stay countable."""
    blank_line = 0
    for line, record in records:
        if record and blank_line:
            raise ValueError(f"{path}:{blank_line}: the line is empty. Expected a row.")
        if record:
            yield line, record
        else:
            blank_line = blank_line or line


def complain(message: str, faulty: list[str] | None) -> None:
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
            complain(
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
