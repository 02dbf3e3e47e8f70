"""Our training step as a contestant, as scripts/pretrain.py runs it.

It trains on the same few batches, or on the rows of a data folder, which are read, masked and put
in order while it runs.
"""

from typing import Any

import tensorflow as tf

from benchmarks import synthetic
from bert_tf.config import as_json
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.measuring import timing
from bert_tf.tasks.task import Task, make_task
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from bert_tf.training import distribution
from bert_tf.training.evaluate import distribute
from bert_tf.training.step import NO_STEP, TrainState, TrainStep

_FEW_WORDS = [*SPECIAL_TOKENS, "a"]
_ENDLESS = 1_000_000  # steps, if the config leaves them to the data


def make_round(settings: dict[str, Any]):
    """(does `steps_per_round` steps and returns sequences/s, info).

    With `data`, a folder, in `settings`: on its rows. `tokens_per_row` of info has those that were
    not padding.
    """
    config = as_json.from_dict(ExperimentConfig, settings["config"], where="config").check()
    config.train.num_train_steps = config.train.num_train_steps or _ENDLESS
    task = _make_task(config, settings.get("data"))
    strategy = distribution.make_strategy("one_device")
    with strategy.scope():
        state = TrainState.create(task, config)
    step = TrainStep(task, config, state, strategy)
    iterator = iter(_make_dataset(task, config, settings.get("data"), strategy))
    count = settings["steps_per_round"]

    def work():
        step.train_steps(iterator, tf.constant(count))
        if step.non_finite_step != NO_STEP:  # waits for the device
            raise ValueError(f"the loss is not finite at step {step.non_finite_step}.")
        info["tokens_per_row"] = step.take_metrics()["num_tokens"] / rows

    info, rows = {"trains": task.loss_names}, count * config.train.global_batch_size
    return timing.rate_of(work, rows), info


def _make_task(config: ExperimentConfig, data: str | None) -> Task:
    # Without data the task asks its tokenizer only for the size of the vocabulary.
    tokenizer = Tokenizer.from_folder(data) if data else WordPieceTokenizer(Vocabulary(_FEW_WORDS))
    task = make_task(config, tokenizer)
    if data:
        task.check_data(data, training=True)
    return task


def _make_dataset(task: Task, config: ExperimentConfig, data: str | None, strategy):
    if not data:
        batches = synthetic.batches(as_json.to_dict(config))
        rows = tf.data.Dataset.from_tensor_slices(batches).repeat()
        return strategy.experimental_distribute_dataset(rows)
    return distribute(
        strategy,
        config.train.global_batch_size,
        lambda part: task.make_dataset(data, part, training=True),
    )
