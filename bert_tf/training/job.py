"""What a run is asked to do: the task, its settings and data, and the devices it runs on."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.tasks.task import Task
from bert_tf.trackers.tracker import Tracker
from bert_tf.training.distribution import is_chief
from bert_tf.training.phases import Phase
from bert_tf.training.stopping import Agreement


@dataclasses.dataclass(frozen=True)
class Job:
    """Everything a run is given. Nothing of it changes while the run goes on.

    Attributes:
      task: what is learned.
      config: the experiment config.
      phases: the phases of the run, with their settings and training data.
      eval_data: what `task.make_dataset` takes; None if nothing is evaluated.
      work_dir: the work directory.
      made_of: {"data": its identity, ...}: what a checkpoint must have been trained with.
      strategy: the devices.
      agreement: of the workers of `strategy`.
      tracker: is told of the run; None for none.
      on_evaluation: called with the step and the metrics of each evaluation.
    """

    task: Task
    config: ExperimentConfig
    phases: Sequence[Phase]
    eval_data: Any
    work_dir: str
    made_of: Mapping[str, str]
    strategy: tf.distribute.Strategy
    agreement: Agreement
    tracker: Tracker | None = None
    on_evaluation: Callable[[int, Mapping[str, float]], None] | None = None

    @property
    def folder(self) -> str | None:
        """The work directory; None for a worker that writes nothing."""
        return self.work_dir if is_chief(self.strategy) else None
