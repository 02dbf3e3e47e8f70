"""One vector for a text."""

from bert_tf.config.task import Facts
from bert_tf.tasks.embedding.config import Config

__all__ = ["Config", "Facts"]
