"""Nothing half written stays behind."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf


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
