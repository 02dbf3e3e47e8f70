"""The settings of embedding."""

import dataclasses
from typing import Any, ClassVar

from bert_tf.config.task import Facts as BaseFacts
from bert_tf.config.task import Settings
from bert_tf.layers.vector_modules import VectorModule


@dataclasses.dataclass(frozen=True)
class Facts(BaseFacts):
    """Facts of a sentence-transformers folder, besides the settings.

    Attributes:
      modules: the modules after the pooling, in order; empty: only `normalize`.
      pooled_from: number of first tokens, of the prompt, that are not pooled.
      sentence_transformers: the content of its config_sentence_transformers.json, to write it back;
        null: the checkpoint is not such a folder.
    """

    modules: tuple[VectorModule, ...] = ()
    pooled_from: int = 0
    sentence_transformers: dict[str, Any] | None = None


@dataclasses.dataclass
class Config(Settings):
    """One vector for a text, from an encoder without training.

    Attributes:
      pooling: "mean" of the tokens, their "max", the "cls" token, the "pooler", "mean_sqrt_len",
        "weighted_mean", the "last" token, or several joined by a plus: "cls+mean".
      normalize: scale the vector to length 1.
      prompt: prefix of every text; some sentence-transformers models were trained with one.
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
