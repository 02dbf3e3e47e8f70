"""What a classifier teaches another (see `bert_tf.tasks.teaching`)."""

import tensorflow as tf

from bert_tf.tasks.classification import prepare
from bert_tf.tasks.classification.labels import MULTI, REGRESSION
from bert_tf.tasks.teaching import ANY, NUMBERS, ONE, SOFT_WEIGHTS, Teach


class TeachLabels(Teach):
    """The logits of the labels, or the number, of each row; for `ClassificationTask`."""

    weights_name = "label_weights"

    @property
    def soft_kind(self):
        """See `Teach.soft_kind`."""
        return {MULTI: ANY, REGRESSION: NUMBERS}.get(self.problem_type, ONE)

    def soft_scores(self, outputs, batch):
        """See `Teach.soft_scores`."""
        del batch
        return outputs["logits"]

    def soft_weights(self, batch):
        """See `Teach.soft_weights`: every row counts, whether it has a label or not."""
        if SOFT_WEIGHTS in batch:
            return batch[SOFT_WEIGHTS]
        return tf.ones_like(batch["label_weights"])

    def read_texts(self, path):
        """See `Teach.read_texts`."""
        examples = prepare.read(
            path, self.config.task, self.facts, reading=self.reading, with_labels=False
        )
        return prepare.encode(examples, self.tokenizer, self.config.data.max_seq_length).arrays
