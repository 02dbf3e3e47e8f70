"""A text as one vector, from an encoder as it is.

Not an objective to train: it is what a checkpoint without a head is for, and what
`predict.py --task=embed` makes of any other.

Shape suffixes: B batch, D hidden.
"""

import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.config.task import Facts
from bert_tf.layers.pooling import check_pooling, pool
from bert_tf.tasks.task import Serve
from bert_tf.tasks.task_model import TaskModel, encoder_inputs, make_encoder
from bert_tf.tokenization.tokenizer import Tokenizer


class EmbeddingModel(TaskModel):
    """An encoder and nothing else.

    Call arguments:
      batch: dict with `input_ids` and, as far as there are any, the other inputs of the encoder.
      dropout_seed: int32 [2]; None for no dropout.

    Returns:
      The encoder's outputs.
    """

    def __init__(
        self, config: ExperimentConfig, facts: Facts | None = None, *, name: str = "embedding"
    ):
        super().__init__(config, facts, name=name)
        self.encoder = make_encoder(config)
        self.built = True

    def call(self, batch, dropout_seed=None):
        return self.encoder(**encoder_inputs(batch, self.config.model), dropout_seed=dropout_seed)


class EmbeddingTask(Serve):
    """One vector a text: `config.task.pooling` of the encoder's outputs, scaled to length 1."""

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
        vectors_BD = pool(outputs, batch["input_mask"], self.config.task.pooling)
        if self.config.task.normalize:
            norm_B1 = tf.norm(vectors_BD, axis=-1, keepdims=True)
            vectors_BD = vectors_BD / tf.maximum(norm_B1, 1e-12)
        return {"embedding": vectors_BD}
