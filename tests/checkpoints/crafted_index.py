"""Writes TensorFlow checkpoints of one tensor, "w", whose index says what it should not."""

import pathlib
import struct

import numpy as np
from tensorflow.core.protobuf import tensor_bundle_pb2

CONTENT = np.arange(4, dtype=np.float32).tobytes()
_MAGIC = 0xDB4775248B80FB57


def _table_of_checksums():
    rows = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        rows = np.where(rows & 1, (rows >> 1) ^ 0x82F63B78, rows >> 1)
    return rows.tolist()


_ROWS = _table_of_checksums()


def checksum(data: bytes) -> int:
    """CRC-32C, masked as TensorFlow masks it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _ROWS[(crc ^ byte) & 255] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def number(value: int) -> bytes:
    """As protocol buffers and tables write it."""
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def _block(items) -> bytes:
    entries = [
        number(0) + number(len(key)) + number(len(value)) + key + value for key, value in items
    ]
    begins = np.cumsum([0, *map(len, entries)])[: max(len(entries), 1)]
    return b"".join(entries) + begins.astype("<u4").tobytes() + struct.pack("<I", len(begins))


def table(items: dict[bytes, bytes]) -> bytes:
    """A table of one block."""
    content = b""

    def add(block):
        nonlocal content
        handle = number(len(content)) + number(len(block))
        content += block + b"\0" + struct.pack("<I", checksum(block + b"\0"))
        return handle

    data, meta = add(_block(sorted(items.items()))), add(_block([]))
    footer = meta + add(_block([(max(items) + b"\xff", data)]))
    return content + footer.ljust(40, b"\0") + struct.pack("<Q", _MAGIC)


def entry(sizes=(2, 2), **fields) -> bytes:
    """An entry for `CONTENT`, with other fields."""
    made = tensor_bundle_pb2.BundleEntryProto(
        **{"dtype": 1, "size": len(CONTENT), "crc32c": checksum(CONTENT), **fields}
    )
    for size in sizes:
        made.shape.dim.add(size=size)
    return made.SerializeToString()


def write(folder: pathlib.Path, value: bytes) -> str:
    """Writes a checkpoint whose entry of "w" is `value`; returns its prefix."""
    header = tensor_bundle_pb2.BundleHeaderProto(num_shards=1)
    header.version.producer = 1
    prefix = str(folder / "model.ckpt")
    pathlib.Path(f"{prefix}.index").write_bytes(
        table({b"": header.SerializeToString(), b"w": value})
    )
    pathlib.Path(f"{prefix}.data-00000-of-00001").write_bytes(CONTENT)
    return prefix
