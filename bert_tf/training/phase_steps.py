"""The compiled steps of one phase, their batches and their speed."""

from collections.abc import Iterator, Sequence

from bert_tf.training.evaluate import distribute
from bert_tf.training.job import Job
from bert_tf.training.phases import Phase
from bert_tf.training.step import TrainState, TrainStep
from bert_tf.training.throughput import Throughput, num_devices


class PhaseSteps:
    """The parts of a run that are compiled for each phase, because its batches have another shape.

    Args:
      job: what the run is asked to do.
      phase: which of its phases.
      state: the weights and counters that all phases share.

    Attributes:
      phase: as given.
      train_step: the compiled steps.
      throughput: measures their speed.
    """

    def __init__(self, job: Job, phase: Phase, state: TrainState):
        self.phase = phase
        self._state, self._strategy = state, job.strategy
        is_whole_run = phase.config is job.config
        self._task = job.task if is_whole_run else job.task.with_config(phase.config)
        self.train_step = TrainStep(self._task, phase.config, state, job.strategy, phase.schedule)
        devices = num_devices(job.strategy, job.agreement.num_workers)
        by_length = bool(job.task.facts.widths)
        self.throughput = Throughput(phase.config, devices, by_length=by_length)

    def iterator(self, phase_rows: Sequence[int]) -> Iterator:
        """The training batches from `state.rows_consumed` on.

        Args:
          phase_rows: how many rows each phase before this one consumed.
        """
        rows_consumed = int(self._state.rows_consumed.numpy())
        start_row = self.phase.start_row(phase_rows, rows_consumed)
        return iter(
            distribute(
                self._strategy,
                self.phase.config.train.global_batch_size,
                lambda part: self._task.make_dataset(
                    self.phase.data, part, training=True, start_row=start_row
                ),
            )
        )
