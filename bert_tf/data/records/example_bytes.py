"""Serializes rows of numbers as `tf.train.Example`s, all rows at once.

It writes the wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding)
with array operations, because the protobuf library takes longer for the rows than the tokenizer for
the text. The bytes equal those of `SerializeToString(deterministic=True)`: features sorted by name,
all lists packed.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from bert_tf.data.ranges import offsets_of

_FIELD_1, _FIELD_2, _FIELD_3 = 0x0A, 0x12, 0x1A  # tags of fields that have a length
_FLOAT_LIST, _INT64_LIST = _FIELD_2, _FIELD_3  # of a feature
_BITS = 7  # of a byte
_LENGTH_BYTES = 4  # a row has less than 2**28 bytes

Columns = tuple[np.ndarray, np.ndarray]  # bytes uint8 [n, k], and whether each counts, bool [n, k]
Lists = tuple[np.ndarray, np.ndarray]  # values of all rows, and the rows' offsets int64 [n + 1]


def serialize_rows(features: Mapping[str, Lists]) -> Iterator[bytes]:
    """Yields one serialized example a row.

    Args:
      features: name -> concatenated numbers of all rows, and their offsets. Integers become an
        int64 list, float32 a float list. No row can be empty.
    """
    parts = [part for name in sorted(features) for part in _feature(name, *features[name])]
    sizes = sum(lengths for _, lengths in parts)
    parts.insert(0, _flat(_join(_tag(_FIELD_1, len(sizes)), _varints(sizes, _LENGTH_BYTES))))
    # Joining slices of bytes for each row is faster than moving the bytes with index arrays.
    texts = [flat.tobytes() for flat, _ in parts]
    bounds = [offsets_of(lengths).tolist() for _, lengths in parts]
    for row in range(len(sizes)):
        yield b"".join(
            [text[bound[row] : bound[row + 1]] for text, bound in zip(texts, bounds, strict=True)]
        )


def _feature(name: str, values: np.ndarray, offsets: np.ndarray) -> tuple[Lists, Lists]:
    """The bytes before the numbers of a feature, and the numbers: each (bytes, length per row)."""
    num_rows = len(offsets) - 1
    tag = _INT64_LIST
    if values.dtype == np.float32:
        tag, flat, payload = _FLOAT_LIST, *_pack_floats(values, offsets)
    else:
        if values.min() < 0:
            values = values.astype(np.int64).view(np.uint64)  # the format uses ten bytes
        flat, payload = _pack(values, offsets)
    list_head = _join(_tag(_FIELD_1, num_rows), _varints(payload, _LENGTH_BYTES))
    list_size = payload + _sizes(list_head)
    feature_head = _join(_tag(tag, num_rows), _varints(list_size, _LENGTH_BYTES))
    feature_size = list_size + _sizes(feature_head)
    key = _constant(bytes([_FIELD_1, len(name)]) + name.encode(), num_rows)
    value_head = _join(_tag(_FIELD_2, num_rows), _varints(feature_size, _LENGTH_BYTES))
    entry_size = feature_size + _sizes(key) + _sizes(value_head)
    entry_head = _join(_tag(_FIELD_1, num_rows), _varints(entry_size, _LENGTH_BYTES))
    head = _flat(_join(entry_head, key, value_head, feature_head, list_head))
    return head, (flat, payload)


def _pack_floats(values: np.ndarray, offsets: np.ndarray) -> Lists:
    """All values as four bytes, low bytes first; the number of bytes of each row."""
    return np.ascontiguousarray(values, "<f4").view(np.uint8), 4 * np.diff(offsets)


def _pack(values: np.ndarray, offsets: np.ndarray) -> Lists:
    """All values as base-128 numbers: the bytes of all rows, the number of bytes of each row."""
    num_bytes = _bytes_needed(values)
    if num_bytes == 1:
        return values.astype(np.uint8), np.diff(offsets)
    digits, real = _varints(values, num_bytes)
    sizes = np.ones(len(values), np.int64)
    for column in range(1, num_bytes):
        sizes += real[:, column]
    return digits[real], np.diff(np.cumsum(sizes)[offsets[1:] - 1], prepend=0)


def _varints(values: np.ndarray, num_bytes: int) -> Columns:
    """Base-128 numbers, low bits first; all bytes except the last have the top bit set."""
    digits = np.empty((len(values), num_bytes), np.uint8)
    real = np.ones((len(values), num_bytes), bool)
    rest = values  # column by column, because operations on short rows are slow
    for column in range(num_bytes):
        if column:
            np.greater(rest, 0, out=real[:, column])
        digits[:, column] = (rest & 0x7F) | ((rest > 0x7F).view(np.uint8) << 7)
        rest = rest >> _BITS
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
