"""HDF5 files: `tf_model.h5` of transformers' TensorFlow classes, and any other.

An HDF5 file can refer to other files: with links, external data, and views of other data. For
security, the reader follows none of them.
"""

import os
import re
from collections.abc import Iterator

import h5py
import numpy as np

from bert_tf.files import check_is_file

_SCOPE = re.compile(r"/[^/]*___([^/]*)/")
_LAST_WORDS = {"kernel": "weight", "embeddings": "weight", "gamma": "weight", "beta": "bias"}


class TransformersFile:
    """The tensors of a `tf_model.h5`, with their names in PyTorch's classes.

    Has the interface of `tensors.SafetensorsFile`.

    Args:
      path: the file, on a local disk.

    Attributes:
      shapes: {name: shape}; kernels are transposed to [out, in] as in PyTorch.
      dtypes: {name: NumPy dtype}.

    Raises:
      ValueError: the file is incomplete or refers to other files, or two tensors have one name.
    """

    def __init__(self, path: str):
        self.path = path
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.dtypes: dict[str, np.dtype] = {}
        self._places: dict[str, tuple[str, bool]] = {}  # name -> (its data set, is it transposed)
        for place, shape, dtype in datasets(path):
            name, is_turned = _plain_name(place)
            if name in self._places:
                raise ValueError(f"{path}: {place!r} and {self._places[name][0]!r} are one tensor.")
            self._places[name] = place, is_turned
            self.shapes[name], self.dtypes[name] = shape[::-1] if is_turned else shape, dtype

    def read(self, name: str) -> np.ndarray:
        """The tensor `name`."""
        place, is_turned = self._places[name]
        with h5py.File(self.path, "r") as file:
            array = file[place][()]
        return array.T if is_turned else array


def _plain_name(place: str) -> tuple[str, bool]:
    """The name in PyTorch of a data set, and whether it is transposed.

    `/bert/tf_bert_model/bert/encoder/layer_._0/attention/self/query/kernel:0`: the layer of Keras,
    the model, then the path, with `_._` as the separator and `x___y` for `y`.
    """
    path = _SCOPE.sub(r"/\1/", "/" + place.rpartition(":")[0].strip("/"))
    words = [word for word in path.replace("_._", "/").split("/") if word][2:]
    last = words[-1] if words else ""
    return ".".join([*words[:-1], _LAST_WORDS.get(last, last)]), last == "kernel"


def datasets(path: str) -> Iterator[tuple[str, tuple[int, ...], np.dtype]]:
    """(place, shape, dtype) of the arrays in a file.

    Raises:
      ValueError: the file is not a complete HDF5 file, or refers to other files.
    """
    check_is_file(path)
    try:
        with h5py.File(path, "r") as file:
            yield from _below(path, file, "", depth=0)
    except (OSError, RuntimeError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{path}: not a whole HDF5 file ({error}). Copy it again.") from error


_MOST_PACKED = 1100  # bytes for one: zlib cannot say more
_DEEPEST = 32  # groups; a hard link can make a circle


def _below(path: str, group: h5py.Group, place: str, depth: int) -> Iterator[tuple]:
    if depth > _DEEPEST:
        raise ValueError(
            f"{path}: the groups are over {_DEEPEST} levels deep, or form a circle. The file is "
            "damaged: copy it again."
        )
    for name in group:
        inner = f"{place}/{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(
                f"{path}: {inner} is a link to another place. Links are not followed: expected "
                "numbers in the file itself."
            )
        found = group[name]
        if isinstance(found, h5py.Group):
            yield from _below(path, found, inner, depth + 1)
            continue
        if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
            raise ValueError(f"{path}: {inner} holds no numbers of its own.")
        most = _MOST_PACKED if found.compression else 2
        if found.nbytes > most * os.path.getsize(path):
            raise ValueError(
                f"{path}: {inner} claims {found.nbytes:,} bytes, more than the file has. Copy the "
                "file again."
            )
        yield inner, found.shape, found.dtype
