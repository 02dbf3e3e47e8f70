"""The settings of question answering."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from bert_tf.config import ranges
from bert_tf.config.task import Facts as BaseFacts
from bert_tf.config.task import Settings


@dataclasses.dataclass(frozen=True)
class Facts(BaseFacts):
    """Facts of the data.

    Attributes:
      null_answers: the training file has questions without an answer (SQuAD 2.0).
      null_threshold: give no answer if the score of "no answer" is better by more than this. It is
        the best threshold on the evaluation data, or `Config.null_threshold`.
    """

    null_answers: bool = False
    null_threshold: float = 0.0


@dataclasses.dataclass
class Config(Settings):
    """The part of a context that answers a question.

    Attributes:
      max_answer_length: tokens of the longest answer.
      n_best: how many answers to keep for each question.
      answer_metric: "squad", or "cmrc" for Chinese.
      doc_stride: tokens between the beginnings of two windows over a context that is longer than a
        row.
      max_query_length: the most tokens of a question, at most half of the row; the rest of the row
        is for its context.
      skip_bad_answers: skip training questions whose answer is not in their context.
      null_threshold: give no answer if the score of "no answer" is better by more than this. It is
        used if no evaluation data fits another threshold.
    """

    max_answer_length: int = 30
    n_best: int = 20
    answer_metric: str = "squad"
    doc_stride: int = 64
    max_query_length: int = 64
    skip_bad_answers: bool = False
    null_threshold: float = 0.0

    RANGES: ClassVar[Mapping[str, ranges.Range]] = {"doc_stride": ranges.AT_LEAST_ONE}
    FACTS: ClassVar[type] = Facts
    RECIPE: ClassVar[str] = "finetune/squad.py"
    SERVED_AS: ClassVar[str] = "answer"

    def task_class(self) -> type:
        """See `Settings.task_class`."""
        from bert_tf.tasks.question_answering.task import QuestionAnsweringTask

        return QuestionAnsweringTask
