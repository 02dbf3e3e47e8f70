"""Our fine-tuning step as a contestant, as scripts/finetune.py runs it."""

from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf import initial_weights, model_folder
from bert_tf.config import as_json
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.batches.length_buckets import BucketedRows
from bert_tf.data.batches.order import BatchSlice
from bert_tf.measuring import timing
from bert_tf.tasks.classification import prepare
from bert_tf.tasks.task import Task, make_task
from bert_tf.training import distribution
from bert_tf.training.evaluate import distribute
from bert_tf.training.step import TrainState, TrainStep

_ENDLESS = 1_000_000  # steps: the rate stays what it is


def make_round(settings: dict[str, Any]):
    """(does `steps_per_round` steps and returns examples/s, info)."""
    config = as_json.from_dict(ExperimentConfig, settings["config"], where="config")
    start = settings["init_checkpoint"]
    config.model = initial_weights.config_of_checkpoint(start, config.model)
    config.data.dev_fraction, config.train.dtype = 0.0, settings["dtype"]
    config.train.num_train_steps = _ENDLESS
    tokenizer = model_folder.load_tokenizer(start)
    files = prepare.Files(settings["train_file"])
    prepared = prepare.prepare(config.check(), files, tokenizer)
    data, task = prepared.train.arrays, make_task(config, tokenizer, prepared.facts)
    strategy = distribution.make_strategy("one_device")
    with strategy.scope():
        state = TrainState.create(task, config)
    initial_weights.initialize(state.model, start, tokenizer)
    step = TrainStep(task, config, state, strategy)
    size, count = config.train.global_batch_size, settings["steps_per_round"]
    iterator = iter(
        distribute(strategy, size, lambda part: task.make_dataset(data, part, training=True))
    )

    def work():
        step.train_steps(iterator, tf.constant(count))
        step.take_metrics()  # waits for the device, and sees that the loss was finite

    return timing.rate_of(work, count * size), {"tokens_per_row": _tokens_per_row(data, task)}


def _tokens_per_row(data: dict[str, np.ndarray], task: Task) -> float:
    """Padding included, over an epoch."""
    config, widths = task.config, task.facts.widths
    size = config.train.global_batch_size
    if not widths:
        return float(config.data.max_seq_length)
    lengths = data["input_mask"].sum(axis=1)
    rows = BucketedRows(lengths, config.train.seed, BatchSlice(size), widths)
    count = max(1, len(lengths) // size)
    return float(np.mean([widths[rows.batch(number)[1]] for number in range(count)]))
