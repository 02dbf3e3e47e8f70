"""The settings of pretraining."""

import dataclasses
from typing import ClassVar

from bert_tf.config.masks import MaskSettings


@dataclasses.dataclass
class Config(MaskSettings):
    """Masked LM, and next sentence if the data has its labels.

    Attributes:
      next_sentence: train the next-sentence head (the data must have its labels).
    """

    next_sentence: bool = True

    SERVED_AS: ClassVar[str] = "fill_mask"

    def task_class(self) -> type:
        """See `Settings.task_class`."""
        from bert_tf.tasks.pretraining.task import PretrainingTask

        return PretrainingTask
