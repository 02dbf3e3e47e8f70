"""The training loop: compiled steps, log lines, evaluations and checkpoints until the last step.

Own loop rather than `fit`: under MirroredStrategy `fit` can neither compile, nor run several steps
a call, nor accumulate gradients, and it does not know the position in the data.
"""

import dataclasses
import json
import time
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from bert_tf import config as config_lib
from bert_tf import progress
from bert_tf.cleanup import removed_on_failure
from bert_tf.config import ExperimentConfig
from bert_tf.tasks.task import Task
from bert_tf.training import checkpoint, time_budget
from bert_tf.training.distribution import is_chief
from bert_tf.training.evaluate import Evaluator, distribute
from bert_tf.training.layerwise import keep_top_random
from bert_tf.training.metrics_writer import MetricsWriter
from bert_tf.training.step import TrainState, TrainStep, weights_of

# These may differ between the run that wrote a checkpoint and the one that continues it.
_FREE = (
    "checkpoint_every",
    "eval_batch_size",
    "eval_every",
    "jit_compile",
    "keep_checkpoints",
    "num_micro_batches",
    "steps_per_loop",
)


def train(
    task: Task,
    config: ExperimentConfig,
    *,
    train_data: Any,
    work_dir: str,
    eval_data: Any = None,
    strategy: tf.distribute.Strategy | None = None,
    initialize: Callable[[keras.Model], None] | None = None,
    data_id: str = "",
) -> tuple[keras.Model, dict[str, float]]:
    """Trains until the last step (or the time budget), continuing what `work_dir` holds.

    Args:
      task: what is learned.
      config: the experiment config.
      train_data, eval_data: what `task.make_dataset` takes; without `eval_data` nothing is
        evaluated.
      work_dir: gets `config.json`, `checkpoints/`, `metrics.jsonl` and `tensorboard/`.
      strategy: the devices; None for one.
      initialize: called with the new model to load weights into it, unless a checkpoint is there.
      data_id: identifies the training data; a checkpoint of other data is refused.

    Returns:
      (the trained model, the metrics of the last evaluation).

    Raises:
      ValueError: the work directory holds another run, the batch cannot be divided, or the loss is
        not finite.
    """
    strategy = strategy or tf.distribute.OneDeviceStrategy("/cpu:0")
    _check_batch(config, strategy)
    _check_work_dir(work_dir, config)
    with strategy.scope():
        state = TrainState.create(task, config)
    initialize = keep_top_random(initialize, config.train.num_reinitialized_layers)
    _restore_or_initialize(state, work_dir, data_id, initialize)
    _log_variables(state)
    step = int(state.step.numpy())
    train_step = TrainStep(task, config, state, strategy)
    evaluator = Evaluator(task, state.model, strategy, config.train.eval_batch_size)
    writer = None

    def make_iterator():
        start_row = int(state.rows_consumed.numpy())
        return iter(
            distribute(
                strategy,
                config.train.global_batch_size,
                lambda part: task.make_dataset(
                    train_data, part, training=True, start_row=start_row
                ),
            )
        )

    if not int(state.num_train_steps.numpy()):  # decided once: a checkpoint brings it back
        minutes, count = config.train.time_budget_minutes, config.train.steps_per_loop
        time_budget.fit(
            train_step, state, strategy, make_iterator, minutes=minutes, steps_per_loop=count
        )
    iterator = make_iterator()
    metrics = {}
    total = int(state.num_train_steps.numpy())
    with progress.bar(total=total, initial=step, unit="steps", description=config.task.name) as bar:
        while step < total:
            stop = _next_stop(step, total, config)
            count = stop - step
            start = time.perf_counter()
            while step < stop and train_step.is_healthy:  # a step that overflowed is made up for
                train_step.train_steps(iterator, tf.constant(stop - step))
                step = int(train_step.step)
            values = _measure(train_step, count, start, config)
            if writer is None:  # data and model have been seen to work
                folder = work_dir if is_chief(strategy) else None
                writer = _open_work_dir(folder, config, stop - count)
            writer.write(step, values)
            bar.set(_line(values))
            bar.update(count)
            if _is_time(step, config.train.eval_every, total) and eval_data is not None:
                metrics = evaluator.run(eval_data)
                writer.write(step, {f"eval_{name}": value for name, value in metrics.items()})
                logging.info("step %d, evaluation: %s", step, _line(metrics))
            if _is_time(step, config.train.checkpoint_every, total) and is_chief(strategy):
                _save(state, work_dir, config, data_id)
    if not metrics and eval_data is not None:  # nothing was left to train
        metrics = evaluator.run(eval_data)
    return state.model, metrics


def _measure(
    train_step: TrainStep, count: int, start: float, config: ExperimentConfig
) -> dict[str, float]:
    """What the last `count` steps, begun at `start`, are reported with."""
    values = train_step.take_metrics()
    seconds = time.perf_counter() - start
    values["examples_per_second"] = count * config.train.global_batch_size / seconds
    values["tokens_per_second"] = values.pop("num_tokens") / seconds
    values["learning_rate"] = float(train_step.learning_rate(train_step.step - 1))
    return values


def _line(values: dict[str, float]) -> str:
    """`loss 5.123, masked_lm_accuracy 0.214, ...` with as many digits as a reader wants."""

    def number(name: str, value: float) -> str:
        if name.endswith("_per_second"):
            return f"{value:,.0f}"
        return f"{value:.2e}" if name == "learning_rate" else f"{value:.4f}"

    return ", ".join(f"{name} {number(name, value)}" for name, value in values.items())


def _is_time(step: int, every: int, total: int) -> bool:
    return step == total or (every > 0 and step % every == 0)


def _next_stop(step: int, total: int, config: ExperimentConfig) -> int:
    """The next step at which something happens: multiples, so a resumed run stops there too."""
    train = config.train
    periods = [p for p in (train.steps_per_loop, train.eval_every, train.checkpoint_every) if p]
    return min([total, *((step // period + 1) * period for period in periods)])


def _check_batch(config: ExperimentConfig, strategy: tf.distribute.Strategy) -> None:
    replicas, train = strategy.num_replicas_in_sync, config.train
    if train.global_batch_size % (replicas * train.num_micro_batches):
        raise ValueError(
            f"train.global_batch_size ({train.global_batch_size}) is not divisible by "
            f"{replicas} replica(s) x {train.num_micro_batches} micro-batch(es) "
            "(train.num_micro_batches)."
        )
    if train.eval_batch_size % replicas:
        raise ValueError(
            f"train.eval_batch_size ({train.eval_batch_size}) is not divisible by {replicas} "
            "replicas."
        )
    if train.num_train_steps < 1 and not train.time_budget_minutes:
        raise ValueError(f"train.num_train_steps is {train.num_train_steps}; expected at least 1.")


def _check_work_dir(work_dir: str, config: ExperimentConfig) -> None:
    """Refuses to go on with another config than that of the checkpoints that are there."""
    path = tf.io.gfile.join(work_dir, "config.json")
    if tf.io.gfile.exists(work_dir) and not tf.io.gfile.isdir(work_dir):
        raise ValueError(f"{work_dir} is a file; --work_dir expects a folder.")
    has_checkpoints = tf.io.gfile.exists(tf.io.gfile.join(work_dir, "checkpoints"))
    if has_checkpoints and tf.io.gfile.exists(path):
        old = dataclasses.asdict(config_lib.from_json(ExperimentConfig, path))
        # Through JSON, because a tuple comes back as a list.
        differing = _differences(_as_json(old), _as_json(dataclasses.asdict(config)))
        refused = [d for d in differing if d[0].removeprefix("train.") not in _FREE]
        if refused:
            changes = "; ".join(f"{key} was {old!r}, now {new!r}" for key, old, new in refused)
            raise ValueError(
                f"{work_dir} holds a different run: {changes}. Choose another --work_dir, or go on "
                "with the old settings."
            )
        for key, old_value, new_value in differing:
            logging.info("continuing with %s = %r (was %r)", key, new_value, old_value)


def _open_work_dir(work_dir: str | None, config: ExperimentConfig, step: int) -> MetricsWriter:
    """Writes the resolved config; None writes nothing (a worker that is not the chief)."""
    if work_dir is None:
        return MetricsWriter(None, step)
    tf.io.gfile.makedirs(work_dir)
    path = tf.io.gfile.join(work_dir, "config.json")
    with removed_on_failure(path + ".tmp"), tf.io.gfile.GFile(path + ".tmp", "w") as file:
        file.write(config_lib.to_json(config))
    tf.io.gfile.rename(path + ".tmp", path, overwrite=True)
    return MetricsWriter(work_dir, step)


def _as_json(values: dict) -> dict:
    return json.loads(json.dumps(values))


def _differences(old: dict, new: dict, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """(dotted key, old, new) for every leaf that differs."""
    found = []
    for key in sorted(set(old) | set(new)):
        a, b = old.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found += _differences(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append((prefix + key, a, b))
    return found


def _restore_or_initialize(state: TrainState, work_dir: str, data_id: str, initialize) -> None:
    """From the newest checkpoint, else from `initialize`, else the random weights stay."""
    found = checkpoint.find_latest(tf.io.gfile.join(work_dir, "checkpoints"))
    if found is None:
        if initialize is not None:
            initialize(state.model)
        return
    path, info = found
    if info["data_id"] != data_id:
        raise ValueError(
            f"{path} was trained on other data ({info['data_id']}) than is given now ({data_id}). "
            "Choose another --work_dir, or the data of that run."
        )
    checkpoint.restore(path, state.variables())
    logging.info("continuing from %s", path)


def _save(state: TrainState, work_dir: str, config: ExperimentConfig, data_id: str) -> None:
    info = {
        "config": dataclasses.asdict(config),
        "data_id": data_id,
        "rows_consumed": int(state.rows_consumed.numpy()),
    }
    checkpoint.save(
        tf.io.gfile.join(work_dir, "checkpoints"),
        int(state.step.numpy()),
        state.variables(),
        info,
        config.train.keep_checkpoints,
    )


def _log_variables(state: TrainState) -> None:
    weights = weights_of(state.model)
    count = sum(int(tf.size(weight)) for weight in weights.values())
    logging.info("%d trainable variables, %s parameters", len(weights), f"{count:,}")
    for line in state.optimizer.describe():
        logging.info("%s", line)
