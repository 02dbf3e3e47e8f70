"""Checks the folder of a data set before it is built."""

import os
import re

import tensorflow as tf

from bert_tf import files, locks
from bert_tf.data.corpus import unknown_words
from bert_tf.data.records import manifest
from bert_tf.data.records.manifest import Manifest
from bert_tf.tokenization.tokenizer import Tokenizer

SHARD = re.compile(r"shard-\d{5,}-of-\d{5,}\.tfrecord(\.incomplete)?")


def find_existing(output_dir: str, wanted: Manifest) -> Manifest | None:
    """The manifest in the folder, if it describes the same data set; None without a manifest.

    Raises:
      ValueError: the folder holds another data set, or a damaged one.
    """
    if not tf.io.gfile.exists(os.path.join(output_dir, manifest.MANIFEST)):
        return None
    existing = Manifest.load(output_dir)
    here, asked = existing.settings(), wanted.settings()
    different = [name for name in asked if here.get(name) != asked[name]]
    if different:
        name = different[0]
        raise ValueError(
            f"{output_dir} already holds another data set (different: {', '.join(different)}; "
            f"{name} is {here.get(name)} there, {asked[name]} here); choose another folder or "
            "delete that one"
        )
    for shard in existing.shards:
        path = os.path.join(output_dir, shard["file"])
        if not tf.io.gfile.exists(path) or files.sha256(path) != shard["sha256"]:
            raise ValueError(f"{path} is missing or damaged; delete {output_dir} and run again")
    return existing


def check_free(output_dir: str, tokenizer: Tokenizer) -> None:
    """Checks that the folder holds only files of this tokenizer and remains of a killed run.

    Raises:
      ValueError: the folder holds other files, or is a file.
    """
    if not tf.io.gfile.exists(output_dir):
        return
    if not tf.io.gfile.isdir(output_dir):
        raise ValueError(f"{output_dir} is a file; a folder was expected")
    names = {name.rstrip("/") for name in tf.io.gfile.listdir(output_dir)}
    others = {n for n in names if not SHARD.fullmatch(n)} - _own_names(tokenizer)
    others -= {locks.IN_FOLDER}
    if others:
        raise ValueError(
            f"{output_dir} holds other files ({', '.join(sorted(others)[:3])}); choose a new folder"
        )
    if names >= set(tokenizer.FILES):
        here = Tokenizer.from_folder(output_dir)
        if here.identity != tokenizer.identity or here.settings() != tokenizer.settings():
            raise ValueError(f"{output_dir} holds another tokenizer; choose a new folder")


def _own_names(tokenizer: Tokenizer) -> set[str]:
    names = (*tokenizer.files, manifest.MANIFEST, unknown_words.FILE)
    finished = set(names) - {manifest.MANIFEST}
    return finished | {name + files.TEMPORARY for name in names}
