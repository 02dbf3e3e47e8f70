"""Files of all formats -> pieces of raw text, in order.

A piece ends between two lines or records. So pieces can be parsed in parallel
(bert_tf.data.text.documents), and a stopped reader can continue with the next piece. Memory holds
one piece, whatever the size of the files. Files are read through tf.io.gfile.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
from absl import logging

from bert_tf.data.text import FORMATS, tfds
from bert_tf.data.text.lines import GFileReader, open_binary, without_compression

CHUNK_BYTES = 1 << 19
LONGEST_LINE = 1 << 20  # bytes of a line of text; a longer line becomes several pieces
LONGEST_RECORD = 1 << 26  # bytes of a line of JSON
_RECORDS_PER_PIECE = 64
_FORMAT_OF_EXTENSION = {"jsonl": "jsonl", "txt": "lines", "parquet": "parquet"}
_BLANK_LINE = re.compile(rb"\n[^\S\n]*\n")
_LONGEST_BLANK_LINE = 256  # bytes; text is not cut at a longer one
_BOM = b"\xef\xbb\xbf"


class Position(NamedTuple):
    """Where to continue reading.

    Attributes:
      file: index of the file.
      place: how many unpacked bytes, or records of a table, were read from the file.
      line: number of the next line or record, from 1.
    """

    file: int = 0
    place: int = 0
    line: int = 1


class Piece(NamedTuple):
    """Consecutive text of one file.

    Attributes:
      path: the file.
      format: its format; never "auto".
      line: number of the first line or record, from 1.
      content: the bytes of whole lines, or of a part of a line longer than `LONGEST_LINE`; or the
        records of a table, each str, bytes or None.
      ends_file: whether this is the last piece of the file.
      file_bytes: bytes of the file, still compressed, that were read since the previous piece.
    """

    path: str
    format: str
    line: int
    content: bytes | list
    ends_file: bool
    file_bytes: int


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Some pieces, enough for one call of the tokenizer.

    Attributes:
      pieces: in order; small files share a chunk.
      following: where the next chunk begins.
      bad_files: number of files that were given up (`skip_bad_records`).
    """

    pieces: list[Piece]
    following: Position
    bad_files: int = 0

    @property
    def file_bytes(self) -> int:
        """Bytes of the files, still compressed, that were read for this chunk."""
        return sum(piece.file_bytes for piece in self.pieces)


def read_chunks(
    files: Sequence[str],
    input_format: str = "auto",
    start: Position = Position(),  # noqa: B008 - immutable
    *,
    skip_bad_records: bool = False,
) -> Iterator[Chunk]:
    """Yields all text of the files from `start` on.

    Args:
      files: from `documents.expand_globs`.
      input_format: one of `FORMATS`.
      start: where to begin: the start of the first file, or a chunk's `following`.
      skip_bad_records: skip the rest of a file that cannot be read, with a warning.

    Raises:
      ValueError: a file is missing, empty, blank or damaged, or its format is unknown.
    """
    formats = [format_of(path, input_format) for path in files]
    pieces, size, bad_files = [], 0, 0
    for index in range(start.file, len(files)):
        where = start if index == start.file else Position(index)
        try:
            for piece, following in _pieces(files[index], formats[index], where):
                pieces.append(piece)
                size += _size(piece)
                if size >= CHUNK_BYTES:
                    yield Chunk(pieces, following, bad_files)
                    pieces, size, bad_files = [], 0, 0
        except ValueError as error:
            if not skip_bad_records:
                raise
            logging.warning("%s; the rest of the file is skipped", error)
            pieces.append(Piece(files[index], formats[index], 1, b"", True, 0))
            bad_files += 1
    if pieces:
        yield Chunk(pieces, Position(len(files)), bad_files)


def format_of(path: str, input_format: str = "auto") -> str:
    """The format of a file: `input_format`, or the one of its extension. Raises ValueError."""
    if input_format not in FORMATS:
        raise ValueError(
            f"input_format is {input_format!r}; it must be one of {', '.join(FORMATS)}"
        )
    if path.startswith(tfds.PREFIX):
        return "tfds"
    if input_format != "auto":
        return input_format
    extension = without_compression(path).rpartition(".")[2]
    if extension not in _FORMAT_OF_EXTENSION:
        raise ValueError(
            f"{path}: the name does not tell the format (known: .txt and .jsonl, also with .gz, "
            ".bz2, .xz or .zst, and .parquet); set input_format to lines, prose, jsonl or parquet"
        )
    return _FORMAT_OF_EXTENSION[extension]


def _size(piece: Piece) -> int:
    if isinstance(piece.content, bytes):
        return len(piece.content)
    return sum(len(text) for text in piece.content if text is not None)


def _pieces(path: str, kind: str, start: Position) -> Iterator[tuple[Piece, Position]]:
    """Yields the pieces of one file from `start` on, each with the position of the next."""
    contents = {"parquet": _parquet_records, "tfds": _tfds_records}.get(kind, _text_blocks)
    place, line, seen_bytes = start.place, start.line, 0
    has_text = place > 0
    for content, file_bytes, is_last in contents(path, kind, place):
        new_bytes, seen_bytes = file_bytes - seen_bytes, file_bytes
        piece = Piece(path, kind, line, content, is_last, new_bytes)
        is_text = isinstance(content, bytes)
        has_text |= bool(content.removeprefix(_BOM).strip()) if is_text else bool(content)
        if is_last and not has_text:
            raise ValueError(
                f"{path}: the file is empty or has only blank lines; text was expected"
            )
        place += len(content)
        line += content.count(b"\n") if is_text else len(content)
        yield piece, Position(start.file + 1) if is_last else Position(start.file, place, line)


def _text_blocks(path: str, kind: str, place: int) -> Iterator[tuple[bytes, int, bool]]:
    """Yields (whole lines, or whole paragraphs of prose; bytes read; whether it is the last)."""
    last_cut = _last_paragraph if kind == "prose" else _last_line
    rest = bytearray()
    with open_binary(path) as (file, raw):
        while place and (skipped := file.read(min(place, CHUNK_BYTES))):
            place -= len(skipped)
        begin = raw.tell()
        while block := file.read(CHUNK_BYTES):
            searched = len(rest)
            rest += block
            cut = last_cut(rest, searched)
            if not cut and len(rest) > LONGEST_LINE:
                cut = _inside_line(rest, path, kind)
            if cut:
                yield bytes(rest[:cut]), raw.tell() - begin, False
                del rest[:cut]
        yield bytes(rest), raw.tell() - begin, True


def _inside_line(data: bytearray, path: str, kind: str) -> int:
    """Where to cut a line, or a paragraph of prose, that is too long for one piece.

    Cuts between two words, or between two characters if there are no words. Each piece becomes a
    sentence of the same document.
    """
    if kind == "jsonl":
        if len(data) <= LONGEST_RECORD:
            return 0
        raise ValueError(
            f"{path}: a line has over {LONGEST_RECORD:,} bytes; expected one JSON object a line, "
            'for example {"text": "..."}. Split the document, or check that the file holds JSON '
            "lines"
        )
    end = len(data.rstrip())
    cut = max(data.rfind(b"\n", 0, end), data.rfind(b" ", 0, end)) + 1
    if cut > len(data) // 2:
        return cut
    cut = len(data) - 1
    while cut and data[cut] & 0xC0 == 0x80:  # the rest of a UTF-8 character
        cut -= 1
    return cut


def _last_line(data: bytearray, begin: int) -> int:
    return data.rfind(b"\n", begin) + 1


def _last_paragraph(data: bytearray, begin: int) -> int:
    cut = 0
    for found in _BLANK_LINE.finditer(data, max(0, begin - _LONGEST_BLANK_LINE)):
        cut = found.end()
    return cut


def _parquet_records(path: str, kind: str, place: int) -> Iterator[tuple[list, int, bool]]:
    del kind
    import pyarrow  # takes 0.2 s, so only where it is needed
    from pyarrow import parquet

    try:
        with GFileReader(path) as file:
            table = parquet.ParquetFile(file)
            _check_text_column(path, table.schema_arrow)
            yield from _parquet_batches(table, place, tf.io.gfile.stat(path).length)
    except (tf.errors.OpError, pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path}: cannot be read as Parquet ({error}).") from error


def _check_text_column(path: str, schema: Any) -> None:
    if "text" not in schema.names:
        raise ValueError(f"{path}: the columns are {schema.names}; expected a column 'text'")
    if str(schema.field("text").type) not in ("string", "large_string", "binary", "large_binary"):
        raise ValueError(
            f"{path}: the column 'text' holds {schema.field('text').type}; expected text"
        )


def _parquet_batches(table: Any, place: int, length: int) -> Iterator[tuple[list, int, bool]]:
    num_rows = table.metadata.num_rows
    done, begin = 0, length * place // max(num_rows, 1)
    for group in range(table.num_row_groups):
        group_rows = table.metadata.row_group(group).num_rows
        if done + group_rows <= place:
            done += group_rows
            continue
        for batch in table.iter_batches(_RECORDS_PER_PIECE, row_groups=[group], columns=["text"]):
            texts = batch.column(0).to_pylist()
            texts, done = texts[max(0, place - done) :], done + len(texts)
            if texts:
                yield texts, length * done // num_rows - begin, False
    yield [], length - begin, True


def _tfds_records(path: str, kind: str, place: int) -> Iterator[tuple[list, int, bool]]:
    del kind
    data_set, _ = tfds.load(path, ["text"])
    for batch in data_set.skip(place).batch(_RECORDS_PER_PIECE).as_numpy_iterator():
        yield list(batch["text"]), 0, False
    yield [], 0, True
