"""Masked language modelling and next-sentence prediction."""

from bert_tf.tasks.pretraining.config import Config

__all__ = ["Config"]
