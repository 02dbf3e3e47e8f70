"""Phases of a run: each has its own number of steps, sequence length, batch size and data."""

import dataclasses
from collections.abc import Sequence
from typing import Any

# Settings of the task that a phase can replace.
TASK_FIELDS = ("max_predictions_per_seq", "masked_lm_prob")


@dataclasses.dataclass
class PhaseConfig:
    """Some steps of a run. 0 keeps the value of the run.

    A ramp is a phase for each of its values:
    `tuple(PhaseConfig(num_train_steps=500, global_batch_size=size) for size in (32, 64, 128))`.

    Attributes:
      num_train_steps: optimizer steps of the phase.
      global_batch_size: replaces `train.global_batch_size`.
      num_micro_batches: replaces `train.num_micro_batches`.
      max_seq_length: replaces `data.max_seq_length`. The data of the phase must have this length.
        Evaluations and the saved model keep `data.max_seq_length`.
      max_predictions_per_seq: replaces the task's max_predictions_per_seq.
      masked_lm_prob: replaces the task's masked_lm_prob, for example 30, 15 and 5 % in three
        phases. Evaluations keep the task's eval_masked_lm_prob.
      learning_rate: the peak of a new schedule, which begins with the phase. It ends when another
        phase begins a schedule, or with the run. 0: the schedule of the phase before continues.
      warmup_proportion: share of the steps of the new schedule in which the rate rises from 0.
    """

    num_train_steps: int = 0
    global_batch_size: int = 0
    num_micro_batches: int = 0
    max_seq_length: int = 0
    max_predictions_per_seq: int = 0
    masked_lm_prob: float = 0.0
    learning_rate: float = 0.0
    warmup_proportion: float = 0.0


def check_phases(phases: Sequence[PhaseConfig], config: Any) -> None:
    """Raises ValueError for phases that do not fit the ExperimentConfig."""
    if not phases:
        return
    if config.task.TRAINED_BY != "pretrain.py":
        raise ValueError(f"train.phases are for pretraining; the task is {config.task.name!r}.")
    for number, phase in enumerate(phases):
        _check_phase(f"train.phases[{number}]", phase, config)
    total, train = sum(phase.num_train_steps for phase in phases), config.train
    if train.num_train_steps not in (0, total):
        raise ValueError(
            f"train.num_train_steps is {train.num_train_steps}, but the phases have {total} steps "
            "together; leave it at 0."
        )
    if train.time_budget_minutes:
        raise ValueError(
            f"train.time_budget_minutes is {train.time_budget_minutes}, but train.phases set the "
            "number of steps; leave out one of them."
        )


def _check_phase(where: str, phase: PhaseConfig, config: Any) -> None:
    if not isinstance(phase, PhaseConfig):
        raise ValueError(f"{where} is {phase!r}; expected a PhaseConfig.")
    for field in dataclasses.fields(phase):
        value = getattr(phase, field.name)
        least = 1 if field.name == "num_train_steps" else 0
        if value < least:
            raise ValueError(f"{where}.{field.name} is {value}; expected at least {least}.")
    for name in TASK_FIELDS:
        if getattr(phase, name) and not hasattr(config.task, name):
            raise ValueError(
                f"{where}.{name} is {getattr(phase, name)}, but the task {config.task.name!r} has "
                f"no task.{name}: leave it out."
            )
    if phase.masked_lm_prob > 1:
        raise ValueError(
            f"{where}.masked_lm_prob is {phase.masked_lm_prob}; expected a share between 0 and 1."
        )
    longest_sequence = config.model.longest_sequence
    if phase.max_seq_length > longest_sequence:
        raise ValueError(
            f"{where}.max_seq_length is {phase.max_seq_length}, but the model takes "
            f"at most {longest_sequence} tokens."
        )
    if phase.warmup_proportion > 1 or (phase.warmup_proportion and not phase.learning_rate):
        raise ValueError(
            f"{where}.warmup_proportion is {phase.warmup_proportion} and its learning_rate is "
            f"{phase.learning_rate}; expected a share between 0 and 1, together with the peak "
            "learning_rate of a new schedule."
        )
