"""`tokenizer_config.json`: the kind of a tokenizer, and what its vocabulary file cannot say."""

import json
import os
from collections.abc import Mapping
from typing import Any

from absl import logging

from bert_tf import files

CONFIG_FILE = "tokenizer_config.json"
FORMAT_VERSION = 2
_SINCE_2 = ("added_tokens", "strip_accents")  # without these, a file is one of version 1
_WORDING = {bool: "true or false", int: "a whole number, at least 1", str: "a string"}


def write(folder: str, settings: Mapping[str, Any]) -> None:
    """Writes the file into `folder`, in one piece."""
    version = 1 if all(settings.get(name) is None for name in _SINCE_2) else FORMAT_VERSION
    config = {**settings, "format_version": version}
    content = json.dumps(config, indent=2, sort_keys=True) + "\n"
    files.write_whole(os.path.join(folder, CONFIG_FILE), content)


def read(folder: str) -> dict[str, Any]:
    """The content of the file in `folder`; empty if there is none.

    Keys that are not ours (other libraries write a file of this name) are left alone.

    Raises:
      ValueError: not a JSON object, a newer format, or a kind that is no string.
    """
    path = os.path.join(folder, CONFIG_FILE)
    if not files.exists(path):
        return {}
    config = files.read_json(path)
    check_types(folder, config, {"format_version": int, "kind": str})
    files.refuse_newer(path, config.get("format_version") or FORMAT_VERSION, FORMAT_VERSION)
    return config


def check_types(folder: str, config: Mapping[str, Any], types: Mapping[str, type]) -> None:
    """Checks the values that the file in `folder` has for some keys.

    Args:
      folder: for the message.
      config: the content of the file.
      types: {key: bool, int or str}. A key may be missing or null.

    Raises:
      ValueError: a value is of another type, or an int below 1.
    """
    for key, kind in types.items():
        value = config.get(key)
        if value is not None and (type(value) is not kind or kind is int and value < 1):
            path = os.path.join(folder, CONFIG_FILE)
            raise ValueError(f"{path}: {key} is {value!r}; expected {_WORDING[kind]}")


def changed(source: str, settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` with `changes`; a warning names each that was saved with another value."""
    for name, value in changes.items():
        saved = settings.get(name)
        if saved is not None and saved != value:
            logging.warning(
                "%s was saved with %s=%s; using %s=%s as asked", source, name, saved, name, value
            )
    return {**settings, **changes}
