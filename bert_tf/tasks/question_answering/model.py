"""The model of question answering: an encoder with a span head.

Shape suffixes: B rows, S sequence.
"""

import keras

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.tasks.question_answering.config import Facts
from bert_tf.tasks.task_model import TaskModel, encoder_inputs, make_encoder


class QuestionAnsweringModel(TaskModel):
    """An encoder with a span head.

    Call arguments:
      batch: dict with `input_ids` and any other inputs of the encoder.
      dropout_seed: int32 [2]; None for no dropout.

    Returns:
      The encoder's outputs, `start_logits` and `end_logits` [B, S].
    """

    def __init__(
        self,
        config: ExperimentConfig,
        facts: Facts | None = None,
        *,
        name: str = "question_answering",
    ):
        super().__init__(config, facts, name=name)
        self.encoder = make_encoder(config)
        self.spans = self.encoder.span_head()
        with keras.name_scope("cls"):
            self.spans.build()
        self.built = True

    def call(self, batch, dropout_seed=None):
        outputs = self.encoder(
            **encoder_inputs(batch, self.config.model), dropout_seed=dropout_seed
        )
        starts, ends = self.spans(outputs["sequence_output"])
        return {**outputs, "start_logits": starts, "end_logits": ends}
