"""The settings and facts in every task's `config.py`. Imports neither TensorFlow nor Keras.

The user decides settings before a run. The run finds facts: the labels of a file, the widths of
batches, a fitted threshold. Settings do not change after they are checked; facts are replaced as a
whole (`dataclasses.replace`).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from bert_tf import members
from bert_tf.config.ranges import Range, check_ranges


@dataclasses.dataclass(frozen=True)
class Facts:
    """Base class of the `Facts` of a task.

    Attributes:
      widths: batches of rows of similar length have these widths, ascending to
        data.max_seq_length; (): all rows have that length.
    """

    widths: tuple[int, ...] = ()


@dataclasses.dataclass
class Settings:
    """Base class of the `Config` of a task.

    Class attributes:
      ROOM, NAME_KEY: `as_json` finds the class by them: the room of the family, and the key of the
        member's name in JSON.
      RANGES: {name of a number: its range}.
      FACTS: the class of the facts of the task.
      TRAINED_BY: the script that trains the task; "" for a task without an objective.
      RECIPE: the config file, below configs/, that finetune.py and pretrain.py use for `--task`
        without `--config`; "": the default settings of the task in their default.py.
      SERVED_AS: the task in `--task` of predict.py; "" if predict.py has no such task.
      READING: the settings of reading files. evaluate.py can change them, for a file in another
        form than the training file.
      DECIDING: the settings of decisions, which decide.py can change.
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
        """The name of the task, from its class: "classification", for example."""
        return members.name_of(type(self))

    @name.setter
    def name(self, value: str) -> None:
        from bert_tf.config import old_names  # which knows this class

        old_names.change_task(self, value)

    @property
    def predictions_per_row(self) -> int:
        """The number of predictions of the masked-LM head in a row; 0 for tasks without it."""
        return 0

    def forward_flops(self, model: Any, sequence_length: float) -> float:
        """Floating-point operations of a forward pass over one sequence.

        Args:
          model: the EncoderConfig.
          sequence_length: S, tokens.
        """
        return model.forward_flops(sequence_length, self.predictions_per_row)

    def activation_values(self, model: Any, sequence_length: int, recompute: bool) -> float:
        """The number of values for the backward pass; see `EncoderConfig.activation_values`."""
        return model.activation_values(sequence_length, recompute)

    @classmethod
    def has_class(cls) -> bool:
        """False for a head that can only be converted, not trained or used."""
        return cls.task_class is not Settings.task_class

    def task_class(self) -> type:
        """The class of the task; importing it imports TensorFlow."""
        raise NotImplementedError(f"{type(self).__name__} does not say its task_class()")

    def given_facts(self, data: Any) -> Facts:
        """The facts that follow from the settings, before any data is read.

        Args:
          data: the DataConfig beside these settings.
        """
        fields = [field.name for field in dataclasses.fields(self.FACTS)]
        given = {name: getattr(self, name) for name in fields if hasattr(self, name)}
        return self.FACTS(**{**given, "widths": tuple(data.widths)})

    def for_encoder(self, model: Any) -> "Settings":
        """A copy with the encoder's values for the settings that the task leaves open.

        Args:
          model: the EncoderConfig beside these settings.
        """
        del model
        return self

    def why_not_built(self, facts: Facts) -> str:
        """Why a checkpoint with this head cannot become a model of this task; "" if it can.

        A checkpoint of another project can have a known head that bert_tf cannot use.
        """
        del facts
        return ""

    def check(self, config: Any) -> None:
        """Raises ValueError for a value that cannot work.

        Args:
          config: the ExperimentConfig around these settings.
        """
        del config
        check_ranges("task", self, self.RANGES)
