"""Which tokens were replaced: the discriminator's head of checkpoints, kept as it is."""

from bert_tf.config.task import Facts
from bert_tf.tasks.replaced_tokens.config import Config

__all__ = ["Config", "Facts"]
