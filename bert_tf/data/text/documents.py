"""Text files -> documents, each a list of sentences. Knows nothing of tokens.

Formats (the first three can be compressed, see bert_tf.data.text.lines):

* `lines`: one sentence a line, a blank line between documents (the format of google-research/bert);
* `prose`: ordinary text, one document a file, blank lines between paragraphs;
* `jsonl`: one JSON object a line; its field `text` is one document of prose;
* `parquet`: a table; its column `text` holds documents of prose;
* TensorFlow Datasets, named `tfds:name/split`; the feature `text` holds documents of prose.

sentencex splits prose into sentences. A sentence never crosses the border of a paragraph.
bert_tf.data.text.sources reads the files in pieces.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence

import sentencex
import tensorflow as tf
from absl import logging

from bert_tf import listed_names
from bert_tf.data.text import sources, tfds
from bert_tf.data.text.lines import decode_lines
from bert_tf.data.text.sources import FORMATS, Piece
from bert_tf.files import parse_json

__all__ = ["FORMATS", "expand_globs", "parse", "read_documents", "read_texts", "split_sentences"]

_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
_FEW_RETURNS = 10
_LINE_BREAK = re.compile(r"[ \t]*\n[ \t]*")


@dataclasses.dataclass
class Sentences:
    """The sentences of some text, in order.

    Attributes:
      texts: the sentences, stripped; none is empty.
      ends: where documents end, as indices into `texts`; ascending, not strictly. The document of
        the sentences after the last end continues in the next piece.
      is_record: for each end, whether the document is a record of the input. Such a document
        counts even if it is empty.
      bad_records: number of skipped records (`skip_bad_records`).
    """

    texts: list[str] = dataclasses.field(default_factory=list)
    ends: list[int] = dataclasses.field(default_factory=list)
    is_record: list[bool] = dataclasses.field(default_factory=list)
    bad_records: int = 0

    def end_document(self, is_record: bool) -> None:
        self.ends.append(len(self.texts))
        self.is_record.append(is_record)


def expand_globs(patterns: str | Sequence[str]) -> list[str]:
    """Lists the files that match, in the order of the patterns; sorted for each pattern.

    The name of an existing file is taken literally, whatever characters it has, and so is a name
    that begins with `tfds:`. A file that several patterns match is listed once, at its first place.

    Raises:
      ValueError: no pattern was given, a pattern matches nothing, or a match is a folder.
    """
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    if not patterns:
        raise ValueError("no input was given: name at least one file or pattern such as data/*.txt")
    files = {}
    for pattern in listed_names.joined(patterns):
        files.update(dict.fromkeys(_matches(pattern)))
    return list(files)


def _matches(pattern: str) -> list[str]:
    if pattern.startswith(tfds.PREFIX):
        return [pattern]
    try:
        names = [pattern] if tf.io.gfile.exists(pattern) else sorted(tf.io.gfile.glob(pattern))
    except tf.errors.NotFoundError:
        names = []
    except UnicodeError as error:
        raise ValueError(
            f"{pattern!r}: the name of a file is not UTF-8. Rename the file, for example with "
            "convmv"
        ) from error
    if not names:
        raise ValueError(f"no file matches {pattern!r}: check the path (quote the * of a pattern)")
    for name in names:
        if tf.io.gfile.isdir(name):
            raise ValueError(f"{name!r} is a folder, not a file: write {name.rstrip('/')}/*.txt")
    return names


def read_texts(patterns: str | Sequence[str], input_format: str = "auto") -> Iterator[str]:
    """Yields raw text: a line of `lines`, a paragraph of `prose`, or a document of other formats.

    It is for vocabulary learning, which needs words but no sentences. Blank text is left out.

    Raises:
      ValueError: as in `read_documents`.
    """
    for chunk in sources.read_chunks(expand_globs(patterns), input_format):
        for piece in chunk.pieces:
            texts = _TEXTS[piece.format](piece)
            yield from (text for text in texts if isinstance(text, str) and text.strip())


def read_documents(
    patterns: str | Sequence[str], input_format: str = "auto"
) -> Iterator[list[str]]:
    """Yields the documents of all files in order; a document is a list of sentences.

    A record with blank text is an empty list, so that the caller can count it. A byte order mark
    and CRLF line ends are accepted.

    Args:
      patterns: files or glob patterns, see `expand_globs`.
      input_format: one of `FORMATS`. `auto` decides by the extension, without that of a
        compression: `.jsonl`, `.parquet`, and `.txt` for `lines`. A .txt file does not show
        whether it holds lines or prose; other BERT tools read lines, so prose must be requested.

    Raises:
      ValueError: a file is missing, empty, blank, damaged or not UTF-8, a line is not a JSON
        object with a `text` string, or the format is unknown. The message names the file and, if
        possible, the line.
    """
    document = []
    for chunk in sources.read_chunks(expand_globs(patterns), input_format):
        for piece in chunk.pieces:
            found = parse(piece)
            begin = 0
            for end, is_record in zip(found.ends, found.is_record, strict=True):
                document += found.texts[begin:end]
                if document or is_record:
                    yield document
                document, begin = [], end
            document += found.texts[begin:]


def parse(piece: Piece, *, skip_bad_records: bool = False) -> Sentences:
    """Splits a piece of the input into sentences.

    Args:
      piece: from `sources.read_chunks`.
      skip_bad_records: skip and count lines and records that cannot be read.

    Raises:
      ValueError: a line or record cannot be read, unless `skip_bad_records` is true. The message
        names it.
    """
    found = Sentences()
    if piece.format == "lines":
        _parse_lines(piece, found, skip_bad_records)
    elif piece.format == "prose":
        found.texts = split_sentences(_text(piece, found, skip_bad_records))
    else:
        for text in _TEXTS[piece.format](piece, skip_bad_records):
            if text is None:
                found.bad_records += 1
                continue
            found.texts += split_sentences(text)
            found.end_document(is_record=True)
    if piece.ends_file:
        found.end_document(is_record=False)
    return found


def _parse_lines(piece: Piece, found: Sentences, skip_bad_records: bool) -> None:
    lines = [line.strip() for line in _lines(_text(piece, found, skip_bad_records))]
    blank = [i for i, line in enumerate(lines) if not line]
    found.texts = list(filter(None, lines))
    found.ends = sorted({line - before for before, line in enumerate(blank)})
    found.is_record = [False] * len(found.ends)


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def split_sentences(text: str) -> list[str]:
    """Splits each paragraph of prose into sentences; a line break in a paragraph is a space."""
    sentences = []
    for paragraph in _BLANK_LINES.split(text):
        sentences += sentencex.segment("en", _LINE_BREAK.sub(" ", paragraph.strip()))
    return [stripped for sentence in sentences if (stripped := sentence.strip())]


def _text(piece: Piece, found: Sentences, skip_bad_records: bool = False) -> str:
    """Decodes a piece. With `skip_bad_records`, skips bad lines and counts them in `found`."""
    try:
        text = decode_lines(piece.path, piece.line, piece.content).replace("\r\n", "\n")
        _warn_of_lone_returns(piece.path, text)
        return text
    except ValueError:
        if not skip_bad_records:
            raise
    good = []
    for number, line in enumerate(piece.content.splitlines(keepends=True), start=piece.line):
        try:
            good.append(decode_lines(piece.path, number, line))
        except ValueError:
            found.bad_records += 1
    return "".join(good).replace("\r\n", "\n")


_told_of: set[str] = set()  # files whose line ends caused a warning


def _warn_of_lone_returns(path: str, text: str) -> None:
    """Warns of files of old Macs: their lines end in CR, but here only LF ends a line."""
    lone = text.count("\r")
    if lone > _FEW_RETURNS and lone > text.count("\n") and path not in _told_of:
        _told_of.add(path)
        logging.warning(
            "%s: the lines seem to end in CR alone (one part has %d CR and %d LF), but only LF "
            "ends a line here: convert the file, for example with tr '\\r' '\\n'",
            path,
            lone,
            text.count("\n"),
        )


def _line_texts(piece: Piece, skip_bad_records: bool = False) -> Iterator[str]:
    yield from _lines(_text(piece, Sentences(), skip_bad_records))


def _prose_texts(piece: Piece, skip_bad_records: bool = False) -> Iterator[str]:
    """Yields the paragraphs."""
    text = _text(piece, Sentences(), skip_bad_records)
    yield from (paragraph.strip() for paragraph in _BLANK_LINES.split(text))


def _json_texts(piece: Piece, skip_bad_records: bool = False) -> Iterator[str | None]:
    """Yields the `text` fields; with `skip_bad_records`, None for a bad line."""
    for number, line in enumerate(piece.content.split(b"\n"), start=piece.line):
        try:
            if text := decode_lines(piece.path, number, line).strip():
                yield _text_field(text, f"{piece.path}:{number}")
        except ValueError:
            if not skip_bad_records:
                raise
            yield None


def _record_texts(piece: Piece, skip_bad_records: bool = False) -> Iterator[str | None]:
    """Yields the records of a table; with `skip_bad_records`, None for a bad one."""
    for number, text in enumerate(piece.content, start=piece.line):
        try:
            text = text.decode("utf-8") if isinstance(text, bytes) else text
        except UnicodeDecodeError:
            text = None
        if text is None and not skip_bad_records:
            raise ValueError(
                f"{piece.path}, record {number}: the text is missing or not UTF-8; correct it, or "
                "skip such records with skip_bad_records"
            )
        yield text.replace("\r\n", "\n") if text is not None else None


def _text_field(line: str, where: str) -> str:
    try:
        record = parse_json(line, where + ":")
    except ValueError as error:
        raise ValueError(f"{error} Expected one JSON object a line.") from error
    text = record.get("text") if isinstance(record, dict) else None
    if not isinstance(text, str):
        found = f"the fields {sorted(record)}" if isinstance(record, dict) else "no JSON object"
        raise ValueError(
            f"{where}: found {found}; expected a JSON object with a string field 'text'"
        )
    try:
        text.encode("utf-8")  # JSON can escape half of a surrogate pair, which is not Unicode text
    except UnicodeEncodeError as error:
        raise ValueError(f"{where}: 'text' is not valid Unicode ({error})") from error
    return text.replace("\r\n", "\n")


_TEXTS = {
    "lines": _line_texts,
    "prose": _prose_texts,
    "jsonl": _json_texts,
    "parquet": _record_texts,
    "tfds": _record_texts,
}
