"""A text as one vector, from an encoder as it is.

Not an objective to train: it is what a checkpoint without a head is for, and what
`predict.py --task=embed` makes of any other.

Shape suffixes: B batch, D hidden.
"""

import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.layers.pooling import check_pooling, pool
from bert_tf.layers.vectors import Vectors, of_length_1
from bert_tf.tasks.embedding.config import Facts
from bert_tf.tasks.task import Serve
from bert_tf.tasks.task_model import TaskModel, encoder_inputs, make_encoder
from bert_tf.tokenization.tokenizer import Tokenizer


class EmbeddingModel(TaskModel):
    """An encoder, and the modules that a sentence-transformers folder has behind the pooling.

    Call arguments:
      batch: dict with `input_ids` and any other inputs of the encoder.
      dropout_seed: int32 [2]; None for no dropout.

    Returns:
      The encoder's outputs; with modules or a prompt that is not pooled also `embedding`,
      float32 [B, D], which is made of them.
    """

    def __init__(
        self, config: ExperimentConfig, facts: Facts | None = None, *, name: str = "embedding"
    ):
        super().__init__(config, facts, name=name)
        self.encoder = make_encoder(config)
        self.vectors = None
        if self.facts.modules or self.facts.pooled_from:
            self.vectors = Vectors(
                size=config.model.hidden_size * len(config.task.pooling.split("+")),
                modules=self.facts.modules,
                name="vectors",
                dtype=config.train.dtype,
            )
            self.vectors.build()
        self.built = True

    def call(self, batch, dropout_seed=None):
        inputs = encoder_inputs(batch, self.config.model)
        outputs = self.encoder(**inputs, dropout_seed=dropout_seed)
        if self.vectors is None:
            return outputs
        pooled_BD = pool(
            outputs,
            batch["input_mask"],
            self.config.task.pooling,
            pooled_from=self.facts.pooled_from,
        )
        return {**outputs, "embedding": self.vectors(pooled_BD)}


class EmbeddingTask(Serve):
    """One vector a text: `config.task.pooling` of the encoder's outputs, and what follows it."""

    def __init__(self, config: ExperimentConfig, tokenizer: Tokenizer, facts: Facts):
        super().__init__(config, tokenizer, facts)
        check_pooling(
            config.task.pooling, setting="task.pooling", use_pooler=config.model.use_pooler
        )

    def build_model(self) -> EmbeddingModel:
        """See `Task.build_model`."""
        return EmbeddingModel(self.config, self.facts)

    def encode(self, texts, text_pairs=None):
        """See `Serve.encode`: the prompt stands before every text."""
        if self.config.task.prompt:
            texts = tf.strings.join([self.config.task.prompt, texts])
        return super().encode(texts, text_pairs)

    def decode(self, outputs, batch):
        """`embedding` float32 [B, D]."""
        vectors_BD = outputs.get("embedding")
        if vectors_BD is None:
            vectors_BD = pool(outputs, batch["input_mask"], self.config.task.pooling)
        return {"embedding": of_length_1(vectors_BD) if self.config.task.normalize else vectors_BD}
