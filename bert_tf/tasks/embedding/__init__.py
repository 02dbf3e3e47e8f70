"""One vector for a text."""

from bert_tf.tasks.embedding.config import Config, Facts

__all__ = ["Config", "Facts"]
