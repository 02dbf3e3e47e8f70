"""Reads the good records of a damaged shard, for training with `skip_damaged_records`.

A damaged record becomes a row without an example. It keeps its place, so the positions, batches and
masks of all other rows do not change, on every layout and after every resume. This module reads the
frames of TFRecord itself, because TensorFlow's reader stops at the first fault.

A frame is the length of the record, uint64; its checksum, uint32; the record; its checksum
(https://www.tensorflow.org/tutorials/load_data/tfrecord). The checksum is CRC-32C, rotated and
shifted by a constant.
"""

import os
import struct
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf.data.ranges import offsets_of, ranges
from bert_tf.data.records import release_format, shards
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.row_tables import Predictions, Rows
from bert_tf.data.records.shards import DamagedError
from bert_tf.tokenization.tokenizer import Tokenizer

_POLYNOMIAL = 0x82F63B78  # of Castagnoli, bits reversed
_NUM_NAMED = 5  # records in the warning


def read_shard(folder: str, manifest: Manifest, shard: int, tokenizer: Tokenizer) -> Rows:
    """`shards.read_shard`, but a damaged record becomes a row of the first token, without example.

    Logs a warning with the number of damaged records.

    Raises:
      ValueError: the shard is missing, or is not the file in the manifest.
    """
    try:
        return _format_of(manifest).read_shard(folder, manifest, shard, len(tokenizer))
    except DamagedError as error:
        reason = str(error)
        if "offset" in manifest.shards[shard]:  # a part of a file that another program made
            raise
    entry = manifest.shards[shard]
    path = os.path.join(folder, entry["file"])
    contents = _readable_records(path)
    if len(contents) > entry["rows"]:
        raise ValueError(reason)
    contents += [None] * (entry["rows"] - len(contents))
    there = [content for content in contents if content is not None]
    passed = iter(_find_good(path, there, manifest, len(tokenizer)))
    is_good = np.array([content is not None and next(passed) for content in contents], bool)
    bad = np.flatnonzero(~is_good).tolist()
    named = ", ".join(map(str, bad[:_NUM_NAMED])) + (", ..." if len(bad) > _NUM_NAMED else "")
    logging.warning(
        "%s: left out %d of %d records (%s): %s", path, len(bad), len(contents), named, reason
    )
    good = [content for content, keep in zip(contents, is_good, strict=True) if keep]
    if not good:
        table = _no_rows(manifest)
    else:
        table = _format_of(manifest).parse_records(path, good, manifest, len(tokenizer))
    return _spread(table, is_good, tokenizer.cls_id)


def _format_of(manifest: Manifest) -> ModuleType:
    return release_format if manifest.static_masks else shards


def _no_rows(manifest: Manifest) -> Rows:
    nothing = np.zeros(0, np.int32)
    none, predictions = np.zeros((0, manifest.max_examples_per_row), np.int32), None
    if manifest.static_masks:
        slots = np.zeros((0, manifest.static_masks["max_predictions_per_seq"]), np.int32)
        predictions = Predictions(slots, slots, slots.astype(np.float32))
    indices = none.astype(np.int64) if manifest.max_examples_per_row > 1 else None
    offsets = np.zeros(1, np.int64)
    return Rows(nothing, nothing.astype(np.int8), offsets, none, none, indices, predictions)


def _readable_records(path: str) -> list[bytes | None]:
    """The records of a file up to the first damaged frame; None for a damaged record."""
    with tf.io.gfile.GFile(path, "rb") as file:
        data = file.read()
    found, sums, place = [], [], 0
    while place + 12 <= len(data):
        length, length_sum = struct.unpack_from("<QI", data, place)
        end = place + 12 + length
        if _mask(crc32c([data[place : place + 8]]))[0] != length_sum or end + 4 > len(data):
            break  # the length is wrong, so the next frame cannot be found
        found.append(data[place + 12 : end])
        sums.append(struct.unpack_from("<I", data, end)[0])
        place = end + 4
    is_whole = _mask(crc32c(found)) == np.array(sums, np.uint32)
    return [record if whole else None for record, whole in zip(found, is_whole, strict=True)]


def crc32c(texts: Sequence[bytes]) -> np.ndarray:
    """uint32 [n]: the CRC-32C of each text, computed byte by byte for all texts at once."""
    lengths = np.array([len(text) for text in texts], np.int64)
    by_length = np.argsort(-lengths, kind="stable")
    flat = np.frombuffer(b"".join(texts[i] for i in by_length), np.uint8)
    begins = offsets_of(lengths[by_length])[:-1]
    sums = np.full(len(texts), 0xFFFFFFFF, np.uint32)
    # Texts are sorted by length: the first `active[column]` texts have a byte at `column`.
    active = np.searchsorted(-lengths[by_length], -np.arange(int(lengths.max(initial=0))), "left")
    for column, count in enumerate(active.tolist()):
        index = (sums[:count] ^ flat[begins[:count] + column]) & 0xFF
        sums[:count] = _TABLE[index] ^ (sums[:count] >> np.uint32(8))
    result = np.empty_like(sums)
    result[by_length] = ~sums
    return result


def _make_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table


_TABLE = _make_table()


def _mask(sums: np.ndarray) -> np.ndarray:
    """TFRecord's form of a checksum."""
    rotated = (sums >> np.uint32(15)) | (sums << np.uint32(17))
    return rotated + np.uint32(0xA282EAD8)


def _find_good(path: str, contents: list[bytes], manifest: Manifest, vocab_size: int) -> list[bool]:
    """Which records pass the checks of `parse_records`; searches by halves."""
    if not contents:
        return []
    try:
        _format_of(manifest).parse_records(path, contents, manifest, vocab_size)
    except DamagedError:
        if len(contents) == 1:
            return [False]
        middle = len(contents) // 2
        first = _find_good(path, contents[:middle], manifest, vocab_size)
        return first + _find_good(path, contents[middle:], manifest, vocab_size)
    return [True] * len(contents)


def _spread(table: Rows, is_good: np.ndarray, cls_id: int) -> Rows:
    """Puts the good rows into their places, and a row of the first token into all others."""
    lengths = np.ones(len(is_good), np.int64)
    lengths[is_good] = np.diff(table.offsets)
    offsets = offsets_of(lengths)
    places = ranges(offsets[:-1][is_good], lengths[is_good])

    def tokens(values: np.ndarray, filler: int) -> np.ndarray:
        spread = np.full(offsets[-1], filler, values.dtype)
        spread[places] = values
        return spread

    def examples(values: np.ndarray | None) -> np.ndarray | None:
        if values is None:
            return None
        spread = np.zeros((len(is_good), values.shape[1]), values.dtype)
        spread[is_good] = values
        return spread

    masks = table.predictions
    if masks is not None:
        masks = Predictions(**{name: examples(values) for name, values in vars(masks).items()})
    return Rows(
        input_ids=tokens(table.input_ids, cls_id),
        segment_ids=tokens(table.segment_ids, 0),
        offsets=offsets,
        next_sentence_labels=examples(table.next_sentence_labels),
        example_lengths=examples(table.example_lengths),
        example_indices=examples(table.example_indices),
        predictions=masks,
    )
