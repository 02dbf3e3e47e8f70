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


@dataclasses.dataclass(frozen=True)
class Facts:
    """Base class of the `Facts` of a task: what a run found.

    Attributes:
      widths: rows of like length come together in batches of these widths, the last of which is
        data.max_seq_length; (): all rows have that length.
    """

    widths: tuple[int, ...] = ()


@dataclasses.dataclass
class Settings:
    """Base class of the `Config` of a task.

    Class attributes:
      ROOM, NAME_KEY: how `as_json` finds the class again: the room of the family, and the key under
        which the name of the member stands in JSON.
      RANGES: {name of a number: its range}.
      FACTS: the class of the facts of the task.
      TRAINED_BY: the script that trains the task; "" for a task without an objective.
      RECIPE: the config file, below configs/, that finetune.py and pretrain.py take for `--task`
        without `--config`; "": the default settings of the task in their default.py.
      SERVED_AS: what `--task` of predict.py calls the task; "" if it cannot be asked for.
      READING: the settings that say how files are read. A model may be asked about a file that is
        written in another way than its training file, so evaluate.py may change them.
      DECIDING: the settings that say how answers are decided, which decide.py may change.
    """

    ROOM: ClassVar[str] = "tasks"
    NAME_KEY: ClassVar[str] = "name"
    RANGES: ClassVar[Mapping[str, Range]] = {}
    FACTS: ClassVar[type] = Facts
    TRAINED_BY: ClassVar[str] = "finetune.py"
    RECIPE: ClassVar[str] = ""
    SERVED_AS: ClassVar[str] = ""
    READING: ClassVar[tuple[str, ...]] = ()
    DECIDING: ClassVar[tuple[str, ...]] = ()

    @property
    def name(self) -> str:
        """The name of the task, which its class gives: "classification", for example."""
        return members.name_of(type(self))

    @name.setter
    def name(self, value: str) -> None:
        from bert_tf.config import old_names  # which knows this class

        old_names.change_task(self, value)

    @property
    def predictions_per_row(self) -> int:
        """How many tokens of a row the masked-LM head predicts; 0 for a task without that head."""
        return 0

    def forward_flops(self, model: Any, sequence_length: float) -> float:
        """Floating-point operations of a forward pass over one sequence.

        Args:
          model: the EncoderConfig.
          sequence_length: S, tokens.
        """
        return model.forward_flops(sequence_length, self.predictions_per_row)

    def activation_values(self, model: Any, sequence_length: int, recompute: bool) -> float:
        """How many values the backward pass needs; see `EncoderConfig.activation_values`."""
        return model.activation_values(sequence_length, recompute)

    @classmethod
    def has_class(cls) -> bool:
        """False for a head that is only converted: nothing here trains or asks it."""
        return cls.task_class is not Settings.task_class

    def task_class(self) -> type:
        """The class of the task; importing it imports TensorFlow."""
        raise NotImplementedError(f"{type(self).__name__} does not say its task_class()")

    def given_facts(self, data: Any) -> Facts:
        """The facts that the settings say already, before any data are read.

        Args:
          data: the DataConfig beside these settings.
        """
        fields = [field.name for field in dataclasses.fields(self.FACTS)]
        given = {name: getattr(self, name) for name in fields if hasattr(self, name)}
        return self.FACTS(**{**given, "widths": tuple(data.widths)})

    def for_encoder(self, model: Any) -> "Settings":
        """The same settings, with those that are left to the encoder filled in.

        Args:
          model: the EncoderConfig beside these settings.
        """
        del model
        return self

    def why_not_built(self, facts: Facts) -> str:
        """Why a checkpoint with this head gives no model of this task; "" if it gives one.

        A checkpoint of another project may have a head that is known, but cannot be used here.
        """
        del facts
        return ""

    def check(self, config: Any) -> None:
        """ValueError for a value that cannot work.

        Args:
          config: the ExperimentConfig around these settings.
        """
        del config
        check_ranges("task", self, self.RANGES)
