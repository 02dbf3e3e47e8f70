"""Files and folders that are written whole or not at all, and the versions they carry.

A path with `://` is remote and goes through `tf.io.gfile`; any other goes through Python itself.
TensorFlow is imported for remote paths alone, so that settings can be read without it.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from typing import IO, Any

TEMPORARY = ".tmp"  # behind the name of a file or folder that is being written
_BYTES_PER_READ = 1 << 22


def is_remote(path: str) -> bool:
    """Whether only TensorFlow's file systems can open the path."""
    return "://" in path


def exists(path: str) -> bool:
    """Whether there is a file or folder at `path`."""
    return _gfile().exists(path) if is_remote(path) else os.path.exists(path)


def is_folder(path: str) -> bool:
    """Whether there is a folder at `path`."""
    return _gfile().isdir(path) if is_remote(path) else os.path.isdir(path)


def make_folder(path: str) -> None:
    """Makes a folder and those above it, where they are missing."""
    if is_remote(path):
        _gfile().makedirs(path)
    else:
        os.makedirs(path, exist_ok=True)


def open_binary(path: str) -> IO[bytes]:
    """Opens a file for reading.

    Raises:
      FileNotFoundError: there is no such file.
      OSError: a local file cannot be read.
      tf.errors.OpError: a remote file cannot be read.
    """
    if not exists(path):
        raise FileNotFoundError(f"{path}: no such file.")
    return _gfile().GFile(path, "rb") if is_remote(path) else open(path, "rb")


def read_text(path: str) -> str:
    """The content of a UTF-8 file, line ends as they are; raises what `open_binary` raises."""
    with open_binary(path) as file:
        return file.read().decode("utf-8")


def read_json(path: str, *, highest: int | None = None) -> dict[str, Any]:
    """The JSON object in a file.

    Args:
      path: the file.
      highest: the newest `format_version` that can be read; None if the file carries none. A file
        without a version is as old as can be and is read.

    Raises:
      ValueError: not JSON, not an object, or of a newer version; names the file.
      OSError, tf.errors.OpError: see `open_binary`.
    """
    try:
        values = json.loads(read_text(path))
    except ValueError as error:  # not JSON, or not UTF-8
        raise ValueError(f"{path}: expected a JSON object, this is not JSON ({error}).") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected a JSON object, received {values!r}.")
    if highest is not None:
        refuse_newer(path, values.get("format_version", 1), highest)
    return values


def refuse_newer(path: str, version: Any, highest: int) -> None:
    """ValueError if the `format_version` found in `path` is none that this code can read."""
    if not isinstance(version, int) or version > highest:
        raise ValueError(
            f"{path} has format_version {version}; this bert_tf reads up to {highest}. Install a "
            "newer bert_tf."
        )


def sha256(path: str) -> str:
    """SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open_binary(path) as file:
        while block := file.read(_BYTES_PER_READ):
            digest.update(block)
    return digest.hexdigest()


def write_whole(path: str, content: str | bytes) -> None:
    """Writes a file that takes the place of an older one when it is whole; text becomes UTF-8."""
    with whole_file(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def write_lines(path: str, lines: Iterable[str]) -> None:
    """Writes each line and a line end, as `write_whole` does."""
    with whole_file(path) as file:
        for line in lines:
            file.write((line + "\n").encode("utf-8"))


def write_json(path: str, values: Any) -> None:
    """Writes indented JSON in ASCII and a line end, as `write_whole` does."""
    write_whole(path, json.dumps(values, indent=2) + "\n")


@contextlib.contextmanager
def whole_file(path: str, temporary: str = TEMPORARY) -> Iterator[IO[bytes]]:
    """Yields a binary file; it gets the name `path` when the block succeeds, else it is removed.

    Args:
      path: the name in the end; a file of that name is replaced.
      temporary: what stands behind the name until then.
    """
    with renamed_when_whole(path, temporary) as name, _open_for_writing(name) as file:
        yield file


@contextlib.contextmanager
def renamed_when_whole(path: str, temporary: str = TEMPORARY) -> Iterator[str]:
    """The same for a writer that opens files itself: yields the name it must write to."""
    name = path + temporary
    with removed_on_failure(name):
        yield name
        if is_remote(path):
            _gfile().rename(name, path, overwrite=True)
        else:
            os.replace(name, path)


@contextlib.contextmanager
def new_folder(path: str, *, replace: bool = False) -> Iterator[str]:
    """Yields an empty folder; it becomes `path` when the block succeeds, else it is removed.

    Args:
      path: the name in the end.
      replace: whether an older folder gives way.

    Raises:
      ValueError: there is a file at `path`, or a folder and `replace` is false.
    """
    path = path.rstrip("/")
    if not replace:
        refuse_existing(path)
    elif exists(path) and not is_folder(path):
        raise ValueError(f"{path} is a file; expected a folder.")
    name = path + TEMPORARY
    remove(name)  # of a run that was killed
    with removed_on_failure(name):
        make_folder(name)
        yield name
        if replace:
            remove(path)
        _gfile().rename(name, path) if is_remote(path) else os.rename(name, path)


def refuse_existing(path: str) -> None:
    """ValueError if there is a file or folder at `path`."""
    if exists(path.rstrip("/")):
        raise ValueError(f"{path.rstrip('/')} exists. Choose another name, or remove it.")


@contextlib.contextmanager
def removed_on_failure(path: str) -> Iterator[None]:
    """Removes the file or folder `path` when the block ends in an exception.

    For what is written under a temporary name: a full disk or Ctrl-C must not leave it.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(*_errors_of(path)):  # the first error is the one to report
            remove(path)
        raise


def remove(path: str) -> None:
    """Removes a file, or a folder with all that is in it; nothing happens if there is neither."""
    if is_remote(path):
        if is_folder(path):
            _gfile().rmtree(path)
        elif _gfile().exists(path):
            _gfile().remove(path)
    elif os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def _open_for_writing(path: str) -> IO[bytes]:
    if not is_remote(path):
        return open(path, "wb")
    file = _gfile().GFile(path, "wb")
    file.write(b"")  # opens it now, before the work begins
    return file


def _errors_of(path: str) -> tuple[type[Exception], ...]:
    if not is_remote(path):
        return (OSError,)
    import tensorflow as tf

    return (OSError, tf.errors.OpError)


def _gfile():
    import tensorflow as tf

    return tf.io.gfile
