"""Nothing half written stays behind."""

import contextlib
from collections.abc import Iterable, Iterator

import tensorflow as tf

TEMPORARY = ".tmp"  # behind the name of a file that is being written


@contextlib.contextmanager
def removed_on_failure(path: str) -> Iterator[None]:
    """Removes the file or folder `path`, if it is there, when the block ends in an exception.

    For what is written under a temporary name: a full disk or Ctrl-C must not leave it.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(tf.errors.OpError):  # the first error is the one to report
            if tf.io.gfile.isdir(path):
                tf.io.gfile.rmtree(path)
            elif tf.io.gfile.exists(path):
                tf.io.gfile.remove(path)
        raise


def write_lines(path: str, lines: Iterable[str]) -> None:
    """Writes `lines` to a temporary file that takes the place of `path` when it is whole."""
    with _whole_file(path, "w") as file:
        file.write("")  # opens it, before the work begins
        for line in lines:
            file.write(line + "\n")


def write_whole(path: str, content: str | bytes) -> None:
    """The same for a small file, local or remote: it is there whole or not at all."""
    with _whole_file(path, "w" if isinstance(content, str) else "wb") as file:
        file.write(content)


@contextlib.contextmanager
def _whole_file(path: str, mode: str) -> Iterator[tf.io.gfile.GFile]:
    temporary = path + TEMPORARY
    with removed_on_failure(temporary), tf.io.gfile.GFile(temporary, mode) as file:
        yield file
    tf.io.gfile.rename(temporary, path, overwrite=True)
