"""The settings of multiple choice."""

import dataclasses
from typing import ClassVar

from bert_tf.config.task import Facts, Settings


@dataclasses.dataclass
class Config(Settings):
    """A score for each of several answers. Checkpoints with this head are converted, not trained.

    Attributes:
      classifier_dropout_prob: dropout of the pooled output.
    """

    classifier_dropout_prob: float = 0.1

    TRAINED_BY: ClassVar[str] = ""

    def why_not_built(self, facts: Facts) -> str:
        """See `Settings.why_not_built`."""
        del facts
        return "multiple choice"
