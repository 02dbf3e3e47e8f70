"""Writes files and folders completely or not at all; reads JSON and its format versions.

A path with `://` is remote and uses `tf.io.gfile`; all other paths use Python itself. TensorFlow is
imported only for remote paths, so that settings can be read without it.
"""

import contextlib
import hashlib
import json
import os
import reprlib
import shutil
import types as std_types
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import IO, Any

from bert_tf import locks

TEMPORARY = ".tmp"  # behind the name of a file or folder that is being written
_REPLACED = ".old"  # behind the name of a folder while a new one takes its place
_BYTES_PER_READ = 1 << 22
DEEPEST_JSON = 64  # levels; no file of ours or of others comes near, a hostile one has thousands


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
    """Makes a folder and its parents, if they are missing."""
    if is_remote(path):
        _gfile().makedirs(path)
    else:
        os.makedirs(path, exist_ok=True)


def open_binary(path: str) -> IO[bytes]:
    """Opens a file for reading.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is a pipe or a device.
      OSError: a local file cannot be read.
      tf.errors.OpError: a remote file cannot be read.
    """
    if not exists(path):
        raise FileNotFoundError(f"{path}: no such file.")
    check_is_file(path)
    return _gfile().GFile(path, "rb") if is_remote(path) else open(path, "rb")


def check_is_file(path: str) -> None:
    """Raises ValueError for a pipe or a device, which cannot be read twice and may never end."""
    if not is_remote(path) and is_pipe(path):
        raise ValueError(f"{path} is a pipe or a device; expected a file that can be read again.")


def is_pipe(path: str) -> bool:
    """Whether a local path exists and is neither a file nor a folder."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def read_text(path: str) -> str:
    """The content of a UTF-8 file, with unchanged line ends; raises as `open_binary` does."""
    with open_binary(path) as file:
        return file.read().decode("utf-8")


def read_json(
    path: str,
    *,
    highest: int | None = None,
    types: Mapping[str, Any] | None = None,
    required: Collection[str] = (),
) -> dict[str, Any]:
    """Reads the JSON object in a file.

    Args:
      path: the file.
      highest: the newest `format_version` that can be read; None if the file has none. A file
        without a version is the oldest and can be read.
      types: see `check_types`; other keys can have any value.
      required: keys that must exist.

    Raises:
      ValueError: the file is not JSON, not an object, or of a newer version, or a key is missing or
        has another type. The message names the file.
      OSError, tf.errors.OpError: see `open_binary`.
    """
    with open_binary(path) as file:
        values = parse_json(file.read(), f"{path}: expected a JSON object, this is")
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected a JSON object, received {reprlib.repr(values)}.")
    if highest is not None:
        refuse_newer(path, values.get("format_version", 1), highest)
    missing = [name for name in required if name not in values]
    if missing:
        raise ValueError(
            f"{path}: {', '.join(missing)} missing. The file is damaged, or not from bert_tf."
        )
    check_types(values, types or {}, path)
    return values


def parse_json(text: str | bytes, where: str, *, unique_names: bool = False) -> Any:
    """Parses JSON from outside. No other code parses it.

    Args:
      text: UTF-8 if bytes; a byte order mark is dropped.
      where: the start of the message.
      unique_names: whether a repeated name in an object is an error.

    Returns:
      A value with a depth of at most `DEEPEST_JSON`, so that recursive code cannot overflow.

    Raises:
      ValueError: the text is not UTF-8, not JSON, or deeper; `__cause__` has the place in the text.
    """
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        values = json.loads(text, object_pairs_hook=_unique if unique_names else None)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{where} not UTF-8 (line {line}). Convert it, for example with iconv -t utf-8."
        ) from error
    except RecursionError as error:
        raise _too_deep(where) from error
    except ValueError as error:
        raise ValueError(f"{where} not JSON ({error}).") from error
    level = [values] if isinstance(values, dict | list) else []
    for _ in range(DEEPEST_JSON):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    if level:
        raise _too_deep(where)
    return values


def _too_deep(where: str) -> ValueError:
    return ValueError(f"{where} not JSON that can be read (over {DEEPEST_JSON} levels deep).")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name occurs twice")
    return values


def check_types(values: Mapping[str, Any], types: Mapping[str, Any], where: str) -> None:
    """Checks values from JSON.

    Args:
      values: an object.
      types: {key: type hint}, such as `int`, `list[str]`, `dict[str, float] | None`. Missing keys
        are not checked. A whole number is also a `float`; true and false are only `bool`.
      where: the start of the message.

    Raises:
      ValueError: a value has another type.
    """
    for name, kind in types.items():
        if name in values and not is_of_type(values[name], kind):
            found = reprlib.repr(values[name])
            raise ValueError(f"{where}: {name} is {found}; expected {said(kind)}.")


def said(kind: Any) -> str:
    """A type hint in a message."""
    return kind.__name__ if type(kind) is type else str(kind).replace("typing.", "")


def is_of_type(value: Any, kind: Any) -> bool:
    """Whether a value from JSON has the type of a hint; JSON has a list for a tuple."""
    outer, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return True
    if outer in (typing.Union, std_types.UnionType):
        return any(is_of_type(value, one) for one in inner)
    if outer is tuple or outer is list:
        return isinstance(value, list | tuple) and all(is_of_type(v, inner[0]) for v in value)
    if outer in (dict, Mapping):
        return isinstance(value, dict) and all(is_of_type(v, inner[1]) for v in value.values())
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind or type(None))


def refuse_newer(path: str, version: Any, highest: int) -> None:
    """Raises ValueError if this code cannot read the `format_version` of the file `path`."""
    if type(version) is not int or version > highest:
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
    """Writes a file, which replaces an older one when it is complete; text becomes UTF-8."""
    with whole_file(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def write_lines(path: str, lines: Iterable[str]) -> None:
    """Writes each line with a line end, as `write_whole` does."""
    with whole_file(path) as file:
        for line in lines:
            file.write((line + "\n").encode("utf-8"))


def write_into(folder: str, contents: Mapping[str, str]) -> None:
    """Writes {name: content} into an existing folder, as `write_whole` does.

    Raises:
      ValueError: another process writes the folder.
    """
    with locks.beside(folder):
        for name, content in contents.items():
            write_whole(f"{folder}/{name}", content)


def write_json(path: str, values: Any) -> None:
    """Writes indented JSON in ASCII and a line end, as `write_whole` does."""
    write_whole(path, json.dumps(values, indent=2) + "\n")


@contextlib.contextmanager
def whole_file(path: str, temporary: str = TEMPORARY) -> Iterator[IO[bytes]]:
    """Yields a binary file. It gets the name `path` if the block succeeds, or else is removed.

    Args:
      path: the final name; an existing file is replaced.
      temporary: the suffix of the name until then.
    """
    with renamed_when_whole(path, temporary) as name, _open_for_writing(name) as file:
        yield file


@contextlib.contextmanager
def renamed_when_whole(path: str, temporary: str = TEMPORARY) -> Iterator[str]:
    """Like `whole_file`, for a writer that opens files itself: yields the name to write to."""
    name = path + temporary
    with removed_on_failure(name):
        yield name
        _rename(name, path)


@contextlib.contextmanager
def new_folder(path: str, *, replace: bool = False) -> Iterator[str]:
    """Yields an empty folder. It becomes `path` if the block succeeds, or else is removed.

    Args:
      path: the final name.
      replace: whether an older folder is replaced.

    Raises:
      ValueError: `path` is a file, or a folder and `replace` is false, or another process writes
        it.
    """
    path = path.rstrip("/")
    name, old = path + TEMPORARY, path + _REPLACED
    parent = path.rpartition("/")[0]
    if parent:
        make_folder(parent)
    with locks.beside(path):
        if exists(old) and not exists(path):  # a run was killed between its two renames
            _rename(old, path)
        if not replace:
            refuse_existing(path)
        elif exists(path) and not is_folder(path):
            raise ValueError(f"{path} is a file; expected a folder.")
        for rest in (name, old):  # of a run that was killed
            remove(rest)
        with removed_on_failure(name):
            make_folder(name)
            yield name
            if replace and exists(path):  # at no moment half of it is there
                _rename(path, old)
            _rename(name, path)
        remove(old)


def refuse_existing(path: str) -> None:
    """Raises ValueError if `path` exists."""
    if exists(path.rstrip("/")):
        raise ValueError(f"{path.rstrip('/')} exists. Choose another name, or remove it.")


@contextlib.contextmanager
def removed_on_failure(path: str) -> Iterator[None]:
    """Removes the file or folder `path` if the block ends in an exception.

    It is for temporary names: a full disk or Ctrl-C must not leave temporary files.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(*_errors_of(path)):  # the first error is the one to report
            remove(path)
        raise


def remove(path: str) -> None:
    """Removes a file, or a folder with its contents; does nothing if the path does not exist."""
    if is_remote(path):
        if is_folder(path):
            _gfile().rmtree(path)
        elif _gfile().exists(path):
            _gfile().remove(path)
    elif os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def _rename(name: str, path: str) -> None:
    if is_remote(path):
        _gfile().rename(name, path, overwrite=True)
    else:
        os.replace(name, path)


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
