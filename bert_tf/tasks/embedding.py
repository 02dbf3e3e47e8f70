"""A text as one vector, from an encoder as it is.

Not an objective to train: it is what a checkpoint without a head is for, and what
`predict.py --task=embed` makes of any other.

Shape suffixes: B batch, S sequence, D hidden.
"""

import tensorflow as tf

from bert_tf.config import ExperimentConfig
from bert_tf.tasks import task as base

POOLINGS = ("mean", "max", "cls", "pooler")


class EmbeddingModel(base.TaskModel):
    """An encoder and nothing else.

    Call arguments:
      batch: dict with `input_ids` and, as far as there are any, the other inputs of the encoder.
      dropout_seed: int32 [2]; None for no dropout.

    Returns:
      The encoder's outputs.
    """

    def __init__(self, config: ExperimentConfig, *, name: str = "embedding"):
        super().__init__(config, name=name)
        self.encoder = base.make_encoder(config)
        self.built = True

    def call(self, batch, dropout_seed=None):
        return self.encoder(**base.encoder_inputs(batch), dropout_seed=dropout_seed)


class EmbeddingTask(base.Task):
    """One vector a text: `config.task.pooling` of the encoder's outputs, scaled to length 1."""

    loss_names = ()
    metric_names = ()

    def __init__(self, config: ExperimentConfig, tokenizer: base.Tokenizer):
        super().__init__(config, tokenizer)
        pooling = config.task.pooling
        if pooling not in POOLINGS:
            raise ValueError(f"task.pooling is {pooling!r}. Known: {', '.join(POOLINGS)}.")
        if pooling == "pooler" and not config.model.use_pooler:
            raise ValueError("task.pooling is 'pooler', but this checkpoint has no pooler.")

    def build_model(self) -> EmbeddingModel:
        return EmbeddingModel(self.config)

    def make_dataset(self, data, batch_slice, *, training, start_row=0):
        raise ValueError(_NOT_TRAINED)

    def loss_weights(self, batch):
        raise ValueError(_NOT_TRAINED)

    def compute_loss(self, outputs, batch):
        raise ValueError(_NOT_TRAINED)

    def compute_metrics(self, outputs, batch):
        raise ValueError(_NOT_TRAINED)

    def decode(self, outputs, batch):
        """`embedding` float32 [B, D].

        Reference: Reimers and Gurevych 2019, section 3, for the poolings; the mean is over every
        token that is not padding, [CLS] and [SEP] among them.
        """
        vectors_BD = self._pool(outputs, batch)
        if self.config.task.normalize:
            norm_B1 = tf.norm(vectors_BD, axis=-1, keepdims=True)
            vectors_BD = vectors_BD / tf.maximum(norm_B1, 1e-12)
        return {"embedding": vectors_BD}

    def _pool(self, outputs, batch):
        pooling = self.config.task.pooling
        if pooling == "pooler":
            return tf.cast(outputs["pooled_output"], tf.float32)
        sequence_BSD = tf.cast(outputs["sequence_output"], tf.float32)
        if pooling == "cls":
            return sequence_BSD[:, 0]
        mask_BS1 = tf.expand_dims(tf.cast(batch["input_mask"], tf.float32), -1)
        if pooling == "max":
            return tf.reduce_max(tf.where(mask_BS1 > 0, sequence_BSD, -1e9), axis=1)
        return tf.reduce_sum(sequence_BSD * mask_BS1, 1) / tf.reduce_sum(mask_BS1, 1)


_NOT_TRAINED = (
    "task.name 'embedding' has no objective: it is for checkpoints without a head. Train with "
    "'pretraining' or 'classification'."
)
Task = EmbeddingTask
