"""The phases of a run: their steps, settings and data, and the row where each starts to read.

A run without `train.phases` is one phase with the settings of the run. All phases share weights,
slots and counters; each has its own compiled step and its own iterator.
"""

import dataclasses
import itertools
import sys
from collections.abc import Sequence
from typing import Any

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.config.phases import TASK_FIELDS, PhaseConfig
from bert_tf.data.hashing import STREAM_PHASE, hash_u32


@dataclasses.dataclass(frozen=True)
class Phase:
    """One phase.

    Attributes:
      index: from 0.
      begin, end: finished steps before its first and after its last step. A single phase has no
        end: its number of steps may come from a time budget.
      config: the config of its steps.
      data: what `Task.make_dataset` takes.
      before: indices of the earlier phases with the same data. It starts to read after them.
      schedule: the steps of its learning-rate schedule; None: all steps of the run.
    """

    index: int
    begin: int
    end: int
    config: ExperimentConfig
    data: Any
    before: tuple[int, ...] = ()
    schedule: range | None = None

    def start_row(self, phase_rows: Sequence[int], rows_consumed: int) -> int:
        """The next row of the data that this phase reads.

        Args:
          phase_rows: how many rows each phase before it consumed.
          rows_consumed: how many it has consumed itself.
        """
        return sum(phase_rows[index] for index in self.before) + rows_consumed

    def next_stop(self, step: int, total: int) -> int:
        """The first step after `step` at which something is due, at most the last step, `total`.

        These are multiples and ends of phases, so that a resumed run stops at the same steps.
        """
        return min([total, self.end, *((step // p + 1) * p for p in self._periods)])

    def previous_stop(self, step: int) -> int:
        """The last such step before `step`."""
        return max([self.begin, *((step - 1) // p * p for p in self._periods)])

    @property
    def _periods(self) -> list[int]:
        train = self.config.train
        return [p for p in (train.steps_per_loop, train.eval_every, train.checkpoint_every) if p]


def phases_of(config: ExperimentConfig, train_data: Any = None) -> list[Phase]:
    """The phases of a run, in order.

    A phase starts to read where the last phase with equal data stopped. Every data set but the
    first has its own seed, so that order and masks differ.

    Args:
      config: of the run.
      train_data: what `Task.make_dataset` takes, for all phases; or a list with one for each.

    Raises:
      ValueError: the numbers of data sets and phases differ.
    """
    phases = config.train.phases
    data = _data_of_each(train_data, len(phases) or 1)
    if not phases:
        return [Phase(0, 0, sys.maxsize, config, data[0])]
    borders = [0, *itertools.accumulate(phase.num_train_steps for phase in phases)]
    starts = [n for n, phase in enumerate(phases) if n == 0 or phase.learning_rate]
    found = []
    for index, phase in enumerate(phases):
        first = max(n for n in starts if n <= index)
        last = min((n for n in starts if n > index), default=len(phases))
        found.append(
            Phase(
                index=index,
                begin=borders[index],
                end=borders[index + 1],
                config=_config_of(config, phase, phases[first], data.index(data[index])),
                data=data[index],
                before=tuple(n for n in range(index) if data[n] == data[index]),
                schedule=range(borders[first], borders[last]),
            )
        )
    return found


def phase_at(phases: Sequence[Phase], step: int) -> Phase:
    """The phase of the next step after `step` finished steps; after all steps, the last phase."""
    return next((phase for phase in phases if step < phase.end), phases[-1])


def _data_of_each(train_data: Any, count: int) -> list[Any]:
    if not isinstance(train_data, list):
        return [train_data] * count
    if len(train_data) not in (1, count):
        raise ValueError(
            f"{len(train_data)} training data sets are given for {count} phase(s) (train.phases): "
            f"{', '.join(map(str, train_data))}. Give one for all, or one for each."
        )
    return train_data if len(train_data) == count else train_data * count


def _config_of(
    config: ExperimentConfig, phase: PhaseConfig, schedule: PhaseConfig, data_number: int
) -> ExperimentConfig:
    """The settings of the steps of `phase`, whose schedule began with the phase `schedule`."""
    data, train, optimizer = config.data, config.train, config.optimizer
    if schedule.learning_rate:
        names = ("learning_rate", "warmup_proportion")
        optimizer = dataclasses.replace(optimizer, **{n: getattr(schedule, n) for n in names})
    seed = int(hash_u32(train.seed, data_number, STREAM_PHASE)) if data_number else train.seed
    data = _replace_given(data, phase, ("max_seq_length",))
    task = _replace_given(config.task, phase, TASK_FIELDS)
    train = _replace_given(train, phase, ("global_batch_size", "num_micro_batches"))
    train = dataclasses.replace(train, phases=(), num_train_steps=phase.num_train_steps, seed=seed)
    return dataclasses.replace(config, data=data, task=task, train=train, optimizer=optimizer)


def _replace_given(settings: Any, phase: PhaseConfig, names: Sequence[str]) -> Any:
    given = {name: getattr(phase, name) for name in names if getattr(phase, name)}
    return dataclasses.replace(settings, **given)
