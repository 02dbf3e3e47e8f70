"""Our training step as a contestant, as scripts/pretrain.py runs it."""

from typing import Any

import tensorflow as tf

from bert_tf import config as config_lib
from bert_tf.benchmark import synthetic, timing
from bert_tf.config import ExperimentConfig
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import Tokenizer
from bert_tf.training import distribution
from bert_tf.training.step import NO_STEP, TrainState, TrainStep

_ENDLESS = 1_000_000  # steps, if the config leaves them to the data


def make_round(settings: dict[str, Any]):
    """(does `steps_per_round` steps and returns sequences/s, info)."""
    config = config_lib.from_dict(ExperimentConfig, settings["config"], where="config").check()
    config.train.num_train_steps = config.train.num_train_steps or _ENDLESS
    # The task asks its tokenizer only for the size of the vocabulary.
    task = make_task(config, Tokenizer(Vocabulary([*SPECIAL_TOKENS, "a"])))
    strategy = distribution.make_strategy("one_device")
    with strategy.scope():
        state = TrainState.create(task, config)
    step = TrainStep(task, config, state, strategy)
    rows = tf.data.Dataset.from_tensor_slices(synthetic.batches(settings["config"])).repeat()
    iterator = iter(strategy.experimental_distribute_dataset(rows))
    count = settings["steps_per_round"]

    def work():
        step.train_steps(iterator, tf.constant(count))
        if step.non_finite_step != NO_STEP:  # waits for the device
            raise ValueError(f"the loss is not finite at step {step.non_finite_step}.")

    return timing.rate_of(work, count * config.train.global_batch_size), {"trains": task.loss_names}
