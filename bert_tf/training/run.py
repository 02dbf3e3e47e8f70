"""The parts of a run and what happens between two calls of the compiled steps.

`loop.train` says in which order. All that is decided here is decided alike by every worker.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from bert_tf import progress
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.tasks.task import Task
from bert_tf.training import estimate, time_budget
from bert_tf.training.distribution import is_chief
from bert_tf.training.evaluate import Evaluation, Evaluator, distribute
from bert_tf.training.phases import Phase, phase_at, phases_of
from bert_tf.training.step import NO_STEP, TrainState, TrainStep
from bert_tf.training.stopping import Agreement, Stopper
from bert_tf.training.throughput import Throughput, num_devices
from bert_tf.training.work_dir import checkpoint, contents, run_page
from bert_tf.training.work_dir.checkpoint_writer import CheckpointWriter
from bert_tf.training.work_dir.history import MOST_SKIPS, History
from bert_tf.training.work_dir.metrics_writer import MetricsWriter


class Run:
    """A model in training: state, data, evaluations and files.

    Args: see `loop.train`; `agreement` is of its workers.

    Attributes:
      state: what a checkpoint holds.
      history: what it remembers besides.
      phases: all of them.
      phase: that of the next step.
      train_step: its compiled steps.
      iterator: over its batches, from `state.rows_consumed` on.
      checkpoints: writes them.
      folder: the work directory; None for a worker that writes nothing.
      step: finished optimizer steps.
      next_stop: the step of the next log line, evaluation or checkpoint.
    """

    def __init__(
        self,
        task: Task,
        config: ExperimentConfig,
        strategy: tf.distribute.Strategy,
        agreement: Agreement,
        train_data: Any,
        eval_data: Any,
        folder: str,
        made_of: dict[str, str],
    ):
        contents.check(folder, config, task.facts)
        self._task, self._config, self._strategy = task, config, strategy
        self._agreement, self._made_of = agreement, made_of
        self.phases, self._eval_data = phases_of(config, train_data), eval_data
        self._work_dir = folder
        self.folder = folder if is_chief(strategy) else None
        with strategy.scope():
            self.state = TrainState.create(task, config)
        self.history = History()
        self._enter(self.phases[0])
        self._evaluator = Evaluator(task, self.state.model, strategy, config.train.eval_batch_size)
        self.checkpoints = CheckpointWriter(
            self.folder and contents.checkpoints_of(self.folder), config.train.keep_checkpoints
        )
        self._writer: MetricsWriter | None = None
        self._metrics: dict[str, float] = {}
        self._evaluation: Evaluation | None = None

    def restore(self, initialize: Callable[[keras.Model], None] | None) -> None:
        """Continues what is in the work directory, or begins.

        Raises:
          ValueError: its checkpoints are of other data, or not all workers see the same one.
        """
        found = contents.restore(
            self.state,
            self._work_dir,
            self._config,
            made_of=self._made_of,
            num_replicas=self._strategy.num_replicas_in_sync,
            initialize=initialize,
        )
        self.saved_step = None if found is None else int(self.state.step.numpy())
        steps = self._agreement.gather(float(self.state.step.numpy()))[:, 0]
        if steps.min() != steps.max():
            raise ValueError(
                f"the workers found checkpoints of different steps ({steps.astype(int).tolist()}) "
                f"in {self._work_dir}: --work_dir must be a folder that all of them share."
            )
        for line in self.state.describe():
            logging.info("%s", line)
        if not self.total:  # decided once: a checkpoint brings it back
            time_budget.fit(
                self.train_step,
                self.state,
                self._strategy,
                self._make_iterator,
                minutes=self._config.train.time_budget_minutes,
                steps_per_loop=self._config.train.steps_per_loop,
            )
        self._continue(found or History())

    @property
    def total(self) -> int:
        """The last step; 0 as long as the clock has not decided about it."""
        return int(self.state.num_train_steps.numpy())

    def _enter(self, phase: Phase) -> None:
        """Compiles anew for another phase: batches of another shape."""
        self.phase = phase
        is_whole_run = phase.config is self._config
        self._phase_task = self._task if is_whole_run else self._task.with_config(phase.config)
        self.train_step = TrainStep(
            self._phase_task, phase.config, self.state, self._strategy, phase.schedule
        )
        devices = num_devices(self._strategy, self._agreement.num_workers)
        by_length = bool(self._task.facts.widths)
        self._throughput = Throughput(phase.config, devices, by_length=by_length)

    def _make_iterator(self):
        """Over the training batches of the phase from `state.rows_consumed` on."""
        phase, task = self.phase, self._phase_task
        start_row = phase.start_row(self.history.phase_rows, int(self.state.rows_consumed.numpy()))
        return iter(
            distribute(
                self._strategy,
                phase.config.train.global_batch_size,
                lambda part: task.make_dataset(
                    phase.data, part, training=True, start_row=start_row
                ),
            )
        )

    def _find_phase(self) -> None:
        """The phase of the next step, and what the first of its steps needs."""
        phase = phase_at(self.phases, self.step)
        while len(self.history.phase_rows) < phase.index:
            self.history.phase_rows.append(int(self.state.rows_consumed.numpy()))
            self.state.rows_consumed.assign(0)
        if phase is not self.phase:
            self._enter(phase)
        self.train_step.restart(self.history.totals)
        self.iterator = self._make_iterator()

    def _begin_next_phase(self) -> None:
        """Nothing that is known of the steps before says how those behind will be."""
        self.history.totals, self.history.recent_losses = [], []
        self._find_phase()

    def _continue(self, history: History) -> None:
        """Goes on from the state that has been restored."""
        self._evaluation = None  # was of other weights
        self.history = history
        self.step = self._line_start = int(self.state.step.numpy())
        self._find_phase()
        if history.totals:
            self._line_start = self.phase.previous_stop(self.step)
        self.next_stop = self.phase.next_stop(self.step, self.total)
        self._bad_step = NO_STEP
        self._writer, self._start_step = None, self.step

    def begin(self, stopper: Stopper) -> None:
        """What comes before the first step."""
        if self.history.is_evaluation_due:
            self.evaluate_and_save(stopper)
        elif self._config.train.on_spike == "skip" and self.saved_step is None:
            self.save()  # a run that may go back needs something to go back to

    @property
    def is_over(self) -> bool:
        """Whether all steps are done, or evaluations have stopped getting better."""
        done = self.step >= self.total
        return done or self.history.is_over(self._config.train)

    @contextlib.contextmanager
    def timed(self, num_steps: int) -> Iterator[None]:
        """Around a call of the compiled steps; waits for the device."""
        with self._throughput.timed(num_steps):
            yield
            self._bad_step = self.train_step.non_finite_step

    @property
    def seconds_per_step(self) -> float:
        """Of the last call."""
        return self._throughput.seconds_per_step

    def advance(self) -> int:
        """After a call: how many steps it got on; below 0 if the run had to go back."""
        before = self.step
        self.step = int(self.state.step.numpy())
        if self._bad_step != NO_STEP:
            self._go_back(
                f"the loss or its gradient is not finite at step {self._bad_step}; the weights "
                "were not updated",
                int(self.state.rows_consumed.numpy()) + self.phase.config.train.global_batch_size,
            )
        return self.step - before

    def report(self, bar: progress.bar) -> bool:
        """Writes a log line if one is due; whether there is something to evaluate or to save."""
        if self.step < self.next_stop:
            return False
        values = self._measure()
        problem = self.history.spike(values["loss"], self._config.train)
        if problem:
            self._go_back(f"step {self.step}: {problem}", int(self.state.rows_consumed.numpy()))
            return False
        self._write(values)
        bar.set(_line(values))
        self._line_start = self.step
        if self.step == self.phase.end < self.total:
            self._begin_next_phase()
        self.next_stop = self.phase.next_stop(self.step, self.total)
        return True

    def _measure(self) -> dict[str, float]:
        """What the steps since the last log line are reported with."""
        values = self.train_step.take_metrics()
        rows_per_step = self.phase.config.train.global_batch_size
        examples = (self.step - self._line_start) * rows_per_step
        # After a resume between two lines fewer steps were timed than were counted.
        values |= self._throughput.take(values.pop("num_tokens") / examples)
        values["learning_rate"] = float(self.train_step.learning_rate(self.train_step.step - 1))
        return values

    def _write(self, values: dict[str, float]) -> None:
        if self._writer is None:  # data and model have been seen to work
            self._open()
        self._writer.write(self.step, values)

    def _open(self) -> None:
        if self.folder is not None:
            contents.write_config(self.folder, self._config)
        self._writer = MetricsWriter(self.folder, self._start_step)

    def evaluate_and_save(self, stopper: Stopper) -> None:
        """Evaluates and saves if it is time to."""
        train, is_best = self._config.train, False
        is_due = self._is_time(train.eval_every) or self.history.is_evaluation_due
        if is_due and self._eval_data is not None:
            self.history.is_evaluation_due = not self._evaluate(stopper.is_told)
            if self.history.is_evaluation_due:  # told to stop: it is done after the resume
                return
            metrics = self._metrics
            self._write({f"eval_{name}": value for name, value in metrics.items()})
            if self.folder is not None:
                samples = self._task.show(self.state.model, self._eval_data)
                self._writer.write_samples(self.step, samples)
            logging.info("step %d, evaluation: %s", self.step, _line(metrics))
            if train.keep_best and train.keep_best not in metrics:
                self.save()  # the error that follows costs no step
                self.checkpoints.wait()
            if train.keep_best or train.early_stop_patience:
                is_best = self.history.add_evaluation(self.step, metrics, train)
        if self.history.is_over(train):
            count = self.history.evaluations_since_best
            logging.info("ends early: %d evaluations without a better one", count)
        if self._is_time(train.checkpoint_every) or (is_best and train.keep_best):
            self.save()

    def _evaluate(self, must_stop: Callable[[int], bool]) -> bool:
        """Whether it came to its end."""
        found = self._evaluator.run_with_rows(self._eval_data, must_stop)
        if found is None:
            return False
        self._metrics, rows = found
        self._evaluation = Evaluation(self.step, self._metrics, rows)
        return True

    def save(self) -> None:
        """Hands this step to the writer of checkpoints, unless it was saved before."""
        if self.saved_step == self.step:
            return
        if self._writer is None:
            self._open()
        is_between_lines = self.step != self._line_start
        self.history.totals = self.train_step.totals if is_between_lines else []
        keeps_best = self._config.train.keep_best and self.history.best
        self.checkpoints.save(
            self.step,
            self.state.variables(),
            contents.describe(
                self.state,
                self._config,
                self._made_of,
                self.history,
                self._strategy.num_replicas_in_sync,
            ),
            best_step=self.history.best["step"] if keeps_best else None,
        )
        self.saved_step = self.step

    def write_page(self) -> None:
        """`run.html` of everything so far, in the work directory."""
        if self.folder is not None:
            run_page.write(self.folder)

    def result(
        self, take_evaluation: Callable[[Evaluation], None]
    ) -> tuple[keras.Model, dict[str, float]]:
        """The trained model and the metrics that belong to it, see `loop.train`."""
        best = self.history.best
        if self._config.train.model_from_best and best:
            path = checkpoint.path_of(contents.checkpoints_of(self._work_dir), best["step"])
            self._agreement.wait()
            if checkpoint.is_whole(path):
                checkpoint.restore(path, self.state.variables())
                logging.info("the model is that of step %d, the best one", best["step"])
                self._hand_over(best["step"], take_evaluation)
                return self.state.model, best["metrics"]
            logging.warning("the model is that of the last step, because the best is damaged")
        if not self._is_evaluated(self.step) and self._eval_data is not None:
            # Nothing was left to train, or the time was over in between.
            self._evaluate(lambda num_batches: False)
        self._hand_over(self.step, take_evaluation)
        return self.state.model, self._metrics

    def _is_evaluated(self, step: int) -> bool:
        return self._evaluation is not None and self._evaluation.step == step

    def _hand_over(self, step: int, take_evaluation: Callable[[Evaluation], None]) -> None:
        if self._is_evaluated(step):
            take_evaluation(self._evaluation)

    def _go_back(self, problem: str, to_row: int) -> None:
        """To the newest checkpoint, and in the data behind what has been read since.

        Raises:
          ValueError: `train.on_spike` is "stop", or it has happened too often.
        """
        advice = "Lower optimizer.learning_rate, or look at the data of that step"
        if self._config.train.on_spike == "stop":
            raise ValueError(f"{problem}. {advice}; train.on_spike='skip' passes over them.")
        if len(self.history.skipped) >= MOST_SKIPS:
            raise ValueError(f"{problem}, and {MOST_SKIPS} times before. {advice}.")
        self.checkpoints.wait()
        self._agreement.wait()
        folder = contents.checkpoints_of(self._work_dir)
        found = checkpoint.find_latest(folder)
        if found is None:
            raise ValueError(f"{problem}, and {folder} holds no checkpoint to go back to.")
        path, info = found
        history = contents.load(path, info, self.state, self._config)
        self.saved_step = int(self.state.step.numpy())  # a later one, damaged, is written again
        # If the checkpoint at the beginning of this phase is damaged, one of a phase before is it.
        to_row = [*self.history.phase_rows, to_row][len(history.phase_rows)]
        changes = contents.skip_rows(self.state, history, to_row, problem)
        self._agreement.wait()  # all have read it
        if self.folder is not None:
            checkpoint.change_info(path, changes)
        self._continue(history)

    def _is_time(self, every: int) -> bool:
        is_last = self.step in (self.total, *(phase.end for phase in self.phases))
        return is_last or (every > 0 and self.step % every == 0)

    def forecast(self) -> list[str]:
        """Of a dry run: what would happen, in lines for the user. After a timed step."""
        return estimate.forecast(
            self.phases,
            step=self.step,
            total=self.total,
            seconds_per_step=self.seconds_per_step,
            loss=self.train_step.take_metrics()["loss"],
            work_dir=self._work_dir,
            variables=self.state.variables(),
            evaluates=self._eval_data is not None,
        )


def _line(values: dict[str, float]) -> str:
    """`loss 5.123, masked_lm_accuracy 0.214, ...` with as many digits as a reader wants."""

    def number(name: str, value: float) -> str:
        if name.endswith("_per_second"):
            return f"{value:,.0f}"
        return f"{value:.2e}" if name == "learning_rate" else f"{value:.4f}"

    return ", ".join(f"{name} {number(name, value)}" for name, value in values.items())
