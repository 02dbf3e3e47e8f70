"""Reads safetensors files one tensor at a time, after it has checked the whole header.

A file is 8 bytes (length of the header), the header (JSON: {name: {dtype, shape, data_offsets}})
and the data. All sizes in the header are compared with the size of the file before memory is
allocated. Works on object storage. The format is that of the safetensors library.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ml_dtypes
import numpy as np
import tensorflow as tf

from bert_tf.files import check_is_file, is_of_type, parse_json

_MAX_HEADER = 100_000_000  # bytes, the library's own limit
_DTYPES = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


class SafetensorsFile:
    """The tensors of one file.

    Args:
      path: the file, local or remote.

    Attributes:
      shapes: {name: shape}.
      dtypes: {name: NumPy dtype}.
      metadata: {str: str}.

    Raises:
      ValueError: the file is truncated, or its header is not JSON, has wrong sizes, overlaps, holes
        or an unknown dtype.
    """

    def __init__(self, path: str):
        self.path = path
        check_is_file(path)
        size = tf.io.gfile.stat(path).length
        with tf.io.gfile.GFile(path, "rb") as file:
            header, self._start = _read_header(file, size, path)
        self.metadata = header.pop("__metadata__", None) or {}
        if not is_of_type(self.metadata, dict[str, str]):
            raise self._lie("its __metadata__ is not an object of strings")
        self._entries = {name: self._entry(name, value) for name, value in header.items()}
        self._check_layout(size)
        # A tensor with two names is stored once; the header has the second name.
        for alias, kept in self.metadata.items():
            if kept in header:
                self._entries.setdefault(alias, self._entries[kept])
        self.shapes = {name: shape for name, (_, shape, _, _) in self._entries.items()}
        self.dtypes = {name: dtype for name, (dtype, _, _, _) in self._entries.items()}

    def read(self, name: str) -> np.ndarray:
        """The tensor `name`, with the dtype of the file."""
        dtype, shape, begin, end = self._entries[name]
        with tf.io.gfile.GFile(self.path, "rb") as file:
            file.seek(self._start + begin)
            content = file.read(end - begin)
        if len(content) != end - begin:
            raise ValueError(f"{self.path}: truncated in the data of {name!r}.")
        return np.frombuffer(content, dtype).reshape(shape)

    def _entry(self, name: str, value: Any) -> tuple:
        """(dtype, shape, begin, end) of one tensor, after the checks that need no other tensor."""
        try:
            dtype, shape, (begin, end) = value["dtype"], value["shape"], value["data_offsets"]
            whole = [*shape, begin, end]
        except (TypeError, KeyError, ValueError) as error:
            raise self._lie(f"{name!r} has no dtype, shape and data_offsets") from error
        if not all(type(number) is int and number >= 0 for number in whole) or len(shape) > 8:
            raise self._lie(f"{name!r} has the shape {shape} at {begin} to {end}")
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            raise ValueError(
                f"{self.path}: {name!r} has dtype {dtype!r}. Known: {', '.join(_DTYPES)}."
            )
        if math.prod(shape) * _DTYPES[dtype].itemsize != end - begin:
            raise self._lie(f"{name!r} of shape {shape} and dtype {dtype} at {begin} to {end}")
        return _DTYPES[dtype], tuple(shape), begin, end

    def _check_layout(self, size: int) -> None:
        """Checks that every byte of the data belongs to exactly one tensor."""
        position = 0
        for name, (_, _, begin, end) in sorted(self._entries.items(), key=lambda item: item[1][2:]):
            if begin != position:
                raise self._lie(
                    f"{name!r} begins at {begin}, not at {position}: there is a hole or an overlap"
                )
            position = end
        if self._start + position != size:
            raise ValueError(
                f"{self.path}: not a whole safetensors file: it has {size:,} bytes, but its header "
                f"needs {self._start + position:,}. Copy it again."
            )

    def _lie(self, what: str) -> ValueError:
        return ValueError(f"{self.path}: the header is wrong: {what}. Copy the file again.")


def _read_header(file, size: int, path: str) -> tuple[dict, int]:
    """The JSON, and the place where the data begins."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, _MAX_HEADER):
        raise ValueError(
            f"{path}: not a whole safetensors file: it has {size:,} bytes, but claims a header of "
            f"{length:,}. Copy it again."
        )
    try:
        header = parse_json(file.read(length), "", unique_names=True)
    except ValueError as error:
        raise ValueError(f"{path}: not a safetensors file: its header is not JSON.") from error
    if not isinstance(header, dict):
        raise ValueError(f"{path}: not a safetensors file: its header is not a JSON object.")
    return header, 8 + length


def write(
    path: str,
    tensors: Iterable[tuple[str, tuple[int, ...], Callable[[], np.ndarray]]],
    *,
    dtype: Any = np.float32,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes a file one tensor at a time.

    Args:
      path: the file.
      tensors: (name, shape, function that returns the array) of each.
      dtype: of all tensors in the file.
      metadata: for the header.
    """
    tensors, dtype = list(tensors), np.dtype(dtype)
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for name, shape, _ in tensors:
        end = position + math.prod(shape) * dtype.itemsize
        entry = {"dtype": _NAMES[dtype], "shape": list(shape), "data_offsets": [position, end]}
        header[name], position = entry, end
    content = json.dumps(header, separators=(",", ":")).encode()
    content += b" " * (-len(content) % 8)
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(len(content).to_bytes(8, "little") + content)
        for _, _, read in tensors:
            file.write(read().astype(dtype).tobytes())
