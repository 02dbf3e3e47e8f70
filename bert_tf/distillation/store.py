"""What a teacher gives for each row of the training data, computed once and kept on disk.

    teacher_outputs/<hash>/<name>.npy     one array, first axis the rows

The folder's name is the hash of everything that the arrays depend on, so arrays of another teacher
or of other data are never read. A folder is written whole or not at all.

Shapes: R rows.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf import progress
from bert_tf.data.batches.order import BatchSlice
from bert_tf.distillation.soft_targets import SoftTargets
from bert_tf.distillation.teacher import Teacher
from bert_tf.distillation.term import Term, giving
from bert_tf.files import new_folder
from bert_tf.tasks.task import Learn

FOLDER = "teacher_outputs"


def read_or_write(
    work_dir: str, made_of: Mapping[str, Any], make: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The arrays of the folder for `made_of`, which is made if it is not there.

    Args:
      work_dir: of the run.
      made_of: everything that the arrays depend on, for JSON.
      make: computes them.

    Returns:
      {name: array}, mapped from the files.
    """
    text = json.dumps(made_of, sort_keys=True)
    folder = os.path.join(work_dir, FOLDER, hashlib.sha256(text.encode()).hexdigest()[:32])
    if not os.path.isdir(folder):
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        with new_folder(folder) as temporary:
            for name, array in make().items():
                np.save(os.path.join(temporary, f"{name}.npy"), array, allow_pickle=False)
    names = sorted(name for name in os.listdir(folder) if name.endswith(".npy"))
    return {
        name.removesuffix(".npy"): np.load(
            os.path.join(folder, name), mmap_mode="r", allow_pickle=False
        )
        for name in names
    }


def hash_of(*arrays: np.ndarray) -> str:
    """A SHA-256 of shapes, types and values."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


class Answers:
    """What a teacher gives for the rows of a data set.

    Args:
      teacher: the teacher.
      student: the student's task, which makes the batches.
      terms: what is imitated.
      data: the training rows.
    """

    def __init__(self, teacher: Teacher, student: Learn, terms: Sequence[Term], data: Any):
        self._student, self._terms, self._data = student, terms, data
        answers = any(isinstance(term, SoftTargets) for term in terms)
        _, self._model = teacher.load(student.config.train.dtype, answers=answers)
        self._compute = tf.function(self._of_batch, autograph=False)
        self._size = student.config.train.eval_batch_size

    def _dataset(self) -> tf.data.Dataset:
        return self._student.make_dataset(self._data, BatchSlice(self._size), training=False)

    def _of_batch(self, batch):
        with giving(self._model.encoder, self._terms, of_teacher=True):
            outputs, found = self._model(batch), {}
        for term in self._terms:
            found |= term.of_teacher(outputs, batch)
        return found

    def _at_its_width(self, batch):
        return self._student.at_its_width(batch, self._of_batch)

    def _without_width(self, batch):
        return {name: rows for name, rows in batch.items() if name != "width_index"}

    def bytes_of(self, num_rows: int) -> int:
        """Bytes of the arrays of `num_rows` rows."""
        specs = self._compute.get_concrete_function(self._specs()).structured_outputs
        return num_rows * sum(
            math.prod(spec.shape[1:]) * spec.dtype.size for spec in specs.values()
        )

    def _specs(self):
        return self._without_width(self._dataset().element_spec)

    def compute(self) -> dict[str, np.ndarray]:
        """{name: array [R, ...]}, in the order of the rows."""
        parts, rows = [], []
        # Short rows need not be computed at the full width, if their outputs have no such axis.
        width = self._student.config.data.max_seq_length
        specs = self._compute.get_concrete_function(self._specs()).structured_outputs
        is_cut = not any(width in spec.shape[1:] for spec in specs.values())
        compute = tf.function(self._at_its_width, autograph=False) if is_cut else self._compute
        with progress.bar(unit="batches", description="asking the teacher") as bar:
            for batch in self._dataset():
                given = compute(batch if is_cut else self._without_width(batch))
                parts.append({name: tensor.numpy() for name, tensor in given.items()})
                rows.append(batch["row_ids"].numpy())
                bar.update(1)
        row_R = np.concatenate(rows)
        used = np.flatnonzero(row_R >= 0)
        used = used[np.argsort(row_R[used], kind="stable")]
        return {name: np.concatenate([part[name] for part in parts])[used] for name in parts[0]}
