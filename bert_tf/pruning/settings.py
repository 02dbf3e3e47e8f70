"""The settings of a pruning."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from bert_tf.models.model import EncoderConfig
from bert_tf.pruning.target import Target
from bert_tf.pruning.units import KINDS

IMPORTANCE_OF = ("square", "absolute")  # see `importance`, which needs TensorFlow


@dataclasses.dataclass(frozen=True)
class Pruning:
    """How a model is pruned.

    Attributes:
      target: what it shall cost.
      rounds: how often something is taken out; the model is trained behind each.
      kinds: {kind of `units.KINDS` that may go: the largest share of it that may go}.
      round_epochs: passes over the training data between two rounds. Behind the last round the
        config decides, and everywhere if it has `train.num_train_steps`.
      importance_rows: how many rows of the training data the importance is measured on.
      importance_of: "square" or "absolute": importance is the mean of this of the derivatives.
    """

    target: Target
    rounds: int = 3
    kinds: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: dict.fromkeys(KINDS, 1.0)
    )
    round_epochs: float = 1.0
    importance_rows: int = 1024
    importance_of: str = IMPORTANCE_OF[0]

    def check(self) -> None:
        """Raises ValueError for a number or a kind that cannot be."""
        if self.rounds < 1:
            raise ValueError(f"--rounds={self.rounds}: expected at least 1.")
        if self.round_epochs <= 0:
            raise ValueError(f"--round_epochs={self.round_epochs:g}: expected more than 0.")
        if self.importance_rows < 1:
            raise ValueError(f"--importance_rows={self.importance_rows}: expected at least 1.")
        if self.importance_of not in IMPORTANCE_OF:
            known = ", ".join(IMPORTANCE_OF)
            raise ValueError(f"--importance_of={self.importance_of}: expected one of {known}.")
        if not self.kinds or not all(
            kind in KINDS and 0 < share <= 1 for kind, share in self.kinds.items()
        ):
            given = ",".join(f"{kind}:{share:g}" for kind, share in self.kinds.items())
            raise ValueError(
                f"--kinds={given}: expected some of {', '.join(KINDS)}, each with the largest "
                "share that may go, such as units:0.5, or alone for any share."
            )

    def least(self, config: EncoderConfig) -> dict[str, int]:
        """{kind that may go: how many must stay}, of an encoder before pruning."""
        sizes = config.block_sizes
        there = {
            "heads": sum(size.heads for size in sizes),
            "units": sum(size.units for size in sizes),
            "layers": config.num_hidden_layers,
        }
        return {kind: math.ceil(there[kind] * (1 - share)) for kind, share in self.kinds.items()}


def kinds_of(words: Sequence[str]) -> dict[str, float]:
    """The kinds of a command line: "heads" or "units:0.5".

    Raises:
      ValueError: a share is no number.
    """
    kinds = {}
    for word in words:
        kind, colon, share = word.partition(":")
        try:
            kinds[kind] = float(share) if colon else 1.0
        except ValueError as error:
            raise ValueError(f"--kinds={word}: expected a number behind the colon.") from error
    return kinds
