"""TFRecord files of any size, read in parts: where records begin, and the records of a part.

The frame of a record is its length (8 bytes, the low ones first), a checksum of that (4), the
record, and a checksum of it (4). The checksums are verified when a file is read for the first time
(`find`), a part is later known by the SHA-256 of its records. Files compressed with gzip are read
too, each part from the beginning of the file.
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
    """Cuts a file into parts of so many records.

    Yields the entry of each part for the manifest (`file`, `rows`, `sha256` of its records,
    `offset` and `bytes` in the unpacked file, `first_record`), and its records, bytes [rows].

    Raises ValueError: the file is missing, or not a whole TFRecord file; names file and record.
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
            f"{path}, behind record {first}: truncated, damaged, or not a TFRecord file; expected "
            "the records of a create_pretraining_data.py, or a folder made by ours"
        ) from error


def read(path: str, entry: dict) -> tf.Tensor:
    """The records of a part, string [rows].

    Raises:
      ValueError: the file is not what it was when `find` read it.
    """
    with _open(path) as file:
        file.seek(entry["offset"])
        data = file.read(entry["bytes"])
    records = split(data)
    if len(data) != entry["bytes"] or _sha256(records) != entry["sha256"]:
        raise ValueError(
            f"{path}, records from {entry['first_record']} on: the file is not what it was when it "
            "was first read; copy it again, or begin another run"
        )
    return tf.constant(records)


def split(data: bytes) -> list[bytes]:
    """The records of a stretch of whole frames; who calls it knows that the bytes are right."""
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
