"""The span of a context that answers a question."""

from bert_tf.tasks.question_answering.config import Config, Facts

__all__ = ["Config", "Facts"]
