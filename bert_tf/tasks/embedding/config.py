"""The settings of embedding."""

import dataclasses
from typing import ClassVar

from bert_tf.config.task import Settings


@dataclasses.dataclass
class Config(Settings):
    """A text as one vector, from an encoder as it is.

    Attributes:
      pooling: "mean" over the tokens, their "max", the "cls" token, or the "pooler".
      normalize: scale the vector to length 1.
    """

    pooling: str = "mean"
    normalize: bool = True

    TRAINED_BY: ClassVar[str] = ""
    SERVED_AS: ClassVar[str] = "embed"

    def task_class(self) -> type:
        """See `Settings.task_class`."""
        from bert_tf.tasks.embedding.task import EmbeddingTask

        return EmbeddingTask
