"""The model of a distillation: the student, and matrices that only the training needs."""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from bert_tf.distillation.term import Term, giving
from bert_tf.layers.dense import Dense

# Before the names of stored tensors of the teacher in a batch.
STORED = "teacher_"


class _Untracked:
    """Keeps a model out of the variables, and so out of the checkpoints, of the one around it."""

    def __init__(self, model: keras.Model | None):
        self.model = model


class DistillationModel(keras.Model):
    """A student beside its teacher.

    Args:
      student: the model that is trained.
      teacher: the model that is not; None if what it gives is stored.
      terms: what is imitated.
      dtype: the dtype policy of the student.

    Call arguments:
      batch: as for the student, with the stored tensors of the teacher, if there are any.
      dropout_seed: int32 [2]; None for no dropout. The teacher never drops anything.

    Returns:
      The student's outputs, and `learned` and `taught`, {name: tensor} (see `Term`).
    """

    def __init__(
        self, student: keras.Model, teacher: keras.Model | None, terms: Sequence[Term], dtype: str
    ):
        super().__init__(name="distillation", dtype=dtype)
        self.student, self._teacher, self._terms = student, _Untracked(teacher), tuple(terms)
        width = student.config.model.hidden_size
        self.widening = []
        self._widened: dict[str, int] = {}
        with keras.name_scope(self.name):
            for name, size in (pair for term in terms for pair in term.widened.items()):
                layer = Dense(size, use_bias=False, name=name, dtype=self.dtype_policy)
                layer.build((None, None, width))
                self._widened[name] = len(self.widening)
                self.widening.append(layer)
        self.built = True

    @property
    def encoder(self) -> keras.Model:
        """The student's encoder."""
        return self.student.encoder

    def call(self, batch, dropout_seed=None):
        with giving(self.student.encoder, self._terms, of_teacher=False):
            outputs = self.student(batch, dropout_seed=dropout_seed)
        learned = self._merged("of_student", outputs, batch)
        for name, number in self._widened.items():
            learned[name] = self.widening[number](learned[name])
        return {**outputs, "learned": learned, "taught": self._taught(batch)}

    def _taught(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        stored = {
            name.removeprefix(STORED): rows
            for name, rows in batch.items()
            if name.startswith(STORED)
        }
        if stored:
            return stored
        teacher = self._teacher.model
        with giving(teacher.encoder, self._terms, of_teacher=True):
            taught = self._merged("of_teacher", teacher(batch), batch)
        return {name: tf.stop_gradient(tensor) for name, tensor in taught.items()}

    def _merged(self, method: str, outputs, batch) -> dict[str, tf.Tensor]:
        found = {}
        for term in self._terms:
            found |= getattr(term, method)(outputs, batch)
        return found
