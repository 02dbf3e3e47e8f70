"""Which of several answers is right: the head of other projects' checkpoints, kept as it is."""

from bert_tf.config.task import Facts
from bert_tf.tasks.multiple_choice.config import Config

__all__ = ["Config", "Facts"]
