"""One vector for a text."""

from bert_tf.tasks.embedding.config import Config

__all__ = ["Config"]
