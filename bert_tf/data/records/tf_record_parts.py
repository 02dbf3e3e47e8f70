"""Reads TFRecord files of any size in parts: finds the parts, and reads the records of a part.

The frame of a record is the length of the record (8 bytes, low bytes first), a checksum of the
length (4), the record, and a checksum of the record (4). `find` verifies the checksums when a file
is read for the first time; later the SHA-256 of its records identifies a part. Files can be
compressed with gzip; then each part is read from the beginning of the file.
"""

import contextlib
import gzip
import hashlib
import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from bert_tf.data.text.lines import GFileReader

_LENGTH = struct.Struct("<QI")
_FRAME_BYTES = 16  # around a record
_BYTES_PER_READ = 1 << 20


def find(path: str, rows_per_part: int) -> Iterator[tuple[dict, np.ndarray]]:
    """Divides a file into parts of `rows_per_part` records.

    Yields:
      The manifest's entry of each part (`file`, `rows`, `sha256` of its records, `offset` and
      `bytes` in the unpacked file, `first_record`), and its records, bytes [rows].

    Raises:
      ValueError: the file is missing, or not a complete TFRecord file. The message names file and
        record.
    """
    with _open(path) as file:
        compression = "GZIP" if isinstance(file, gzip.GzipFile) else ""
    offset = first = 0
    try:
        for batch in tf.data.TFRecordDataset(path, compression).batch(rows_per_part):
            records = batch.numpy()
            size = sum(map(len, records)) + _FRAME_BYTES * len(records)
            entry = {
                "file": path,
                "rows": len(records),
                "sha256": _sha256(records),
                "offset": offset,
                "bytes": size,
                "first_record": first,
            }
            yield entry, records
            offset, first = offset + size, first + len(records)
    except tf.errors.OpError as error:
        raise ValueError(
            f"{path}, after record {first}: truncated, damaged, or not a TFRecord file; expected "
            "records of create_pretraining_data.py, or a data folder of bert_tf"
        ) from error


def read(path: str, entry: dict) -> tf.Tensor:
    """The records of a part, string [rows].

    Raises:
      ValueError: the file changed after `find` read it.
    """
    with _open(path) as file:
        file.seek(entry["offset"])
        data = file.read(entry["bytes"])
    records = split(data)
    if len(data) != entry["bytes"] or _sha256(records) != entry["sha256"]:
        raise ValueError(
            f"{path}, records from {entry['first_record']} on: the file has changed since the run "
            "first read it; copy the old file again, or begin another run"
        )
    return tf.constant(records)


def split(data: bytes) -> list[bytes]:
    """The records in a sequence of complete frames; does not verify checksums."""
    records, place = [], 0
    while place + _FRAME_BYTES <= len(data):
        size, _ = _LENGTH.unpack_from(data, place)
        begin = place + _LENGTH.size
        records.append(data[begin : begin + size])
        place += size + _FRAME_BYTES
    return records


def _sha256(records: list[bytes] | np.ndarray) -> str:
    digest = hashlib.sha256()
    for record in records:
        digest.update(record)
    return digest.hexdigest()


@contextlib.contextmanager
def _open(path: str) -> Iterator[io.BufferedIOBase]:
    try:
        with GFileReader(path) as raw:
            file = io.BufferedReader(raw, _BYTES_PER_READ)
            is_compressed = file.peek(2)[:2] == b"\x1f\x8b"
            yield gzip.GzipFile(fileobj=file) if is_compressed else file
    except tf.errors.OpError as error:
        raise ValueError(f"{path}: cannot be read ({error.message})") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: not a whole gzip file ({error})") from error
