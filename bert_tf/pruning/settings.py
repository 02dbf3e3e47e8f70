"""The settings of a pruning."""

import dataclasses
from collections.abc import Sequence

from bert_tf.pruning.target import Target
from bert_tf.pruning.units import KINDS


@dataclasses.dataclass(frozen=True)
class Pruning:
    """How a model is pruned.

    Attributes:
      target: what it shall cost.
      rounds: how often something is taken out; the model is trained behind each.
      kinds: what may go, of `units.KINDS`.
      round_epochs: passes over the training data between two rounds. Behind the last round the
        config decides, and everywhere if it has `train.num_train_steps`.
      importance_rows: how many rows of the training data the importance is measured on.
    """

    target: Target
    rounds: int = 3
    kinds: Sequence[str] = KINDS
    round_epochs: float = 1.0
    importance_rows: int = 1024

    def check(self) -> None:
        """Raises ValueError for a number or a kind that cannot be."""
        if self.rounds < 1:
            raise ValueError(f"--rounds={self.rounds}: expected at least 1.")
        if self.round_epochs <= 0:
            raise ValueError(f"--round_epochs={self.round_epochs:g}: expected more than 0.")
        if self.importance_rows < 1:
            raise ValueError(f"--importance_rows={self.importance_rows}: expected at least 1.")
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown or not self.kinds:
            raise ValueError(
                f"--kinds={','.join(self.kinds)}: expected some of {', '.join(KINDS)}."
            )
