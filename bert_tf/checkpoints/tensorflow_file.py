"""TensorFlow checkpoints (`prefix.index`, `prefix.data-*`), read by name, with checked sizes."""

import math
import posixpath

import numpy as np
import tensorflow as tf

from bert_tf.checkpoints import tensorflow_index
from bert_tf.checkpoints.source_files import TENSORFLOW_ERRORS, Files


class TensorflowFile:
    """The tensors of a checkpoint.

    Args:
      files: their path is a prefix, or a folder with one checkpoint.

    Attributes:
      shapes: {name: shape} of the floating-point tensors.
      others: the names of all other tensors.

    Raises:
      ValueError: the checkpoint is incomplete, or claims more data than its files have.
    """

    def __init__(self, files: Files):
        self.prefix = _prefix(files)
        tensorflow_index.check(f"{self.prefix}.index")
        try:
            self._reader = tf.train.load_checkpoint(self.prefix)
            shapes = self._reader.get_variable_to_shape_map()
            dtypes = self._reader.get_variable_to_dtype_map()
        except TENSORFLOW_ERRORS as error:
            raise self._damaged(error) from error
        floats = {name for name, dtype in dtypes.items() if dtype.is_floating}
        self.shapes = {name: tuple(shapes[name]) for name in sorted(floats)}
        self.others = sorted(set(shapes) - floats)
        self._check_size(dtypes)

    def read(self, name: str) -> np.ndarray:
        """The tensor `name`."""
        try:
            return self._reader.get_tensor(name)
        except TENSORFLOW_ERRORS as error:
            raise self._damaged(error) from error

    def _check_size(self, dtypes: dict) -> None:
        # A damaged index can claim any shape, and the reader allocates before it reads.
        claimed = sum(math.prod(self.shapes[name]) * dtypes[name].size for name in self.shapes)
        paths = tf.io.gfile.glob(f"{self.prefix}.data-*")
        size = sum(tf.io.gfile.stat(path).length for path in paths)
        if claimed > size:
            raise self._damaged(f"it claims {claimed:,} bytes of tensors, but has {size:,}")

    def _damaged(self, reason: object) -> ValueError:
        reason = getattr(reason, "message", reason)
        return ValueError(f"{self.prefix}: not a whole TensorFlow checkpoint ({reason}).")


def _prefix(files: Files) -> str:
    if tf.io.gfile.exists(f"{files.path}.index"):
        return files.path
    found = sorted(tf.io.gfile.glob(posixpath.join(files.folder, "*.index")))
    latest = tf.train.latest_checkpoint(files.folder)
    if latest and f"{latest}.index" in found:
        return latest
    if len(found) != 1:
        names = ", ".join(posixpath.basename(path) for path in found[:5])
        raise ValueError(f"{files.folder}: {len(found)} checkpoints ({names}); name one of them.")
    return found[0].removesuffix(".index")
