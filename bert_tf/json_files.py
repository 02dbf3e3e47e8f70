"""JSON files of this project: an object with a `format_version`. Needs no TensorFlow.

TensorFlow is imported only for a path on object storage (gs://, s3://).
"""

import json
from collections.abc import MutableMapping
from typing import Any


def read_object(path: str, expected: str = "a JSON object") -> dict[str, Any]:
    """The JSON object in a file, local or on object storage.

    Args:
      path: of the file.
      expected: what the file should hold, for messages.

    Raises:
      ValueError: the file is missing, or holds something else.
    """
    try:
        values = json.loads(_read_text(path))
    except (ValueError, FileNotFoundError) as error:  # not JSON, not text, not there
        raise ValueError(f"{path}: expected {expected} ({error}).") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected a JSON object, received {values!r}.")
    return values


def _read_text(path: str) -> str:
    if "://" not in path:
        with open(path, encoding="utf-8") as file:
            return file.read()
    import tensorflow as tf

    try:
        with tf.io.gfile.GFile(path) as file:
            return file.read()
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(error.message) from error


def take_version(
    values: MutableMapping[str, Any],
    path: str,
    newest: int,
    *,
    hint: str = "Install a newer bert_tf.",
) -> int:
    """Takes `format_version` out of `values` and returns it; 1 where there is none.

    Args:
      values: of the file; loses the key.
      path: of the file, for the message.
      newest: the newest version that this program reads.
      hint: how to mend it.

    Raises:
      ValueError: the file has a newer format.
    """
    version = values.pop("format_version", 1)
    if not isinstance(version, int) or version > newest:
        raise ValueError(
            f"{path} has format_version {version}, this bert_tf reads up to {newest}. {hint}"
        )
    return version
