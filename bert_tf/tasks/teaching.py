"""A role of tasks: a model of the task can teach another one what it answers (distillation).

Shape suffixes: B batch, C classes.
"""

import abc
from typing import Any

import tensorflow as tf

from bert_tf.tasks.task import Batch

# How the scores of an answer are to be read.
ONE, ANY, NUMBERS = "one", "any", "numbers"
# Of a batch: what `soft_weights` returns, if rows without labels are among the rows.
SOFT_WEIGHTS = "soft_weights"


class Teach(abc.ABC):
    """A task whose models answer with scores that a student can imitate.

    Class attributes:
      weights_name: the array of the rows in memory that says what counts in the task's own loss.
    """

    weights_name: str

    @property
    def soft_kind(self) -> str:
        """`ONE`: logits of which one class is right; `ANY`: of each class by itself; `NUMBERS`."""
        return ONE

    @abc.abstractmethod
    def soft_scores(self, outputs: Batch, batch: Batch) -> tf.Tensor:
        """The scores of the answers: float [B, ..., C], with C classes or numbers."""

    @abc.abstractmethod
    def soft_weights(self, batch: Batch) -> tf.Tensor:
        """What each answer counts, from the data alone: float32 [B, ...]."""

    def read_texts(self, path: str) -> Any:
        """The rows of a file, as for `make_dataset`, without its labels, if it has any.

        Raises:
          ValueError: the file is bad, or the task has no use for such a file.
        """
        raise ValueError(
            f"{path}: a {type(self).__name__} has no use for texts without labels; its data are "
            "made by create_pretraining_data.py."
        )
