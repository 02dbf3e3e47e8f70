"""The settings of embedding."""

import dataclasses
from typing import ClassVar

from bert_tf.config.task import Settings


@dataclasses.dataclass
class Config(Settings):
    """A text as one vector, from an encoder as it is.

    Attributes:
      pooling: "mean" over the tokens, their "max", the "cls" token, the "pooler", "mean_sqrt_len",
        "weighted_mean", the "last" token, or several joined by a plus: "cls+mean".
      normalize: scale the vector to length 1.
      prompt: text before every text, as some sentence-transformers models were trained with.
    """

    pooling: str = "mean"
    normalize: bool = True
    prompt: str = ""

    TRAINED_BY: ClassVar[str] = ""
    SERVED_AS: ClassVar[str] = "embed"

    def task_class(self) -> type:
        """See `Settings.task_class`."""
        from bert_tf.tasks.embedding.task import EmbeddingTask

        return EmbeddingTask
