"""Text files -> documents, each a list of sentences. Knows nothing of tokens.

Formats, each also gzip-compressed (`.gz` behind the extension):

* `lines`: one sentence a line, a blank line between documents (the format of google-research/bert);
* `prose`: ordinary text, one document a file, paragraphs separated by blank lines;
* `jsonl`: one JSON object a line, its `text` field is one document of prose.

Sentences of prose are found with sentencex (about 100 MB/s, so it needs no processes of its own);
a sentence never crosses a paragraph border. Files are read through tf.io.gfile, block by block.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence

import sentencex
import tensorflow as tf

from bert_tf.data.lines import read_lines

FORMATS = ("auto", "lines", "prose", "jsonl")
_FORMAT_OF_EXTENSION = {"jsonl": "jsonl", "txt": "lines"}
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
_LINE_BREAK = re.compile(r"[ \t]*\n[ \t]*")


def expand_globs(patterns: str | Sequence[str]) -> list[str]:
    """Lists the files that match, in the order of the patterns and sorted within each.

    A name that exists is taken literally, whatever characters it holds. A file that several
    patterns match is listed once, where it first occurs.

    Raises:
        ValueError: no pattern was given, a pattern matches nothing, or a match is a folder.
    """
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    if not patterns:
        raise ValueError("no input was given: name at least one file or pattern such as data/*.txt")
    files = {}
    for pattern in patterns:
        files.update(dict.fromkeys(_matches(pattern)))
    return list(files)


def _matches(pattern: str) -> list[str]:
    try:
        names = [pattern] if tf.io.gfile.exists(pattern) else sorted(tf.io.gfile.glob(pattern))
    except tf.errors.NotFoundError:
        names = []
    if not names:
        raise ValueError(f"no file matches {pattern!r}: check the path (quote the * of a pattern)")
    for name in names:
        if tf.io.gfile.isdir(name):
            raise ValueError(f"{name!r} is a folder, not a file: write {name.rstrip('/')}/*.txt")
    return names


def read_texts(patterns: str | Sequence[str], input_format: str = "auto") -> Iterator[str]:
    """Yields raw text: a line of `lines`, a paragraph of `prose`, a whole `text` field of `jsonl`.

    For whoever needs the words but no sentences (vocabulary learning). Blank text is left out.
    Raises ValueError as `read_documents` does.
    """
    for path in expand_globs(patterns):
        yield from _require_some(path, _TEXTS[_format_of(path, input_format)](path))


def read_documents(
    patterns: str | Sequence[str], input_format: str = "auto"
) -> Iterator[list[str]]:
    """Yields the documents of all files in order; a document is a list of sentences.

    A JSON record with blank text is yielded as an empty list, so that the caller can count it.

    Args:
        patterns: files or glob patterns, see `expand_globs`.
        input_format: one of `FORMATS`. `auto` goes by the extension: `.jsonl` is `jsonl` and `.txt`
            is `lines`, because that is what every BERT tool has read from .txt files until now and
            a file cannot tell by itself: prose has to be asked for. A `.gz` at the end is ignored.

    Raises:
        ValueError: a file is missing, empty, blank, damaged or not UTF-8, a line is not a JSON
            object with a `text` string, or the format is unknown. Names the file and, if there is
            one, the line. A byte order mark and CRLF line ends are accepted.
    """
    for path in expand_globs(patterns):
        yield from _require_some(path, _DOCUMENTS[_format_of(path, input_format)](path))


def split_sentences(text: str) -> list[str]:
    """Splits prose into sentences, by paragraph; a line break in a paragraph is a space."""
    sentences = []
    for paragraph in _BLANK_LINES.split(text):
        sentences += sentencex.segment("en", _LINE_BREAK.sub(" ", paragraph.strip()))
    return [stripped for sentence in sentences if (stripped := sentence.strip())]


def _format_of(path: str, input_format: str) -> str:
    if input_format not in FORMATS:
        raise ValueError(
            f"input_format is {input_format!r}; it must be one of {', '.join(FORMATS)}"
        )
    if input_format != "auto":
        return input_format
    extension = path.lower().removesuffix(".gz").rpartition(".")[2]
    if extension not in _FORMAT_OF_EXTENSION:
        raise ValueError(
            f"{path}: cannot tell the format from the name (known: .txt and .jsonl, also .gz); "
            "say which it is with input_format: lines, prose or jsonl"
        )
    return _FORMAT_OF_EXTENSION[extension]


def _require_some(path: str, items: Iterable) -> Iterator:
    item = None
    for item in items:
        yield item
    if item is None:
        raise ValueError(f"{path}: the file is empty or holds only blank lines; text was expected")


def _lines_documents(path: str) -> Iterator[list[str]]:
    document = []
    for _, line in read_lines(path):
        if sentence := line.strip():
            document.append(sentence)
        elif document:
            yield document
            document = []
    if document:
        yield document


def _lines_texts(path: str) -> Iterator[str]:
    return (line.rstrip("\r\n") for _, line in read_lines(path) if line.strip())


def _prose_documents(path: str) -> Iterator[list[str]]:
    sentences = [s for paragraph in _prose_texts(path) for s in split_sentences(paragraph)]
    if sentences:
        yield sentences


def _prose_texts(path: str) -> Iterator[str]:
    """Yields the paragraphs, which is what runs of lines that are not blank are."""
    return ("\n".join(paragraph) for paragraph in _lines_documents(path))


def _jsonl_documents(path: str) -> Iterator[list[str]]:
    return (split_sentences(text) for text in _jsonl_fields(path))


def _jsonl_texts(path: str) -> Iterator[str]:
    return (text for text in _jsonl_fields(path) if text.strip())


def _jsonl_fields(path: str) -> Iterator[str]:
    for number, line in read_lines(path):
        if line.strip():
            yield _text_field(line, f"{path}:{number}")


def _text_field(line: str, where: str) -> str:
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{where}: not valid JSON ({error})") from error
    text = record.get("text") if isinstance(record, dict) else None
    if not isinstance(text, str):
        found = f"the fields {sorted(record)}" if isinstance(record, dict) else "no JSON object"
        raise ValueError(
            f"{where}: a JSON object with a string field 'text' expected, {found} found"
        )
    try:
        text.encode("utf-8")  # JSON can escape half a surrogate pair, which is not Unicode text
    except UnicodeEncodeError as error:
        raise ValueError(f"{where}: 'text' is not valid Unicode ({error})") from error
    return text.replace("\r\n", "\n")


_DOCUMENTS = {"lines": _lines_documents, "prose": _prose_documents, "jsonl": _jsonl_documents}
_TEXTS = {"lines": _lines_texts, "prose": _prose_texts, "jsonl": _jsonl_texts}
