"""Rows of integers -> serialized `tf.train.Example`s, all rows at once.

Writes the wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding) with
array operations: a message a row through the protobuf library takes longer than tokenizing its
text. The bytes are those of `SerializeToString(deterministic=True)`: features sorted by name, every
list packed.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from bert_tf.data.ranges import offsets_of, ranges

_FIELD_1, _FIELD_2, _FIELD_3 = 0x0A, 0x12, 0x1A  # tags of fields that have a length
_BITS = 7
_LENGTH_BYTES = 4  # a row has less than 2**28 bytes

Columns = tuple[np.ndarray, np.ndarray]  # bytes uint8 [n, k], and which of them count, bool [n, k]
Lists = tuple[np.ndarray, np.ndarray]  # values, and where each row's begin and end, int64 [n + 1]


def serialize_rows(features: Mapping[str, Lists]) -> Iterator[bytes]:
    """Yields one serialized example a row.

    Args:
        features: name -> integers of all rows laid end to end, and their offsets.
            No row may be empty.
    """
    parts = []
    for name in sorted(features):
        values, offsets = features[name]
        head, payload = _feature(name.encode(), values, offsets)
        parts += [head, payload]
    sizes = sum(lengths for _, lengths in parts)
    parts.insert(0, _flat(_join(_tag(_FIELD_1, len(sizes)), _varints(sizes, _LENGTH_BYTES))))
    data, offsets = _interleave(parts)
    bounds = offsets.tolist()
    for begin, end in zip(bounds, bounds[1:], strict=False):
        yield data[begin:end]


def _feature(name: bytes, values: np.ndarray, offsets: np.ndarray) -> tuple[Lists, Lists]:
    """What stands before the numbers of a feature, and the numbers: (bytes, length per row)."""
    num_rows = len(offsets) - 1
    if values.min() < 0:
        values = values.astype(np.int64).view(np.uint64)  # ten bytes, as the format has it
    bytes_TK, real_TK = _varints(values, _bytes_needed(values))
    payload = np.add.reduceat(real_TK.sum(axis=1), offsets[:-1])
    list_head = _join(_tag(_FIELD_1, num_rows), _varints(payload, _LENGTH_BYTES))
    list_size = payload + _sizes(list_head)
    feature_head = _join(_tag(_FIELD_3, num_rows), _varints(list_size, _LENGTH_BYTES))
    feature_size = list_size + _sizes(feature_head)
    key = _constant(bytes([_FIELD_1, len(name)]) + name, num_rows)
    value_head = _join(_tag(_FIELD_2, num_rows), _varints(feature_size, _LENGTH_BYTES))
    entry_size = feature_size + _sizes(key) + _sizes(value_head)
    entry_head = _join(_tag(_FIELD_1, num_rows), _varints(entry_size, _LENGTH_BYTES))
    head = _flat(_join(entry_head, key, value_head, feature_head, list_head))
    return head, (bytes_TK[real_TK], payload)


def _varints(values: np.ndarray, num_bytes: int) -> Columns:
    """Base-128 numbers, the low bits first, the top bit set on all bytes but the last."""
    shifted = values[:, None] >> np.arange(0, _BITS * num_bytes, _BITS, dtype=values.dtype)
    real = shifted > 0
    real[:, 0] = True
    digits = (shifted & 0x7F).astype(np.uint8)
    digits[:, :-1] |= real[:, 1:].view(np.uint8) << 7
    return digits, real


def _bytes_needed(values: np.ndarray) -> int:
    return max(1, -(-int(values.max()).bit_length() // _BITS))


def _constant(text: bytes, num_rows: int) -> Columns:
    row = np.frombuffer(text, np.uint8)
    return np.tile(row, (num_rows, 1)), np.ones((num_rows, len(row)), bool)


def _tag(tag: int, num_rows: int) -> Columns:
    return _constant(bytes([tag]), num_rows)


def _join(*parts: Columns) -> Columns:
    return tuple(np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))


def _sizes(columns: Columns) -> np.ndarray:
    return columns[1].sum(axis=1)


def _flat(columns: Columns) -> Lists:
    return columns[0][columns[1]], _sizes(columns)


def _interleave(parts: list[Lists]) -> tuple[bytes, np.ndarray]:
    """Row 0 of every part, then row 1 of every part, ...: the bytes, int64 [rows + 1] offsets."""
    offsets = offsets_of(sum(lengths for _, lengths in parts))
    data = np.empty(offsets[-1], np.uint8)
    begins = offsets[:-1].copy()
    for flat, lengths in parts:
        data[ranges(begins, lengths)] = flat
        begins += lengths
    return data.tobytes(), offsets
