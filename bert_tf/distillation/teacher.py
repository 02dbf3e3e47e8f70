"""The teacher of a distillation: a trained model that does not change."""

import dataclasses
import functools

import keras

from bert_tf import initial_weights, model_folder
from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.tasks.task import Task


@dataclasses.dataclass(frozen=True)
class Teacher:
    """A teacher on disk.

    Attributes:
      path: a model folder, work directory or checkpoint of another project.
      checkpoint: what is there.
    """

    path: str
    checkpoint: Checkpoint

    @classmethod
    def read(cls, path: str) -> "Teacher":
        """Reads everything but the weights; raises as `model_folder.read_checkpoint`."""
        return cls(path, model_folder.read_checkpoint(path))

    @functools.cached_property
    def identity(self) -> str:
        """Identifies its weights, see `initial_weights.identity`."""
        return initial_weights.identity(self.path)

    def load(self, dtype: str, *, answers: bool) -> tuple[Task, keras.Model]:
        """The task and the model, which is not trained. Call it in the scope of the strategy.

        Args:
          dtype: the compute dtype.
          answers: whether its answers are needed, so that its head must be trained.

        Raises:
          ValueError: the checkpoint lacks a weight of the head.
        """
        task, model = model_folder.build(self.checkpoint, dtype=dtype)
        missing = set(weight.path for weight in model.weights) - set(self.checkpoint.weights)
        if answers and missing:
            raise ValueError(
                f"the teacher {self.path} has no {min(missing)}, so its answers would be random, "
                "and distill.soft_weight needs them. Expected a teacher with a trained head."
            )
        model.trainable = False
        return task, model
