"""Finds the tokenizer that a folder holds, by the kind that its tokenizer_config.json names."""

import inspect
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from bert_tf import members
from bert_tf.tokenization import tokenizer_config
from bert_tf.tokenization.added_tokens import AddedToken

if TYPE_CHECKING:
    from bert_tf.tokenization.tokenizer import Tokenizer

WORDPIECE = "wordpiece"  # the kind of a folder that names none
# Files whose settings a folder of ours does not have: it would be read by half.
OF_HUGGING_FACE = (
    "tokenizer.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
)


def read_folder(path: str, changes: Mapping[str, Any], *, source: str = "") -> "Tokenizer":
    """See `Tokenizer.from_folder`.

    Args:
      path, changes: see there.
      source: what messages call the path.
    """
    folder = path if tf.io.gfile.isdir(path) else os.path.dirname(path)
    settings = tokenizer_config.read(folder)
    where = os.path.join(folder, tokenizer_config.CONFIG_FILE)
    kind = settings.get("kind") or WORDPIECE
    path = source or path
    if "kind" not in settings:
        _refuse_others(path, folder)
    cls = find(kind, where)
    tokenizer_config.check_types(folder, settings, cls.SETTINGS)
    changes = {name: value for name, value in changes.items() if value is not None}
    if unknown := sorted(set(changes) - set(cls.SETTINGS)):
        raise ValueError(
            f"{path}: a tokenizer of kind {kind!r} has no setting {unknown[0]!r}. "
            f"Known: {', '.join(cls.SETTINGS) or 'none'}."
        )
    settings = tokenizer_config.changed(path, settings, changes)
    settings["added_tokens"] = added = read_added(settings.get("added_tokens"), where)
    tokenizer = cls.read(folder if source else path, settings)
    if set(tokenizer.added) - set(added) or len(tokenizer.added) != len(added):
        raise ValueError(f"{where}: a tokenizer of kind {kind!r} takes no added_tokens.")
    return tokenizer


def _refuse_others(path: str, folder: str) -> None:
    for name in OF_HUGGING_FACE:
        if tf.io.gfile.exists(os.path.join(folder, name)):
            raise ValueError(
                f"{path}: with {name} it is a tokenizer of Hugging Face; "
                f"bert_tf.load_tokenizer({path!r}) reads it."
            )


def read_added(values: Any, where: str) -> tuple[AddedToken, ...]:
    """The `added_tokens` of tokenizer_config.json; ValueError if they are malformed."""
    if values is not None and not isinstance(values, list):
        raise ValueError(f"{where}: added_tokens is {values!r:.60}; expected a list.")
    return tuple(
        AddedToken.from_json(value, f"{where}: added_tokens[{i}]")
        for i, value in enumerate(values or ())
    )


def find(kind: str, where: str) -> type["Tokenizer"]:
    """The class of tokenizers of a kind, which its module exports under the name `Tokenizer`.

    Args:
      kind: a name that `Tokenizer.kind` gave.
      where: the file that it was read from, for the error.

    Raises:
      ValueError: there is no such kind, see `members.find`.
    """
    cls = members.find("tokenization", kind, where).Tokenizer
    if inspect.isabstract(cls):
        known = ", ".join(members.known("tokenization"))
        raise ValueError(f"{where}: no kind of tokenizer is called {kind!r}. Known: {known}.")
    return cls
