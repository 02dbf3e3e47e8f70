"""Labels or numbers for a text or a pair of texts."""

from bert_tf.tasks.classification.config import Config, Facts

__all__ = ["Config", "Facts"]
