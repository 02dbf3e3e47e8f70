"""Evaluation: exact global ratios over every row of a data set, each counted once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from bert_tf import machine, progress
from bert_tf.data.batches.order import BatchSlice
from bert_tf.layers import fused
from bert_tf.tasks.task import Task
from bert_tf.training.distribution import is_on_cpu

_FLOAT32 = 4  # bytes


def distribute(
    strategy: tf.distribute.Strategy, global_batch_size: int, make_dataset
) -> tf.distribute.DistributedDataset:
    """Distributes `make_dataset(batch_slice)`: each element is the batch of one replica."""

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        local = context.num_replicas_in_sync // context.num_input_pipelines
        batch_slice = BatchSlice(
            global_batch_size=global_batch_size,
            num_replicas=context.num_replicas_in_sync,
            first_replica=context.input_pipeline_id * local,
            local_replicas=local,
        )
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        return make_dataset(batch_slice).with_options(options)

    return strategy.distribute_datasets_from_function(of_worker)


class Evaluation(NamedTuple):
    """What an evaluation gave after `step`: `Evaluator.run_with_rows`."""

    step: int
    metrics: dict[str, float]
    rows: dict[str, np.ndarray]


class Evaluator:
    """Evaluates a model; the evaluation is compiled once and can be run many times.

    Args:
      task: gives loss and metrics.
      model: the Keras model.
      strategy: the devices.
      batch_size: rows of a step, over all replicas. The last step is filled up.

    Raises:
      ValueError: one layer's hidden states of so many rows are many times this machine's memory.
    """

    def __init__(
        self,
        task: Task,
        model: keras.Model,
        strategy: tf.distribute.Strategy,
        batch_size: int,
    ):
        of_a_row = task.config.data.max_seq_length * task.config.model.hidden_size * _FLOAT32
        machine.check_memory(
            of_a_row * batch_size / strategy.num_replicas_in_sync,
            f"an evaluation with {batch_size:,} rows a step",
            "Lower train.eval_batch_size, or --batch_size of evaluate.py.",
        )
        self._task, self._model, self._strategy = task, model, strategy
        self._batch_size = batch_size
        self._step = tf.function(self._global_results, autograph=False)

    def run_with_rows(
        self, data: Any, must_stop: Callable[[int], bool] = lambda num_batches: False
    ) -> tuple[dict[str, float], dict[str, np.ndarray]] | None:
        """Evaluates all of `data`.

        Args:
          data: what `task.make_dataset` takes.
          must_stop: called after each batch with the number of batches; True ends the evaluation.

        Returns:
          (metrics, rows): every loss and metric of the task and `loss`, the sum of the losses; and
          what the task's `row_outputs` gave, in the order of `row_ids`. None if it was ended.
        """
        dataset = distribute(
            self._strategy,
            self._batch_size,
            lambda batch_slice: self._task.make_dataset(data, batch_slice, training=False),
        )
        totals, parts = 0.0, []
        with progress.bar(unit="batches", description="evaluating") as bar:
            for number, batch in enumerate(dataset, start=1):
                sums, rows = self._step(batch)
                totals = totals + sums.numpy().astype("float64")
                parts.append({name: values.numpy() for name, values in rows.items()})
                bar.update(1)
                if must_stop(number):
                    return None
        rows = in_order(parts)
        return self._task.ratios(totals) | self._task.score(rows, data), rows

    def _global_results(self, batch):
        results = self._strategy.run(self._replica_results, args=(batch,))
        return tf.nest.map_structure(
            lambda value: self._strategy.experimental_local_results(value)[0], results
        )

    def _replica_results(self, batch):
        sums, rows = self._task.at_its_width(batch, self._forward)
        context = tf.distribute.get_replica_context()
        if self._strategy.num_replicas_in_sync > 1:
            rows = {name: context.all_gather(values, axis=0) for name, values in rows.items()}
        return context.all_reduce(tf.distribute.ReduceOp.SUM, sums), rows

    def _forward(self, batch):
        with fused.kernels(is_on_cpu(self._strategy)):
            outputs = self._model(batch)
            losses = self._task.compute_loss(outputs, batch)
        sums = self._task.stack({**losses, **self._task.compute_metrics(outputs, batch)})
        return sums, self._task.row_outputs(outputs, batch)


def in_order(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The rows of all parts in the order of `row_ids`, without the rows that fill up a batch."""
    if not parts or not parts[0]:
        return {}
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    used = np.flatnonzero(rows["row_ids"] >= 0)
    used = used[np.argsort(rows["row_ids"][used], kind="stable")]
    return {name: values[used] for name, values in rows.items()}
