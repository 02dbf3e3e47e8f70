"""`tokenizer_config.json`: what a vocabulary file cannot say about how text is cut into tokens."""

import json
import os

import tensorflow as tf
from absl import logging

from bert_tf import files
from bert_tf.tokenization.vocabulary import Vocabulary

CONFIG_FILE = "tokenizer_config.json"
FORMAT_VERSION = 1
_CONFIG_TYPES = {
    "format_version": (int, "a whole number"),
    "do_lower_case": (bool, "true or false"),
    "max_input_chars_per_word": (int, "a whole number, at least 1"),
}


def write(folder: str, *, do_lower_case: bool, max_input_chars_per_word: int) -> None:
    """Writes the file into `folder`, in one piece."""
    config = {
        "do_lower_case": do_lower_case,
        "format_version": FORMAT_VERSION,
        "max_input_chars_per_word": max_input_chars_per_word,
    }
    content = json.dumps(config, indent=2) + "\n"
    files.write_whole(os.path.join(folder, CONFIG_FILE), content.encode("utf-8"))


def read(folder: str) -> dict:
    """The content of the file in `folder`; empty if there is none.

    Keys that are not ours (other libraries write a file of this name) are left alone.

    Raises:
      ValueError: not a JSON object, a value of the wrong type, or a newer format.
    """
    path = os.path.join(folder, CONFIG_FILE)
    if not tf.io.gfile.exists(path):
        return {}
    config = files.read_json(path)
    for key, (kind, wording) in _CONFIG_TYPES.items():
        value = config.get(key)
        if value is not None and (type(value) is not kind or value < 1 and kind is int):
            raise ValueError(f"{path}: {key} is {value!r}; expected {wording}")
    files.refuse_newer(path, config.get("format_version") or FORMAT_VERSION, FORMAT_VERSION)
    return config


def decide_lower_case(
    argument: bool | None, config: dict, vocabulary: Vocabulary, file: str
) -> bool:
    """What was asked for, else what was saved, else what the tokens look like (logged)."""
    configured = config.get("do_lower_case")
    if argument is None and configured is None:
        inferred = not vocabulary.looks_cased
        logging.info("%s: do_lower_case=%s, inferred from the tokens", file, inferred)
        return inferred
    if argument is None:
        return configured
    if configured is not None and configured != argument:
        logging.warning(
            "%s was saved with do_lower_case=%s; using do_lower_case=%s as asked",
            file,
            configured,
            argument,
        )
    return argument
