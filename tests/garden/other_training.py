"""The half of test_training.py that has Keras 3 in it: a process of its own.

    python -m tests.garden.other_training FOLDER

The folder holds a checkpoint of Model Garden and experiment.json. It gets losses.json, the losses
of every step of bert_tf on synthetic batches from these weights.
"""

import json
import os
import sys

import tensorflow as tf

from benchmarks import synthetic
from bert_tf import initial_weights, model_folder
from bert_tf.config.as_json import from_json
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.tasks.task import make_task
from bert_tf.training import distribution
from bert_tf.training.step import TrainState, TrainStep


def main() -> None:
    folder = sys.argv[1]
    config = from_json(ExperimentConfig, os.path.join(folder, "experiment.json")).check()
    task = make_task(config, model_folder.load_tokenizer(folder))
    strategy = distribution.make_strategy("one_device")
    with strategy.scope():
        state = TrainState.create(task, config)
    initial_weights.initialize(state.model, folder, task.tokenizer)
    step = TrainStep(task, config, state, strategy)
    with open(os.path.join(folder, "experiment.json"), encoding="utf-8") as file:
        batches = synthetic.batches(json.load(file))
    iterator = iter(tf.data.Dataset.from_tensor_slices(batches).repeat())
    losses = []
    for _ in range(config.train.num_train_steps):
        step.train_steps(iterator, tf.constant(1))
        metrics = step.take_metrics()
        losses.append([metrics[name] for name in task.loss_names])
    with open(os.path.join(folder, "losses.json"), "w", encoding="utf-8") as file:
        json.dump(losses, file)


if __name__ == "__main__":
    main()
