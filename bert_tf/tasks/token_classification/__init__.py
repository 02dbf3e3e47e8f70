"""A tag for every word."""

from bert_tf.tasks.token_classification.config import Config, Facts

__all__ = ["Config", "Facts"]
