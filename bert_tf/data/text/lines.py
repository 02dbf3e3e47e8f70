"""Lines of text files, plain or compressed, on disk or object storage.

Only this module turns bytes into text. The encoding is UTF-8 unless the caller names another. A
byte order mark is dropped. Every error is a `ValueError` that begins with `file:line`. The
extension tells the compression: `.gz`, `.bz2`, `.xz` or `.zst`.
"""

import bz2
import codecs
import contextlib
import gzip
import io
import itertools
import lzma
import os
import sys
import zlib
from collections.abc import Iterator

import tensorflow as tf

from bert_tf import files
from bert_tf.data.text import encodings

COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
_BYTES_PER_READ = 1 << 20
LONGEST_LINE = 1 << 24  # bytes of a text to answer or a row to learn
_BOM = b"\xef\xbb\xbf"
STANDARD_INPUT = "standard input"  # its name in messages


def read_lines(path: str | None, encoding: str | None = None) -> Iterator[tuple[int, str]]:
    """Yields (number from 1, text with its line end). Only LF ends a line, as in csv and JSON.

    Args:
      path: the file; it is unpacked if its name ends in one of `COMPRESSIONS`. None: standard
        input.
      encoding: Python's name of the encoding. None: UTF-8, and the command has no --encoding that
        a message could recommend.

    Raises:
      ValueError: the file does not exist, has another encoding, or is a damaged compressed file.
    """
    if path is None:
        yield from _decoded(STANDARD_INPUT, sys.stdin.buffer, encoding)
        return
    with open_binary(path) as (file, _):
        yield from _decoded(path, file, encoding)


def _decoded(name: str, file: io.BufferedIOBase, encoding: str | None) -> Iterator[tuple[int, str]]:
    codec = encodings.check(encoding or "utf-8")
    if encodings.is_wide(codec):  # LF has more than one byte
        yield from _wide_lines(name, file, codec)
        return
    for number, line in enumerate(_bounded(name, file), start=1):
        yield number, decode_lines(name, number, line, codec, may_choose=bool(encoding))


def _bounded(name: str, file: io.BufferedIOBase) -> Iterator[bytes]:
    """The lines of a file; refuses a line that could fill the memory."""
    number = 1
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise _too_long(name, number)
        yield line
        number += 1


def _too_long(name: str, number: int) -> ValueError:
    return ValueError(
        f"{name}:{number}: the line is longer than {LONGEST_LINE >> 20} MB. Expected one text or "
        "row a line; split a long document into several lines."
    )


def _wide_lines(name: str, file: io.BufferedIOBase, codec: str) -> Iterator[tuple[int, str]]:
    """Lines of UTF-16 and UTF-32."""
    decoder, number, rest = codecs.getincrementaldecoder(codec)(), 1, ""
    try:
        for block in itertools.chain(_bounded(name, file), [b""]):
            if len(rest) > LONGEST_LINE:
                raise _too_long(name, number)
            *lines, rest = (rest + decoder.decode(block, final=not block)).split("\n")
            for line in lines:
                yield number, line.removeprefix("\ufeff" * (number == 1)) + "\n"
                number += 1
    except UnicodeError as error:
        raise ValueError(f"{name}:{number}: not {codec} ({error.reason}).") from error
    if rest:
        yield number, rest


def decode_lines(
    path: str, number: int, data: bytes, codec: str = "utf-8", *, may_choose: bool = False
) -> str:
    """Decodes whole lines.

    Args:
      path: the file, for messages.
      number: the number of the first line in the file.
      data: the bytes of the lines.
      codec: from `encodings.check`.
      may_choose: whether the command has --encoding.

    Raises:
      ValueError: a line has another encoding. The message names the line and suggests an encoding.
    """
    if number == 1:
        data = data.removeprefix(_BOM)
        if codec == "utf-8" and encodings.is_wide(encodings.suggest(data)):
            raise ValueError(
                f"{path}:1: not UTF-8 (zero bytes). {encodings.hint(data, may_choose)}"
            )
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        begin = data.rfind(b"\n", 0, error.start) + 1
        line = number + data.count(b"\n", 0, begin)
        name = "UTF-8" if codec == "utf-8" else codec
        raise ValueError(
            f"{path}:{line}: not {name} (byte {error.start - begin + 1} of the line is "
            f"0x{data[error.start]:02x}). {encodings.hint(data, may_choose)}"
        ) from error


def holds_half_a_surrogate_pair(text: str) -> bool:
    """Whether the text has half of a surrogate pair: JSON can escape it, UTF-8 cannot encode it."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def without_compression(path: str) -> str:
    """The path in lower case, without the extension of a compression."""
    path = path.lower()
    stem, extension = os.path.splitext(path)
    return stem if extension in COMPRESSIONS else path


@contextlib.contextmanager
def open_binary(path: str) -> Iterator[tuple[io.BufferedIOBase, "GFileReader"]]:
    """Yields the unpacked bytes of a file, and the file itself (its `tell` is the progress).

    An error while the block reads becomes a ValueError that names the file.
    """
    compression = os.path.splitext(path.lower())[1].lstrip(".")
    try:
        with GFileReader(path) as raw:
            file = _unpacked(io.BufferedReader(raw, _BYTES_PER_READ), compression)
            with contextlib.closing(file):
                yield file, raw
    except tf.errors.NotFoundError as error:
        raise ValueError(f"{path}: no such file.") from error
    except tf.errors.OpError as error:
        raise ValueError(f"{path}: cannot be read ({error.message}).") from error
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if compression not in ("gz", "bz2", "xz", "zst"):
            raise
        name = {"gz": "gzip", "zst": "zstd"}.get(compression, compression)
        raise ValueError(f"{path}: not a whole {name} file ({error}).") from error


def _unpacked(file: io.BufferedReader, compression: str) -> io.BufferedIOBase:
    if compression == "gz":
        return gzip.GzipFile(fileobj=file)
    if compression == "bz2":
        return bz2.BZ2File(file)
    if compression == "xz":
        return lzma.LZMAFile(file)
    if compression == "zst":
        import pyarrow  # takes 0.2 s, so only where it is needed

        stream = pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd")
        return io.BufferedReader(stream, _BYTES_PER_READ)
    return file


class GFileReader(io.RawIOBase):
    """A `tf.io.gfile.GFile` with Python's interface for buffered and compressed reads."""

    def __init__(self, path: str):
        super().__init__()
        self._place = 0
        # TensorFlow reads at offsets; a pipe has none.
        self._is_pipe = not files.is_remote(path) and files.is_pipe(path)
        self._file = io.FileIO(path) if self._is_pipe else tf.io.gfile.GFile(path, "rb")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return not self._is_pipe

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._file.seek(offset, whence)
        return self._file.tell()

    def tell(self) -> int:
        return self._place if self._is_pipe else self._file.tell()

    def readinto(self, buffer: memoryview) -> int:
        data = self._file.read(len(buffer))
        self._place += len(data)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
