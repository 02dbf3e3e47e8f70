"""Lines of text files, plain or gzip-compressed, on disk or object storage.

The one place where bytes become text: UTF-8, a byte order mark is dropped, and every complaint is a
`ValueError` that begins with `file:line`.
"""

import gzip
import io
import zlib
from collections.abc import Iterator

import tensorflow as tf

_BYTES_PER_READ = 1 << 20


def read_lines(path: str) -> Iterator[tuple[int, str]]:
    """Yields (number from 1, text with its line end). Only LF ends a line, as in csv and JSON.

    Args:
        path: a name that ends in `.gz` is unpacked.

    Raises:
        ValueError: no such file, not UTF-8, or not a whole gzip file.
    """
    try:
        with _open_binary(path) as file:
            for number, line in enumerate(file, start=1):
                yield number, _decode(path, number, line)
    except tf.errors.NotFoundError as error:
        raise ValueError(f"{path}: no such file.") from error
    except tf.errors.OpError as error:
        raise ValueError(f"{path}: cannot be read ({error.message}).") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: not a whole gzip file ({error}).") from error


def _decode(path: str, number: int, line: bytes) -> str:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}:{number}: not UTF-8 (byte {error.start + 1} of the line is "
            f"0x{line[error.start]:02x}). Convert the file to UTF-8, for example with iconv."
        ) from error
    return text.removeprefix("\ufeff") if number == 1 else text


def _open_binary(path: str) -> io.BufferedIOBase:
    file = io.BufferedReader(_RawGFile(path), _BYTES_PER_READ)
    return gzip.GzipFile(fileobj=file) if path.lower().endswith(".gz") else file


class _RawGFile(io.RawIOBase):
    """A `tf.io.gfile.GFile` in the form in which Python's own readers can buffer and unpack it."""

    def __init__(self, path: str):
        super().__init__()
        self._file = tf.io.gfile.GFile(path, "rb")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
