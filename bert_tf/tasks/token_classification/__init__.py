"""A tag for every word."""

from bert_tf.tasks.token_classification.config import Config

__all__ = ["Config"]
