"""Files of google-research/bert's or Model Garden's create_pretraining_data.py as a data set.

They have no manifest, and a file can have any number of records. So `index` reads them once, checks
each record, and writes a folder that points at parts of the files. This folder is an ordinary data
set with the ordinary order of rows; the records stay in their files.
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
    """Opens data sets: folders, and files of records, which it indexes first.

    Args:
      data: names of folders and patterns of files, with weights or without; see `Mixture.open`.
      tokenizer: the tokenizer of the files; None if files are not expected.
      index_dir: for the indices; a resumed run uses them again.

    Raises:
      ValueError: as in `Mixture.open` and `index`, or there are files but no tokenizer.
    """
    names, weights = mixing.parse(data)
    folders = []
    for name in names:
        if not _is_pattern(name):
            folders.append(name)
            continue
        if tokenizer is None:
            raise ValueError(
                f"{name} has no {MANIFEST}. If google-research/bert's or Model Garden's "
                "create_pretraining_data.py made these records, pass their vocabulary with "
                "--vocab_file"
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

    If it already is this data set, with files of the same names and sizes, the files are not read
    again. Each part is compared with its SHA-256 when its rows are needed.

    Args:
      pattern: a file or a glob pattern. The records have static masks.
      tokenizer: the tokenizer of the records; copied into the folder.
      folder: for manifest.json and the files of the tokenizer.

    Raises:
      ValueError: no file matches, a file is not a TFRecord file, or a record has another format
        (see `release_format`), another length than the first, or another vocabulary.
    """
    # Absolute paths, because the index is in another folder, and evaluate.py can run in another.
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
    """The number of values in each feature of the first record."""
    _, found = next(tf_record_parts.find(path, 1), (None, None))
    if found is None:
        raise ValueError(f"{path}: the file has no records. Expected at least one.")
    sizes = release_format.feature_sizes(found[0])
    sizes = {release_format.V2_NAMES.get(name, name): size for name, size in sizes.items()}
    missing = _missing(sizes)
    if missing:
        raise ValueError(
            f"{path}, record 0: not made by create_pretraining_data.py: found the features "
            f"{sorted(sizes)}; {', '.join(missing)} are missing"
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
