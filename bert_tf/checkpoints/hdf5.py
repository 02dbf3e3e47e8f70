"""HDF5 files: `tf_model.h5`, which the TensorFlow classes of transformers wrote, and any other.

An HDF5 file can point at other files: by links, by data that lie outside, by views of other data.
None of these is followed. A reader of weights has no business there.
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
    """The tensors of a `tf_model.h5` under the names that PyTorch's classes give them.

    Has what `tensors.SafetensorsFile` has.

    Args:
      path: of the file, on a local disk.

    Attributes:
      shapes: {name: shape}, kernels turned to [out, in] as in PyTorch.
      dtypes: {name: NumPy dtype}.

    Raises:
      ValueError: not a whole file, it points at other files, or two tensors have one name.
    """

    def __init__(self, path: str):
        self.path = path
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.dtypes: dict[str, np.dtype] = {}
        self._places: dict[str, tuple[str, bool]] = {}  # name -> (its data set, is it turned)
        for place, shape, dtype in datasets(path):
            name, is_turned = _plain_name(place)
            if name in self._places:
                raise ValueError(f"{path}: {place!r} and {self._places[name][0]!r} are one tensor.")
            self._places[name] = place, is_turned
            self.shapes[name], self.dtypes[name] = shape[::-1] if is_turned else shape, dtype

    def read(self, name: str) -> np.ndarray:
        """The tensor called `name`."""
        place, is_turned = self._places[name]
        with h5py.File(self.path, "r") as file:
            array = file[place][()]
        return array.T if is_turned else array


def _plain_name(place: str) -> tuple[str, bool]:
    """The name in PyTorch of a data set, and whether it is turned.

    `/bert/tf_bert_model/bert/encoder/layer_._0/attention/self/query/kernel:0`: the layer of Keras,
    the model, then the path, in which `_._` separates and `x___y` stands for `y`.
    """
    path = _SCOPE.sub(r"/\1/", "/" + place.rpartition(":")[0].strip("/"))
    words = [word for word in path.replace("_._", "/").split("/") if word][2:]
    last = words[-1] if words else ""
    return ".".join([*words[:-1], _LAST_WORDS.get(last, last)]), last == "kernel"


def datasets(path: str) -> Iterator[tuple[str, tuple[int, ...], np.dtype]]:
    """(place, shape, dtype) of the arrays in a file.

    Raises:
      ValueError: no whole HDF5 file, or one that points at other files or outside of itself.
    """
    check_is_file(path)
    try:
        with h5py.File(path, "r") as file:
            yield from _below(path, file, "", depth=0)
    except (OSError, RuntimeError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{path}: not a whole HDF5 file ({error}). Fetch it again.") from error


_DEEPEST = 32  # groups; a hard link can make a circle


def _below(path: str, group: h5py.Group, place: str, depth: int) -> Iterator[tuple]:
    if depth > _DEEPEST:
        raise ValueError(f"{path}: groups over {_DEEPEST} deep, or in a circle. It is damaged.")
    for name in group:
        inner = f"{place}/{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{path}: {inner} is a link to another place, which is not followed.")
        found = group[name]
        if isinstance(found, h5py.Group):
            yield from _below(path, found, inner, depth + 1)
            continue
        if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
            raise ValueError(f"{path}: {inner} holds no numbers of its own.")
        if found.nbytes > 2 * os.path.getsize(path) and not found.compression:
            raise ValueError(f"{path}: {inner} claims {found.nbytes:,} bytes, more than the file.")
        yield inner, found.shape, found.dtype
