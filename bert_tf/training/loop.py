"""The training loop: compiled steps, log lines, evaluations and checkpoints until the last step.

It does not use `fit`: with MirroredStrategy `fit` cannot compile, run several steps in a call or
accumulate gradients, and it does not store the position in the data.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from bert_tf import progress
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.processes.exits import TERMINATED, EndRun
from bert_tf.tasks.task import Task
from bert_tf.trackers.tracker import Tracker
from bert_tf.training import distribution, estimate, peers
from bert_tf.training.job import Job
from bert_tf.training.optimizers.layerwise import keep_top_random
from bert_tf.training.phases import phases_of
from bert_tf.training.profiler import Profiler
from bert_tf.training.run import Trained, start
from bert_tf.training.stopping import Agreement, Stopper

_SIZES = ("global_batch_size", "num_micro_batches")


@dataclasses.dataclass(frozen=True)
class Session:
    """Settings of one start of a run. None of them changes what is learned.

    Attributes:
      strategy: the devices, or the name of a strategy; None: those that are there.
      time_limit: seconds after which the run stops. It can be continued later. 0: no limit.
      profile_steps: (first, last) step of a profile for TensorBoard; () for none.
      dry_run: run two steps, print what the run would do, and write nothing.
      tracker: is told of the run, see `trackers.tracker.make_tracker`; None for none.
      on_evaluation: called with the step and {metric: value} after each evaluation in training.
    """

    strategy: tf.distribute.Strategy | str | None = None
    time_limit: float = 0.0
    profile_steps: Sequence[int | str] = ()
    dry_run: bool = False
    tracker: Tracker | None = None
    on_evaluation: Callable[[int, Mapping[str, float]], None] | None = None


def train(
    task: Task,
    config: ExperimentConfig,
    *,
    train_data: Any,
    work_dir: str,
    eval_data: Any = None,
    initialize: Callable[[keras.Model], None] | None = None,
    made_of: Mapping[str, str] | None = None,
    session: Session = Session(),
) -> Trained:
    """Trains until the last step or the end of the time budget. Continues the run in `work_dir`.

    With several workers this process ends with exit code 75 as soon as another worker is lost.

    Args:
      task: what is learned.
      config: the experiment config.
      train_data, eval_data: what `task.make_dataset` takes; without `eval_data` nothing is
        evaluated. With `config.train.phases` a list of `train_data`, one for each, is taken too.
      work_dir: gets `config.json`, `checkpoints/`, `metrics.jsonl`, `samples.jsonl`, `tensorboard/`
        and, whenever it ends, `run.html`.
      initialize: called with the new model to load weights into it, unless a checkpoint is there.
      made_of: identities of what is trained with, {"data": "...", "initial weights": "..."}; a
        checkpoint of others, or of another vocabulary, is refused.
      session: devices, time limit, profile, dry run.

    Returns:
      The trained model and its last evaluation; with `train.model_from_best` the best ones.

    Raises:
      ValueError: the work directory holds another run, the batch cannot be divided, the loss is not
        finite, or a checkpoint cannot be written.
      EndRun: SIGTERM came; a checkpoint has been written.
    """
    strategy = session.strategy or "auto"
    if isinstance(strategy, str):
        strategy = distribution.make_strategy(strategy)
    _check(config, strategy, has_eval_data=eval_data is not None)
    agreement = Agreement(strategy)
    watch = peers.watch(strategy.cluster_resolver if agreement.num_workers > 1 else None)
    identities = {
        "data": "",
        "vocabulary": task.tokenizer.identity,
        "initial weights": "",
        **(made_of or {}),
    }
    phases = phases_of(config, train_data)
    job = Job(
        task,
        config,
        phases,
        eval_data,
        work_dir,
        identities,
        strategy,
        agreement,
        session.tracker,
        session.on_evaluation,
    )
    owned = contextlib.ExitStack()
    try:
        owned.enter_context(distribution.owning(work_dir, strategy, writes=not session.dry_run))
        run = start(job, keep_top_random(initialize, config.train.num_reinitialized_layers))
        estimate.log(run.state, phases, strategy.num_replicas_in_sync)
        if session.dry_run:
            run.train_step.train_steps(run.iterator, tf.constant(1))  # traces and compiles
            with run.timed(1):
                run.train_step.train_steps(run.iterator, tf.constant(1))
            print("\n".join(run.forecast()))
            return Trained(run.state.model, {}, None)
        with (
            Stopper(agreement, session.time_limit) as stopper,
            run.checkpoints,
            run.page_at_end(),
            Profiler(job.folder, session.profile_steps) as profiler,
            progress.bar(
                total=run.total, initial=run.step, unit="steps", description=config.task.name
            ) as bar,
        ):
            watch.last_wish = run.checkpoints.wait
            run.begin(stopper)
            while not run.is_over and not stopper.reason:
                count = stopper.num_steps(profiler.next_stop(run.step, run.next_stop) - run.step)
                with run.timed(count):
                    run.train_step.train_steps(run.iterator, tf.constant(count))
                bar.update(run.advance())
                profiler.at(run.step)
                if run.report(bar):
                    run.evaluate_and_save(stopper)
                stopper.update(run.seconds_per_step)
            run.save()
            run.checkpoints.wait()
        if stopper.reason == "SIGTERM":
            raise EndRun(
                TERMINATED,
                f"ended by SIGTERM after step {run.step} of {run.total}, which is saved: run the "
                "same command again to continue.",
            )
        result = run.result()
        agreement.wait()  # nobody leaves before all are done
        return result
    except peers.LOST_ERRORS as error:
        if agreement.num_workers == 1:
            raise
        watch.end_process(f"another worker is gone ({str(error).splitlines()[0]}).")
        raise  # not reached
    finally:
        owned.close()
        peers.unwatch()


def _check(config: ExperimentConfig, strategy: tf.distribute.Strategy, has_eval_data: bool) -> None:
    replicas, train = strategy.num_replicas_in_sync, config.train
    for phase in phases_of(config):
        rows, parts = (getattr(phase.config.train, name) for name in _SIZES)
        if rows % (replicas * parts):
            where = f"train.phases[{phase.index}]" if train.phases else "train"
            raise ValueError(
                f"{where}.global_batch_size ({rows}) is not divisible by {replicas} replica(s) x "
                f"{parts} micro-batch(es) ({where}.num_micro_batches)."
            )
    if train.eval_batch_size % replicas:
        raise ValueError(
            f"train.eval_batch_size ({train.eval_batch_size}) is not divisible by {replicas} "
            "replicas."
        )
    if train.num_train_steps < 1 and not train.time_budget_minutes:
        raise ValueError(f"train.num_train_steps is {train.num_train_steps}; expected at least 1.")
    if (train.keep_best or train.early_stop_patience) and not has_eval_data:
        raise ValueError(
            "train.keep_best and train.early_stop_patience need evaluations: give data to evaluate "
            "on (--eval_data) and train.eval_every."
        )
