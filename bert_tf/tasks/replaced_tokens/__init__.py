"""Replaced tokens: ELECTRA's pretraining (Clark et al. 2020)."""

from bert_tf.config.task import Facts
from bert_tf.tasks.replaced_tokens.config import Config

__all__ = ["Config", "Facts"]
