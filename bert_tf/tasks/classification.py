"""One label for a text or a pair of texts (Devlin et al. 2018, section 4.1).

Shape suffixes: B batch, S sequence, L labels.
"""

import numpy as np
import tensorflow as tf

from bert_tf.config import ExperimentConfig
from bert_tf.data.classification import make_classification_dataset
from bert_tf.layers.dropout import fold_in
from bert_tf.layers.heads import ClassifierHead
from bert_tf.tasks import task as base

# Folded into the dropout seed for the head; the encoder folds 0..num_hidden_layers.
_HEAD_SEED = 2**20


class ClassificationModel(base.TaskModel):
    """An encoder with a classifier on its pooled output.

    Call arguments:
      batch: dict with `input_ids` and, as far as there are any, the other inputs of the encoder.
      dropout_seed: int32 [2]; None for no dropout.

    Returns:
      The encoder's outputs and `logits` [B, L].
    """

    def __init__(self, config: ExperimentConfig, *, name: str = "classification"):
        super().__init__(config, name=name)
        self.encoder = base.make_encoder(config)
        self.classifier = ClassifierHead(
            hidden_size=config.model.hidden_size,
            num_labels=len(config.task.labels),
            dropout_prob=config.task.classifier_dropout_prob,
            initializer_range=config.model.initializer_range,
            name="classifier",
            dtype=self.dtype_policy,
        )
        self.classifier.build()
        self.built = True

    def call(self, batch, dropout_seed=None):
        outputs = self.encoder(**base.encoder_inputs(batch), dropout_seed=dropout_seed)
        outputs["logits"] = self.classifier(
            outputs["pooled_output"], dropout_seed=fold_in(dropout_seed, _HEAD_SEED)
        )
        return outputs


class ClassificationTask(base.Task):
    """Predicts one of `config.task.labels`."""

    loss_names = ("loss",)
    metric_names = ("accuracy",)

    def __init__(self, config: ExperimentConfig, tokenizer: base.Tokenizer):
        super().__init__(config, tokenizer)
        if len(config.task.labels) < 2:
            raise ValueError(
                f"a classifier needs at least two labels, received {config.task.labels!r} "
                "(task.labels, or the labels of the training file)."
            )

    def build_model(self) -> ClassificationModel:
        return ClassificationModel(self.config)

    def make_dataset(self, data, batch_slice, *, training, start_row=0) -> tf.data.Dataset:
        """`data` is what `data.classification.encode_examples` returns."""
        return make_classification_dataset(
            data,
            batch_slice=batch_slice,
            seed=self.config.train.seed,
            training=training,
            start_row=start_row,
        )

    def loss_weights(self, batch):
        return {"loss": tf.reduce_sum(batch["label_weights"])}

    def compute_loss(self, outputs, batch):
        return self._sum(base.weighted_cross_entropy, "loss", outputs, batch)

    def compute_metrics(self, outputs, batch):
        return self._sum(base.weighted_hits, "accuracy", outputs, batch)

    def _sum(self, function, name, outputs, batch):
        weight = self.loss_weights(batch)["loss"]
        value = function(outputs["logits"], batch["label_ids"], batch["label_weights"])
        return {name: (value, weight)}

    def decode(self, outputs, batch):
        """`label` string [B] and `probabilities` float32 [B, L] in the order of task.labels."""
        del batch
        probabilities_BL = tf.nn.softmax(tf.cast(outputs["logits"], tf.float32))
        labels_L = tf.constant([str(label) for label in self.config.task.labels])
        return {
            "label": tf.gather(labels_L, tf.argmax(probabilities_BL, axis=-1)),
            "probabilities": probabilities_BL,
        }

    def describe(self, row):
        """`{"label": "b", "probabilities": {"a": 0.1, "b": 0.9}}`."""
        labels = [str(label) for label in self.config.task.labels]
        probabilities = dict(zip(labels, row["probabilities"].tolist(), strict=True))
        return {"label": row["label"].decode(), "probabilities": probabilities}

    def baselines(self, dataset):
        """`majority_accuracy`: always answering the commonest label of the evaluation data."""
        counts = np.zeros(len(self.config.task.labels))
        for batch in dataset:
            used = batch["label_weights"].numpy() > 0
            counts += np.bincount(batch["label_ids"].numpy()[used], minlength=len(counts))
        return {"majority_accuracy": float(counts.max() / max(counts.sum(), 1))}


Task = ClassificationTask
