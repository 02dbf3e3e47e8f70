"""What every task has in its `config.py`: settings and facts. Imports neither TensorFlow nor Keras.

Settings are what the user decides before a run. Facts are what the run found: the labels of a file,
the widths of batches, a fitted threshold. Nobody writes into the settings after they are checked;
facts are replaced as a whole (`dataclasses.replace`).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from bert_tf import members
from bert_tf.config.ranges import Range, check_ranges


@dataclasses.dataclass
class Settings:
    """Base class of the `Config` of a task.

    Class attributes:
      ROOM, NAME_KEY: how `as_json` finds the class again: the room of the family, and the key under
        which the name of the member stands in JSON.
      RANGES: {name of a number: its range}.
      TRAINED_BY: the script that trains the task; "" for a task without an objective.
    """

    ROOM: ClassVar[str] = "tasks"
    NAME_KEY: ClassVar[str] = "name"
    RANGES: ClassVar[Mapping[str, Range]] = {}
    TRAINED_BY: ClassVar[str] = "finetune.py"

    @property
    def name(self) -> str:
        """The name of the task, which its class gives: "classification", for example."""
        return members.name_of(type(self))

    @name.setter
    def name(self, value: str) -> None:
        if value != self.name:
            raise ValueError(
                f"task.name cannot be set to {value!r}: the class of the settings gives it. Set "
                f"task={value}.Config(...), with `from bert_tf.tasks import {value}`."
            )

    @property
    def predictions_per_row(self) -> int:
        """How many tokens of a row the masked-LM head predicts; 0 for a task without that head."""
        return 0

    def task_class(self) -> type:
        """The class of the task; importing it imports TensorFlow."""
        raise NotImplementedError

    def check(self, config: Any) -> None:
        """ValueError for a value that cannot work.

        Args:
          config: the ExperimentConfig around these settings.
        """
        del config
        check_ranges("task", self, self.RANGES)
