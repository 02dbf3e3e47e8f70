"""Masked language modelling and next-sentence prediction."""

from bert_tf.config.task import Facts
from bert_tf.tasks.pretraining.config import Config

__all__ = ["Config", "Facts"]
