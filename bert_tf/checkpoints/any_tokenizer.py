"""Loads the tokenizer at any path, without its model.

It recognises a folder by its files; the modules of the formats read the tokenizers.
"""

import posixpath
import tempfile
from typing import Any

import tensorflow as tf

from bert_tf.checkpoints import hugging_face_tokenizer, keras_tokenizer, own_tokenizer
from bert_tf.checkpoints.source_files import Files
from bert_tf.tokenization import finding, tokenizer_config
from bert_tf.tokenization.tokenizer import Tokenizer

_OF_KERAS = ("assets/tokenizer/vocabulary.txt", "assets/tokenizer/vocabulary.json")
_OF_HUGGING_FACE = ("config.json", *finding.OF_HUGGING_FACE)
_OF_GOOGLE = ("bert_config.json", "albert_config.json")
_OWN = ("vocab.txt", "tokenizer_config.json")


def load_tokenizer(path: str, **changes: Any) -> Tokenizer:
    """The tokenizer of a folder, or the one that a file belongs to.

    Args:
      path: a model folder, a finished work directory, the folder of a tokenizer, a checkpoint of
        another project (a folder, a file in it or a prefix), or a vocabulary file.
      **changes: settings that replace the settings in the files; None changes nothing.

    Example:
      tokenizer = bert_tf.load_tokenizer("vocab.txt")
      ids, starts, ends = tokenizer.tokenize_with_offsets("A single text.")

    Raises:
      ValueError: the path does not exist, has no known tokenizer, or a file is damaged.
    """
    path = path.rstrip("/") or path
    tokenizer = _load(path)
    changes = {name: value for name, value in changes.items() if value is not None}
    if not changes:
        return tokenizer
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(folder)
        return finding.read_folder(folder, changes, source=path)


def _load(path: str) -> Tokenizer:
    for folder in (path, posixpath.join(path, "model")):
        if tf.io.gfile.exists(posixpath.join(folder, "task.json")):
            return Tokenizer.from_folder(folder)
    if tf.io.gfile.isdir(path):
        return _of_folder(path, path)
    folder, name = posixpath.split(path)
    if tf.io.gfile.exists(path):
        if name.endswith((".txt", ".model")) or name == "vocab.json":
            return _of_file(path, folder)
        return _of_folder(path, folder)
    if tf.io.gfile.exists(path + ".index"):
        return _of_folder(path, folder)
    raise ValueError(f"{path}: no such file or folder (nothing is downloaded).")


def _of_file(path: str, folder: str) -> Tokenizer:
    """The tokenizer of a vocabulary file, with the settings in its folder."""
    if posixpath.basename(path) in (*_OF_HUGGING_FACE, *_OWN):
        return _of_folder(path, folder)
    if path.endswith(".model"):
        return hugging_face_tokenizer.read(Files(path, folder, vocab_file=path))
    return Tokenizer.from_folder(path)


def _of_folder(path: str, folder: str) -> Tokenizer:
    if tokenizer_config.read(folder).get("kind"):
        return Tokenizer.from_folder(folder)
    files = Files(path, folder)
    if files.find(*_OF_KERAS):
        return keras_tokenizer.read(files)
    if files.find(*_OF_GOOGLE):
        return own_tokenizer.read_google(files)
    if files.find(*_OF_HUGGING_FACE):
        return hugging_face_tokenizer.read(files)
    if files.find("vocab.txt"):
        return Tokenizer.from_folder(folder)
    found = ", ".join(sorted(tf.io.gfile.listdir(folder or "."))[:5])
    raise ValueError(
        f"{path}: expected the files of a tokenizer (vocab.txt; vocab.json with merges.txt; "
        f"spiece.model; tokenizer.json) or a model with them. Found: {found or 'nothing'}."
    )
