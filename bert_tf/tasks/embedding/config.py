"""The settings of embedding."""

import dataclasses
from typing import Any, ClassVar

from bert_tf.config.task import Facts as BaseFacts
from bert_tf.config.task import Settings
from bert_tf.layers.vector_modules import VectorModule


@dataclasses.dataclass(frozen=True)
class Facts(BaseFacts):
    """What a sentence-transformers folder says besides the settings.

    Attributes:
      modules: what is done to the pooled vector, in order; empty: nothing but `normalize`.
      pooled_from: so many first tokens, those of the prompt, are not pooled.
      sentence_transformers: the content of its config_sentence_transformers.json, to be written
        back; null: the checkpoint was no such folder.
    """

    modules: tuple[VectorModule, ...] = ()
    pooled_from: int = 0
    sentence_transformers: dict[str, Any] | None = None


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

    FACTS: ClassVar[type] = Facts
    TRAINED_BY: ClassVar[str] = ""
    SERVED_AS: ClassVar[str] = "embed"

    def task_class(self) -> type:
        """See `Settings.task_class`."""
        from bert_tf.tasks.embedding.task import EmbeddingTask

        return EmbeddingTask
