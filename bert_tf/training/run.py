"""Log lines, evaluations, checkpoints and phases: all that a run does between two compiled calls.

`loop.train` gives the order. All workers take the same decisions.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import keras
from absl import logging

from bert_tf import progress
from bert_tf.training import estimate, time_budget
from bert_tf.training.evaluate import Evaluation, Evaluator
from bert_tf.training.job import Job
from bert_tf.training.phase_steps import PhaseSteps
from bert_tf.training.phases import Phase, phase_at
from bert_tf.training.step import NO_STEP, TrainState, TrainStep
from bert_tf.training.stopping import Stopper
from bert_tf.training.work_dir import checkpoint, contents, run_page
from bert_tf.training.work_dir.checkpoint_writer import CheckpointWriter
from bert_tf.training.work_dir.history import MOST_SKIPS, History
from bert_tf.training.work_dir.run_log import RunLog

_LEARNS_LATEST = 0.1  # share of the steps after which a model that learns shows it


class Trained(NamedTuple):
    """What `loop.train` returns.

    Attributes:
      model, metrics: the trained model, and the values of its evaluation; {} without one.
      evaluation: that evaluation, with all answers; None if it was made by an earlier session.
    """

    model: keras.Model
    metrics: dict[str, float]
    evaluation: Evaluation | None

    if TYPE_CHECKING:  # pyright: a field of keras.Model, some bases of which it lacks, is Unknown

        @property
        def model(self) -> keras.Model: ...  # noqa: F811 - the field of this name


@dataclasses.dataclass
class _Line:
    """The steps between two log lines.

    Attributes:
      start: step of the last line.
      stop: step at which the next line, evaluation or checkpoint is due.
      bad_step: the first step whose loss or gradient was not finite, or NO_STEP.
    """

    start: int
    stop: int
    bad_step: int = NO_STEP


def start(job: Job, initialize: Callable[[keras.Model], None] | None) -> "Run":
    """Continues the run in the work directory, or begins a new one.

    Args:
      job: what the run is asked to do.
      initialize: loads weights into a new model; not called if there is a checkpoint.

    Raises:
      ValueError: the checkpoints there belong to another run, or the workers see different ones.
    """
    contents.check(job.work_dir, job.config, job.task.facts)
    with job.strategy.scope():
        state = TrainState.create(job.task, job.config)
    history = contents.restore(
        state,
        job.work_dir,
        job.config,
        made_of=job.made_of,
        num_replicas=job.strategy.num_replicas_in_sync,
        initialize=initialize,
    )
    steps = job.agreement.gather(float(state.step.numpy()))[:, 0]
    if steps.min() != steps.max():
        raise ValueError(
            f"the workers found checkpoints of different steps ({steps.astype(int).tolist()}) "
            f"in {job.work_dir}: --work_dir must be a folder that all of them share."
        )
    for line in state.describe():
        logging.info("%s", line)
    return Run(job, state, history)


class Run:
    """A model in training: its state, batches, evaluations and files.

    Args:
      job: what the run is asked to do.
      state: what a checkpoint holds; restored or new.
      history: what the restored checkpoint remembers besides; None for a new run.

    Attributes:
      state: as given.
      step: finished optimizer steps.
      iterator: over the batches of the current phase.
      checkpoints: writes them.
    """

    def __init__(self, job: Job, state: TrainState, history: History | None):
        self._job, self.state = job, state
        self._history = history or History()
        self.step = int(state.step.numpy())
        self._has_run = False
        self._saved_step = None if history is None else self.step
        self._steps, self.iterator = self._enter_phase(None)
        self._line = self._next_line()
        self._evaluator = Evaluator(
            *job.task.scored(state.model), job.strategy, job.config.train.eval_batch_size
        )
        self._evaluation: Evaluation | None = None
        self._has_problem = False
        self._log = RunLog(job.folder, job.config, self.step, job.tracker)
        self.checkpoints = CheckpointWriter(
            job.folder and contents.checkpoints_of(job.folder), job.config.train.keep_checkpoints
        )

    @property
    def total(self) -> int:
        """The last step; 0 until the time budget is fitted."""
        return int(self.state.num_train_steps.numpy())

    @property
    def train_step(self) -> TrainStep:
        """The compiled steps of the current phase."""
        return self._steps.train_step

    @property
    def next_stop(self) -> int:
        """The step of the next log line, evaluation or checkpoint."""
        return self._line.stop

    @property
    def seconds_per_step(self) -> float:
        """Seconds per step of the last call."""
        return self._steps.throughput.seconds_per_step

    @property
    def _phase(self) -> Phase:
        return self._steps.phase

    def _enter_phase(self, current: PhaseSteps | None) -> tuple[PhaseSteps, Iterator]:
        """The compiled steps and the batches of the phase of the next step."""
        phase, history = phase_at(self._job.phases, self.step), self._history
        while len(history.phase_rows) < phase.index:
            history.phase_rows.append(int(self.state.rows_consumed.numpy()))
            self.state.rows_consumed.assign(0)
        is_same = current is not None and current.phase is phase
        steps = current if is_same else PhaseSteps(self._job, phase, self.state)
        if not self.total:  # decided once: a checkpoint brings it back
            time_budget.fit(
                steps.train_step,
                self.state,
                self._job.strategy,
                lambda: steps.iterator(history.phase_rows),
                minutes=self._job.config.train.time_budget_minutes,
                steps_per_loop=self._job.config.train.steps_per_loop,
            )
        steps.train_step.restart(history.totals)
        return steps, steps.iterator(history.phase_rows)

    def _next_line(self) -> _Line:
        """The next log line: it starts at this step, or where a stopped run had its last line."""
        is_between = bool(self._history.totals)
        begin = self._phase.previous_stop(self.step) if is_between else self.step
        return _Line(begin, self._phase.next_stop(self.step, self.total))

    def begin(self, stopper: Stopper) -> None:
        """Prepares the first step."""
        if self._history.is_evaluation_due:
            self.evaluate_and_save(stopper)
        elif self._job.config.train.on_spike == "skip" and self._saved_step is None:
            self.save()  # a run that may go back needs something to go back to

    @property
    def is_over(self) -> bool:
        """Whether all steps are done, or the evaluations have stopped improving."""
        done = self.step >= self.total
        return done or self._history.is_over(self._job.config.train)

    @contextlib.contextmanager
    def timed(self, num_steps: int) -> Iterator[None]:
        """A `with` block around a call of the compiled steps; it waits for the device."""
        with self._steps.throughput.timed(num_steps):
            yield
            self._line.bad_step = self.train_step.non_finite_step

    def advance(self) -> int:
        """Ends a call of the steps. Returns the steps done; negative if the run went back."""
        before, self._has_run = self.step, True
        self.step = int(self.state.step.numpy())
        bad_step = self._line.bad_step
        if bad_step != NO_STEP:
            self._go_back(
                f"the loss or its gradient is not finite at step {bad_step}; the weights were not "
                "updated",
                int(self.state.rows_consumed.numpy()) + self._phase.config.train.global_batch_size,
            )
        return self.step - before

    def report(self, bar: progress.bar) -> bool:
        """Writes a log line if one is due. Returns whether to evaluate or to save."""
        if self.step < self._line.stop:
            return False
        values = self._measure()
        problem = self._history.spike(values["loss"], self._job.config.train)
        if problem:
            self._go_back(f"step {self.step}: {problem}", int(self.state.rows_consumed.numpy()))
            return False
        self._log.write(self.step, values)
        self._name_problem(values)
        bar.set(_in_words(values))
        self._history.totals = []
        if self.step == self._phase.end < self.total:
            # Nothing that is known of the steps before says how those behind will be.
            self._history.recent_losses = []
            self._steps, self.iterator = self._enter_phase(self._steps)
        self._line = self._next_line()
        return True

    def _name_problem(self, values: dict[str, float]) -> None:
        """Logs what the task says has gone wrong, once as long as it lasts."""
        warmup = max(self._job.config.optimizer.warmup_proportion, _LEARNS_LATEST)
        problem = self._job.task.problem(values) if self.step >= warmup * self.total else ""
        if problem and not self._has_problem:
            logging.warning("step %d: %s", self.step, problem)
        self._has_problem = bool(problem)

    def _measure(self) -> dict[str, float]:
        """The values of the next log line."""
        values = self.train_step.take_metrics()
        rows_per_step = self._phase.config.train.global_batch_size
        examples = (self.step - self._line.start) * rows_per_step
        # After a resume between two lines fewer steps were timed than were counted.
        values |= self._steps.throughput.take(values.pop("num_tokens") / examples)
        values["learning_rate"] = float(self.train_step.learning_rate(self.train_step.step - 1))
        return values

    def evaluate_and_save(self, stopper: Stopper) -> None:
        """Evaluates and saves if it is due."""
        train, is_best = self._job.config.train, False
        is_due = self._is_time(train.eval_every) or self._history.is_evaluation_due
        if is_due and self._job.eval_data is not None:
            self._history.is_evaluation_due = not self._evaluate(stopper.is_told)
            if self._history.is_evaluation_due:  # told to stop: it is done after the resume
                return
            metrics = self._evaluation.metrics
            self._log.write(self.step, {f"eval_{name}": v for name, v in metrics.items()})
            if self._job.folder is not None:
                samples = self._job.task.show(self.state.model, self._job.eval_data)
                self._log.write_samples(self.step, samples)
            logging.info("step %d, evaluation: %s", self.step, _in_words(metrics))
            if self._job.on_evaluation is not None:
                self._job.on_evaluation(self.step, metrics)
            if train.keep_best and train.keep_best not in metrics:
                self.save()  # the error that follows costs no step
                self.checkpoints.wait()
            if train.keep_best or train.early_stop_patience:
                is_best = self._history.add_evaluation(self.step, metrics, train)
        if self._history.is_over(train):
            count = self._history.evaluations_since_best
            logging.info("ends early: %d evaluations without a better one", count)
        if self._is_time(train.checkpoint_every) or (is_best and train.keep_best):
            self.save()

    def _evaluate(self, must_stop: Callable[[int], bool]) -> bool:
        """Returns whether the evaluation was completed."""
        found = self._evaluator.run_with_rows(self._job.eval_data, must_stop)
        if found is None:
            return False
        self._evaluation = Evaluation(self.step, *found)
        return True

    def save(self) -> None:
        """Gives this step to the checkpoint writer, unless it was saved before."""
        if self._saved_step == self.step:
            return
        self._log.open()
        is_between_lines = self.step != self._line.start
        self._history.totals = self.train_step.totals if is_between_lines else []
        keeps_best = self._job.config.train.keep_best and self._history.best
        self.checkpoints.save(
            self.step,
            self.state.variables(),
            contents.describe(
                self.state,
                self._job.config,
                self._job.made_of,
                self._history,
                self._job.strategy.num_replicas_in_sync,
            ),
            best_step=self._history.best["step"] if keeps_best else None,
        )
        self._saved_step = self.step

    @contextlib.contextmanager
    def page_at_end(self) -> Iterator[None]:
        """However the block ends, the work directory has `run.html` of the steps so far, if any."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one to report
                if self._has_run:  # bad data may have ended it before
                    self._write_page()
            raise
        self._write_page()

    def _write_page(self) -> None:
        if self._job.folder is not None:
            run_page.write(self._job.folder)

    def result(self) -> Trained:
        """The trained model and its metrics; with `train.model_from_best` the best ones."""
        best = self._history.best
        if self._job.config.train.model_from_best and best:
            path = checkpoint.path_of(contents.checkpoints_of(self._job.work_dir), best["step"])
            self._job.agreement.wait()
            if checkpoint.is_whole(path):
                checkpoint.restore(path, self.state.variables())
                logging.info("the model is that of step %d, the best one", best["step"])
                return Trained(self.state.model, best["metrics"], self._evaluation_of(best["step"]))
            logging.warning("the model is that of the last step, because the best is damaged")
        if self._evaluation_of(self.step) is None and self._job.eval_data is not None:
            # Nothing was left to train, or the time was over in between.
            self._evaluate(lambda num_batches: False)
        found = self._evaluation_of(self.step)
        return Trained(self.state.model, found.metrics if found else {}, found)

    def _evaluation_of(self, step: int) -> Evaluation | None:
        found = self._evaluation
        return found if found is not None and found.step == step else None

    def _go_back(self, problem: str, to_row: int) -> None:
        """Goes back to the newest checkpoint, and passes over the rows that were read since.

        Raises:
          ValueError: `train.on_spike` is "stop", or it has happened too often.
        """
        advice = "Lower optimizer.learning_rate, or look at the data of that step"
        if self._job.config.train.on_spike == "stop":
            raise ValueError(f"{problem}. {advice}; train.on_spike='skip' passes over them.")
        if len(self._history.skipped) >= MOST_SKIPS:
            raise ValueError(f"{problem}, and {MOST_SKIPS} times before. {advice}.")
        self.checkpoints.wait()
        self._job.agreement.wait()
        folder = contents.checkpoints_of(self._job.work_dir)
        found = checkpoint.find_latest(folder)
        if found is None:
            raise ValueError(f"{problem}, and {folder} holds no checkpoint to go back to.")
        path, info = found
        history = contents.load(path, info, self.state, self._job.config)
        self._saved_step = int(self.state.step.numpy())  # a later one, damaged, is written again
        # If the checkpoint at the beginning of this phase is damaged, one of a phase before is it.
        to_row = [*self._history.phase_rows, to_row][len(history.phase_rows)]
        changes = contents.skip_rows(self.state, history, to_row, problem)
        self._job.agreement.wait()  # all have read it
        if self._job.folder is not None:
            checkpoint.change_info(path, changes)
        self._history, self._evaluation = history, None
        self.step = self._saved_step
        self._steps, self.iterator = self._enter_phase(self._steps)
        self._line = self._next_line()
        self._log = RunLog(self._job.folder, self._job.config, self.step, self._job.tracker)

    def _is_time(self, every: int) -> bool:
        is_last = self.step in (self.total, *(phase.end for phase in self._job.phases))
        return is_last or (every > 0 and self.step % every == 0)

    def forecast(self) -> list[str]:
        """The lines of a dry run, after a timed step: what the run would do."""
        return estimate.forecast(
            self._job.phases,
            step=self.step,
            total=self.total,
            seconds_per_step=self.seconds_per_step,
            loss=self.train_step.take_metrics()["loss"],
            work_dir=self._job.work_dir,
            variables=self.state.variables(),
            evaluates=self._job.eval_data is not None,
        )


def _in_words(values: dict[str, float]) -> str:
    """`loss 5.123, masked_lm_accuracy 0.214, ...`: the values as text, with few digits."""

    def number(name: str, value: float) -> str:
        small = ".2e" if name == "learning_rate" else ".4f"
        return format(value, ",.0f" if name.endswith("_per_second") else small)

    return ", ".join(f"{name} {number(name, value)}" for name, value in values.items())
