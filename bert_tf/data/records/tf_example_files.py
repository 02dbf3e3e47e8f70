"""Files of google-research/bert's or Model Garden's create_pretraining_data.py as a data set.

They come without a manifest, and a file may hold any number of records. So they are read once, each
record is checked, and a folder is written that points at parts of them: a data set like any other,
read in the order of any other, from the files where they are.
"""

import hashlib
import os
from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import progress
from bert_tf.data.batches import order
from bert_tf.data.records import mixing, release_format, tf_record_parts
from bert_tf.data.records.manifest import MANIFEST, Manifest
from bert_tf.data.records.mixing import Mixture
from bert_tf.data.text import documents
from bert_tf.files import is_remote
from bert_tf.tokenization.tokenizer import Tokenizer

INPUT_FORMAT = "tf_example"


def open_mixture(data: str, tokenizer: Tokenizer | None, index_dir: str) -> Mixture:
    """Opens data sets, among them patterns of files, for which folders are made that point at them.

    Args:
      data: names of folders and patterns of files, with weights or without; see `Mixture.open`.
      tokenizer: of the files; None if there should be none.
      index_dir: where such folders are made; from there a run that goes on takes them again.

    Raises:
      ValueError: as `Mixture.open` and `index` say, or there are files and no tokenizer.
    """
    names, weights = mixing.parse(data)
    folders = []
    for name in names:
        if not _is_pattern(name):
            folders.append(name)
            continue
        if tokenizer is None:
            raise ValueError(
                f"{name} holds no {MANIFEST}. If these are records that a "
                "create_pretraining_data.py of google-research/bert or Model Garden made, say with "
                "--vocab_file for which vocabulary"
            )
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        folders.append(os.path.join(index_dir, digest))
        index(name, tokenizer, folders[-1])
    return Mixture.of(folders, weights)


def _is_pattern(name: str) -> bool:
    if tf.io.gfile.exists(name):
        return not tf.io.gfile.isdir(name)
    return any(character in name for character in "*?[")


def index(pattern: str, tokenizer: Tokenizer, folder: str) -> Manifest:
    """Makes `folder` a data set of the records in all files that match.

    If it is one already, of files of the same names and sizes, nothing is read again; every part is
    compared with its SHA-256 when its rows are needed.

    Args:
      pattern: a file or a glob pattern. Masks are stored in the records.
      tokenizer: whose ids the records hold; is copied into the folder.
      folder: gets manifest.json and the files of the tokenizer.

    Raises:
      ValueError: no file matches, a file is no TFRecord file, or a record is not of the format
        (`release_format`), of another length than the first, or of another vocabulary.
    """
    # Whole names: the index lies elsewhere, and evaluate.py may run in another folder.
    files = [
        path if is_remote(path) else os.path.abspath(path)
        for path in documents.expand_globs(pattern)
    ]
    inputs = [{"file": path, "bytes": tf.io.gfile.stat(path).length} for path in files]
    if tf.io.gfile.exists(os.path.join(folder, MANIFEST)):
        existing = Manifest.load(folder)
        same_vocabulary = existing.vocabulary_sha256 == tokenizer.identity
        if existing.inputs == inputs and same_vocabulary:
            return existing
    logging.info("reading %s once, to count and check the records", pattern)
    sizes = _first_sizes(files[0])
    max_seq_length, num_slots = sizes["input_ids"], sizes["masked_lm_positions"]
    entries, counts = [], {"examples": 0, "row_tokens": 0, "predictions": 0}
    has_labels = release_format.LABELS in sizes
    if has_labels:
        counts["examples_random_next"] = 0
    with progress.bar(
        total=sum(entry["bytes"] for entry in inputs) / 1e6, unit="MB", description="checking"
    ) as bar:
        for path in files:
            for entry, found in tf_record_parts.find(path, order.ROWS_PER_SHARD):
                columns = release_format.checked_columns(
                    path,
                    tf.constant(found),
                    max_seq_length,
                    num_slots,
                    vocab_size=len(tokenizer),
                    first_record=entry["first_record"],
                )
                _count(counts, columns)
                entries.append(entry)
                bar.update(entry["bytes"] / 1e6)
    tokenizer.save(folder)
    manifest = Manifest(
        objective="next_sentence" if has_labels else "none",
        max_seq_length=max_seq_length,
        max_examples_per_row=1,
        shard_size=order.ROWS_PER_SHARD,
        seed=0,
        short_seq_prob=0.0,
        vocab_size=len(tokenizer),
        vocabulary_sha256=tokenizer.identity,
        tokenizer=tokenizer.settings(),
        input_format=INPUT_FORMAT,
        inputs=inputs,
        static_masks={"max_predictions_per_seq": num_slots},
        rows=counts["examples"],
        counts=counts,
        shards=entries,
    )
    manifest.save(folder)
    return manifest


def _first_sizes(path: str) -> dict[str, int]:
    """How many numbers each feature of the first record has."""
    _, found = next(tf_record_parts.find(path, 1), (None, None))
    if found is None:
        raise ValueError(f"{path}: the file holds no records")
    sizes = release_format.feature_sizes(found[0])
    sizes = {release_format.V2_NAMES.get(name, name): size for name, size in sizes.items()}
    missing = _missing(sizes)
    if missing:
        raise ValueError(
            f"{path}, record 0: not made by a create_pretraining_data.py: the features "
            f"{', '.join(missing)} are missing, found are {sorted(sizes)}"
        )
    return sizes


def _missing(sizes: Iterable[str]) -> list[str]:
    return sorted({*release_format.PER_TOKEN, *release_format.PER_PREDICTION} - set(sizes))


def _count(counts: dict[str, int], columns: dict[str, np.ndarray]) -> None:
    counts["examples"] += len(columns["input_ids"])
    counts["row_tokens"] += int(columns["input_mask"].sum())
    counts["predictions"] += int(np.count_nonzero(columns["masked_lm_weights"]))
    if "examples_random_next" in counts:
        counts["examples_random_next"] += int(columns[release_format.LABELS].sum())
