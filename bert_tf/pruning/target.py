"""The target of pruning, and what a model costs in its units."""

import dataclasses

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.models.model import EncoderConfig

# {target: its unit, for messages}
TARGETS = {"parameters": "parameters of the blocks", "flops": "FLOPs", "latency": "ms"}


@dataclasses.dataclass(frozen=True)
class Target:
    """What a model shall cost after pruning.

    Attributes:
      of: one of `TARGETS`: the parameters of the encoder's blocks, the floating-point operations of
        a forward pass over a sequence of data.max_seq_length tokens, or the measured latency of one
        text in a SavedModel, without its tokenizer.
      value: below 1 a share of the cost before; from 1 on the cost itself, a latency in
        milliseconds.
    """

    of: str
    value: float

    def share(self, before: float) -> float:
        """The share of the cost `before` that shall be left.

        Raises:
          ValueError: it is met already.
        """
        share = self.value if self.value < 1 else self.value / before
        if share >= 1:
            raise ValueError(
                f"{self}: the model has {said(self.of, before)} already. Choose a smaller target."
            )
        return share

    def __str__(self) -> str:
        return f"--target_{self.of}={self.value:g}"


def target_of(**values: float | None) -> Target:
    """The one target that is given, by its name in `TARGETS`.

    Raises:
      ValueError: none is given, or two are, or its value is not positive.
    """
    given = {of: value for of, value in values.items() if value is not None}
    flags = ", ".join(f"--target_{of}" for of in (given if len(given) > 1 else TARGETS))
    if len(given) != 1:
        problem = "only one target can be met" if given else "the target is missing"
        raise ValueError(f"{problem}: pass exactly one of {flags}.")
    ((of, value),) = given.items()
    if not value > 0:
        raise ValueError(
            f"--target_{of}={value:g}: expected a share below 1, such as 0.5, or a number of "
            f"{TARGETS[of]} from 1 on."
        )
    return Target(of, value)


def cost(of: str, config: ExperimentConfig, model: EncoderConfig) -> float:
    """What an encoder costs, in parameters or FLOPs; for a latency the FLOPs, which go with it.

    Args:
      of: one of `TARGETS`.
      config: has the task and the length of the sequences.
      model: of the encoder.
    """
    if of == "parameters":
        return model.block_parameters
    return config.task.forward_flops(model, config.data.max_seq_length)


def said(of: str, value: float) -> str:
    """A cost in a message."""
    if of == "latency":
        return f"{value:.2f} ms"
    return f"{value:.4g} {TARGETS[of]}" if of == "flops" else f"{value:,.0f} {TARGETS[of]}"
