"""Rows of tokens on disk: TFRecord shards and the manifest that describes them.

A record is a `tf.train.Example` with the int64 features `input_ids` and `segment_ids` (both as long
as the row, not padded), `next_sentence_labels` and `example_lengths` (one number per example of the
row), and in packed data `example_indices` (the number of each example in the data set; its masks
depend on it). The records have no masks; the format with masks is in
bert_tf.data.records.release_format. This module does not know how examples are made, or in which
order they are read.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from bert_tf import files
from bert_tf.data.ranges import offsets_of
from bert_tf.data.records import tf_record_parts
from bert_tf.data.records.example_bytes import serialize_rows
from bert_tf.data.records.manifest import HINT, MANIFEST, Manifest
from bert_tf.data.records.row_tables import Rows

INCOMPLETE = ".incomplete"  # suffix of a file or folder that is not finished
_FEATURES = ("input_ids", "segment_ids", "next_sentence_labels", "example_lengths")
_INDICES = "example_indices"


class DamagedError(ValueError):
    """A shard is truncated, or one of its records cannot be used; names shard and record."""


def shard_name(index: int, num_shards: int) -> str:
    """`shard-00000-of-00004.tfrecord`."""
    return f"shard-{index:05d}-of-{num_shards:05d}.tfrecord"


def write_shards(folder: str, tables: Iterable[Rows], num_shards: int) -> Iterator[dict]:
    """Writes one shard per table; yields its entry for the manifest (file, rows, sha256)."""
    for index, table in enumerate(tables):
        yield write_shard(os.path.join(folder, shard_name(index, num_shards)), [table])


def write_shard(
    path: str,
    tables: Iterable[Rows],
    to_bytes: Callable[[Rows], Iterator[bytes]] | None = None,
) -> dict:
    """Writes the rows of some tables as one shard; returns its entry for the manifest.

    The file gets its name when it is complete. `to_bytes` is the format, by default `serialize`.
    """
    to_bytes = to_bytes or serialize
    num_rows = 0
    with files.renamed_when_whole(path, INCOMPLETE) as temporary:
        with tf.io.TFRecordWriter(temporary) as writer:
            for table in tables:
                num_rows += len(table)
                for record in to_bytes(table):
                    writer.write(record)
        sha256 = files.sha256(temporary)
    return {"file": os.path.basename(path), "rows": num_rows, "sha256": sha256}


def serialize(table: Rows) -> Iterator[bytes]:
    """Yields each row as a serialized `tf.train.Example`; equal rows give equal bytes."""
    if not len(table):
        return
    is_example = table.example_lengths > 0
    offsets = offsets_of(is_example.sum(axis=1))
    features = {
        "input_ids": (table.input_ids, table.offsets),
        "segment_ids": (table.segment_ids, table.offsets),
        "next_sentence_labels": (table.next_sentence_labels[is_example], offsets),
        "example_lengths": (table.example_lengths[is_example], offsets),
    }
    if table.example_indices is not None:
        features[_INDICES] = (table.example_indices[is_example], offsets)
    yield from serialize_rows(features)


def read_shard(
    folder: str, manifest: Manifest, shard: int, vocab_size: int, *, unchanged: bool = False
) -> Rows:
    """Reads and checks one shard.

    Raises:
      ValueError: the shard is missing or has more records than the manifest says, or, with
        `unchanged`, it is not the file that was made.
      DamagedError: it is truncated or damaged, or a record breaks the format or has a token id
        outside [0, vocab_size). The message names the shard and the record (counted from 0).
    """
    entry = manifest.shards[shard]
    path = os.path.join(folder, entry["file"])
    contents, is_unchanged = read_records(path, entry)
    table = parse_records(path, contents, manifest, vocab_size)
    refuse_changed(path, unchanged and not is_unchanged)
    return table


def parse_records(
    path: str, contents: tf.Tensor | Sequence[bytes], manifest: Manifest, vocab_size: int
) -> Rows:
    """Parses serialized records, string [rows > 0]. Raises DamagedError for a bad record."""
    table = _parse(path, tf.convert_to_tensor(contents), manifest.max_examples_per_row)
    _check_rows(path, table, manifest, vocab_size)
    return table


def read_records(path: str, entry: dict) -> tuple[Sequence[bytes], bool]:
    """The serialized records of a shard, and whether the file has the SHA-256 in the manifest.

    If the SHA-256 differs, TFRecord's checksums are verified. Raises a ValueError that names the
    file and the record.
    """
    if not tf.io.gfile.exists(path):
        raise ValueError(f"{path} is missing although the manifest lists it; {HINT} again")
    with tf.io.gfile.GFile(path, "rb") as file:
        data = file.read()
    is_unchanged = hashlib.sha256(data).hexdigest() == entry["sha256"]
    contents = tf_record_parts.split(data) if is_unchanged else _read_verified(path)
    found, num_rows = len(contents), entry["rows"]
    if found != num_rows:
        kind = ValueError if found > num_rows else DamagedError
        raise kind(
            f"{path}, record {min(found, num_rows)}: the file has {found} records, but the "
            f"manifest says {num_rows}; copy the file again or {HINT} again"
        )
    return contents, is_unchanged


def _read_verified(path: str) -> Sequence[bytes]:
    try:
        return list(tf.data.TFRecordDataset(path).as_numpy_iterator())
    except tf.errors.OpError as error:
        raise DamagedError(
            f"{path}, record {_count_readable(path)}: truncated or damaged; "
            f"copy the file again or {HINT} again"
        ) from error


def _count_readable(path: str) -> int:
    count = 0
    try:
        for _ in tf.data.TFRecordDataset(path):
            count += 1
    except tf.errors.OpError:
        pass
    return count


def _parse(path: str, records: tf.Tensor, max_examples: int) -> Rows:
    names = _FEATURES if max_examples == 1 else (*_FEATURES, _INDICES)
    spec = {name: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for name in names}
    try:
        parsed = tf.io.parse_example(records, spec)
    except tf.errors.OpError as error:
        bad = next(i for i, record in enumerate(records.numpy()) if not _is_example(record))
        raise DamagedError(
            f"{path}, record {bad}: not a tf.train.Example of int64 lists"
        ) from error
    splits = {name: parsed[name].row_splits.numpy() for name in names}
    for first, second in (names[:2], names[2:4], (names[-1], "example_lengths")):
        _refuse(
            path,
            np.diff(splits[first]) != np.diff(splits[second]),
            f"{first} and {second} have different lengths",
        )
    counts = np.diff(splits["example_lengths"])
    _refuse(path, (counts < 1) | (counts > max_examples), f"not 1 to {max_examples} examples")
    indices = None
    if _INDICES in parsed:
        indices = parsed[_INDICES].to_tensor(shape=(None, max_examples)).numpy()
    return Rows(
        input_ids=_to_int32(parsed["input_ids"].values),
        segment_ids=_to_int32(parsed["segment_ids"].values).astype(np.int8),
        offsets=splits["input_ids"],
        next_sentence_labels=_to_int32(
            parsed["next_sentence_labels"].to_tensor(shape=(None, max_examples))
        ),
        example_lengths=_to_int32(parsed["example_lengths"].to_tensor(shape=(None, max_examples))),
        example_indices=indices,
    )


def _to_int32(values: tf.Tensor) -> np.ndarray:
    """int64 -> int32. A value that does not fit becomes -1, which every check refuses."""
    values = values.numpy()
    return np.where((values < 0) | (values >= 1 << 31), -1, values).astype(np.int32)


def _is_example(record: bytes) -> bool:
    try:
        features = tf.train.Example.FromString(record).features.feature
    except Exception:  # protobuf's implementations have DecodeError in different modules
        return False
    return all(
        features[name].WhichOneof("kind") in (None, "int64_list") for name in (*_FEATURES, _INDICES)
    )


def _check_rows(path: str, table: Rows, manifest: Manifest, vocab_size: int) -> None:
    ids, lengths = table.input_ids, np.diff(table.offsets)
    of_row = np.repeat(np.arange(len(table)), lengths)
    outside = (ids < 0) | (ids >= vocab_size)
    if outside.any():
        first = int(np.argmax(outside))
        raise DamagedError(
            f"{path}, record {of_row[first]}: token id {ids[first]} is outside the vocabulary of "
            f"{vocab_size} tokens; the data was made with another vocabulary"
        )
    _refuse(
        path, lengths > manifest.max_seq_length, f"longer than {manifest.max_seq_length} tokens"
    )
    bad_examples = (table.example_lengths.sum(axis=1) != lengths) | (
        table.example_lengths[:, 0] < 1
    )
    _refuse(path, bad_examples, "example_lengths do not add up to the length of the row")
    labels = table.next_sentence_labels
    _refuse(path, ((labels < 0) | (labels > 1)).any(axis=1), "next_sentence_labels are not 0 or 1")
    bad_segments = (table.segment_ids < 0) | (table.segment_ids > 1)
    if bad_segments.any():
        record = of_row[np.argmax(bad_segments)]
        raise DamagedError(f"{path}, record {record}: segment_ids are not 0 or 1; {HINT} again")


def _refuse(path: str, bad: np.ndarray, what: str) -> None:
    if bad.any():
        raise DamagedError(f"{path}, record {int(np.argmax(bad))}: {what}; {HINT} again")


def refuse_changed(path: str, is_changed: bool) -> None:
    """Raises ValueError if a shard was replaced: data must not change during a run."""
    if is_changed:
        raise ValueError(
            f"{path} has changed: its SHA-256 is not the one in {MANIFEST}. Copy the file again. "
            "Put other data into another folder, and train on it in another --work_dir"
        )
