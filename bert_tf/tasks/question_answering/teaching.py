"""What a model of question answering teaches another (see `bert_tf.tasks.teaching`).

Shape suffixes: B rows, S sequence.
"""

import tensorflow as tf

from bert_tf.layers.attention import MASKED
from bert_tf.tasks.question_answering import prepare
from bert_tf.tasks.question_answering.squad_file import read_squad
from bert_tf.tasks.teaching import SOFT_WEIGHTS, Teach


class TeachSpans(Teach):
    """The logits of both ends of the answer; for `QuestionAnsweringTask`."""

    def soft_scores(self, outputs, batch):
        """See `Teach.soft_scores`: [B, 2, S], where the answer starts and ends."""
        is_token_BS = batch["input_mask"] > 0
        ends = (outputs[f"{end}_logits"] for end in ("start", "end"))
        return tf.stack([tf.where(is_token_BS, tf.cast(e, tf.float32), MASKED) for e in ends], 1)

    def soft_weights(self, batch):
        """See `Teach.soft_weights`: [B, 2], each end counts half."""
        weights_B = batch.get(SOFT_WEIGHTS, batch["span_weights"])
        return weights_B[:, tf.newaxis] * tf.constant([[0.5, 0.5]])

    def read_texts(self, path):
        """See `Teach.read_texts`: questions and contexts; answers are not read."""
        squad = read_squad(path, self.reading, with_answers=False)
        return prepare.encode(squad, self.config, self.tokenizer).arrays
