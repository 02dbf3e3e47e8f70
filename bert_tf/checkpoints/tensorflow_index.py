"""Checks the index of a TensorFlow checkpoint before TensorFlow reads it.

TensorFlow ends the process, without an exception, for impossible shapes and invalid entries. The
index is a table like LevelDB's (tensorflow/tsl/lib/io/table_format.txt), with protocol buffers as
values.
"""

import math
import struct
from collections.abc import Iterator

from google.protobuf.message import DecodeError
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import tensor_bundle_pb2

from bert_tf.files import open_binary

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48  # bytes
_BEHIND_A_BLOCK = 5  # bytes: kind of compression, checksum
_MOST_DIMENSIONS = 254
_MOST_ELEMENTS = 2**63
_FIRST_REFERENCE = types_pb2.DT_FLOAT_REF


def check(path: str) -> None:
    """Checks the file `prefix.index`.

    Raises:
      ValueError: the file is not a table, or an entry has an impossible type or shape.
    """
    with open_binary(path) as file:
        data = file.read()
    try:
        for key, value in _entries_of_table(data):
            if key:  # the first is the header
                _check_entry(key, tensor_bundle_pb2.BundleEntryProto.FromString(value))
    except (IndexError, struct.error, DecodeError) as error:
        raise ValueError(f"{path}: a damaged index of a TensorFlow checkpoint.") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}. The index is damaged.") from error


def _check_entry(key: bytes, entry: tensor_bundle_pb2.BundleEntryProto) -> None:
    name = key.decode(errors="backslashreplace")
    if entry.dtype not in types_pb2.DataType.values() or not 0 < entry.dtype < _FIRST_REFERENCE:
        raise ValueError(f"{name!r} has the type {entry.dtype}; expected one of TensorFlow's")
    sizes = [dimension.size for dimension in entry.shape.dim]
    is_none = entry.shape.unknown_rank or len(sizes) > _MOST_DIMENSIONS
    if is_none or min(sizes, default=0) < 0 or math.prod(sizes) >= _MOST_ELEMENTS:
        said = "no known rank" if entry.shape.unknown_rank else f"the shape {sizes[:9]}"
        raise ValueError(f"{name!r} has {said}; expected the sizes of a tensor")


def _entries_of_table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of all blocks."""
    if len(data) < _FOOTER or struct.unpack("<Q", data[-8:])[0] != _MAGIC:
        raise ValueError("it does not end as an index ends")
    handles, place = [], len(data) - _FOOTER
    for _ in range(4):  # where the blocks of metadata and of handles begin, and their sizes
        number, place = _number(data, place)
        handles.append(number)
    for _, handle in _entries(_block(data, *handles[2:])):
        begin, place = _number(handle, 0)
        yield from _entries(_block(data, begin, _number(handle, place)[0]))


def _block(data: bytes, begin: int, size: int) -> bytes:
    end = begin + size
    if end + _BEHIND_A_BLOCK > len(data):
        raise ValueError("it is cut off")
    if data[end]:
        raise ValueError("it is compressed, which TensorFlow's are not")
    return data[begin:end]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(key, value); the block stores a key without its common prefix with the key before."""
    (num_restarts,) = struct.unpack("<I", block[-4:])
    end, place, key = len(block) - 4 - 4 * num_restarts, 0, b""
    while place < end:
        shared, place = _number(block, place)
        rest, place = _number(block, place)
        size, place = _number(block, place)
        key = key[:shared] + block[place : place + rest]
        place += rest
        yield key, block[place : place + size]
        place += size
    if place != max(end, 0):
        raise ValueError("an entry reaches over the end of its block")


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A variable-length number at `place`, and the place after it."""
    number = shift = 0
    while True:
        byte = data[place]
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return number, place
        if shift > 63:
            raise ValueError("a number in it is too long")
