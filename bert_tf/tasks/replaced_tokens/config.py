"""The settings of replaced tokens."""

import dataclasses
from typing import ClassVar

from bert_tf.config.task import Facts, Settings


@dataclasses.dataclass
class Config(Settings):
    """A score for each token: that it is not the original one (Clark et al. 2020).

    Checkpoints with this head are converted.
    """

    TRAINED_BY: ClassVar[str] = ""

    def why_not_built(self, facts: Facts) -> str:
        """See `Settings.why_not_built`."""
        del facts
        return "a discriminator of replaced tokens"
