"""The model folder: what the scripts hand to each other.

    bert_config.json       the shape of the encoder
    task.json              the task, its labels, the lengths
    vocab.txt, tokenizer_config.json
    model.safetensors      every weight in float32, keyed by variable path
    metrics.json           the last evaluation

It joins tasks, models and the tokenizer, and knows nothing of training.
"""

import dataclasses
import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import safetensors
import safetensors.numpy
import tensorflow as tf
from absl import logging

from bert_tf import config as config_lib
from bert_tf import models
from bert_tf.cleanup import removed_on_failure
from bert_tf.config import DataConfig, ExperimentConfig, TaskConfig
from bert_tf.tasks.task import Task, make_task
from bert_tf.tokenization.wordpiece import Tokenizer

_WEIGHTS = "model.safetensors"


@dataclasses.dataclass
class _TaskFile:
    """The content of task.json."""

    model_module: str
    task: TaskConfig
    data: DataConfig


def save(folder: str, task: Task, model: keras.Model, metrics: Mapping[str, Any]) -> None:
    """Writes a model folder beside its place, then puts it there; an older one is replaced.

    Args:
      folder: where.
      task: its config and tokenizer are written.
      model: its weights are written.
      metrics: written to metrics.json.
    """
    folder = folder.rstrip("/")
    temporary = folder + ".tmp"
    if tf.io.gfile.exists(temporary):
        tf.io.gfile.rmtree(temporary)
    with removed_on_failure(temporary):
        tf.io.gfile.makedirs(temporary)
        _write_all(temporary, task, model, metrics)
    if tf.io.gfile.exists(folder):
        tf.io.gfile.rmtree(folder)
    tf.io.gfile.rename(temporary, folder)


def _write_all(folder: str, task: Task, model: keras.Model, metrics: Mapping[str, Any]) -> None:
    config = task.config
    module = type(config.model).__module__.rsplit(".", 1)[-1]
    task_file = _TaskFile(model_module=module, task=config.task, data=config.data)
    weights = {weight.path: weight.numpy() for weight in model.weights}
    task.tokenizer.save(folder)
    _write(folder, "bert_config.json", config_lib.to_json(config.model).encode())
    _write(folder, "task.json", config_lib.to_json(task_file).encode())
    _write(folder, "metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())
    _write(folder, _WEIGHTS, safetensors.numpy.save(weights, {"format": "bert_tf"}))


def _write(folder: str, name: str, content: bytes) -> None:
    with tf.io.gfile.GFile(tf.io.gfile.join(folder, name), "wb") as file:
        file.write(content)


def find(path: str) -> str:
    """The model folder that `path` means: itself, or the one in a finished work directory.

    Raises:
      ValueError: there is none.
    """
    for folder in (path, tf.io.gfile.join(path, "model")):
        if tf.io.gfile.exists(tf.io.gfile.join(folder, _WEIGHTS)):
            return folder
    raise ValueError(
        f"{path}: expected a model folder (with {_WEIGHTS}, bert_config.json, task.json and "
        "vocab.txt), or a work directory whose training has ended, which holds one as model/."
    )


def load(path: str, *, dtype: str = "float32") -> tuple[Task, keras.Model]:
    """The task and the model in the folder (or work directory) `path`.

    Args:
      path: see `find`.
      dtype: compute dtype, "float32" or "mixed_bfloat16".

    Raises:
      ValueError: a file is missing or damaged, or a weight is missing or of another shape.
    """
    folder = find(path)
    task_file = config_lib.from_json(_TaskFile, tf.io.gfile.join(folder, "task.json"))
    config = ExperimentConfig(
        model=load_model_config(folder), data=task_file.data, task=task_file.task
    )
    config.train.dtype = dtype
    task = make_task(config, Tokenizer.from_folder(folder))
    model = task.build_model()
    assign(model, read_weights(folder), source=folder, required_prefix="")
    return task, model


def config_of_checkpoint(path: str, config: Any) -> Any:
    """The encoder's config in `path`, with the dropout rates of `config`: they are not weights.

    A run that starts from a checkpoint takes its shape from there and its regularisation from the
    experiment config.
    """
    theirs = load_model_config(path)
    rates = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    return dataclasses.replace(theirs, **{name: getattr(config, name) for name in rates})


def load_model_config(path: str) -> Any:
    """The encoder's config in the folder (or work directory) `path`."""
    folder = find(path)
    task_file = config_lib.from_json(_TaskFile, tf.io.gfile.join(folder, "task.json"))
    known = sorted(module.name for module in pkgutil.iter_modules(models.__path__))
    if task_file.model_module not in known:
        raise ValueError(
            f"{folder}/task.json: unknown model_module {task_file.model_module!r}. Known: "
            f"{', '.join(known)}."
        )
    module = importlib.import_module(f"bert_tf.models.{task_file.model_module}")
    return module.Config.from_json(tf.io.gfile.join(folder, "bert_config.json"))


def read_weights(path: str) -> dict[str, np.ndarray]:
    """{variable path: float32 array} of the folder (or work directory) `path`."""
    name = tf.io.gfile.join(find(path), _WEIGHTS)
    with tf.io.gfile.GFile(name, "rb") as file:
        content = file.read()
    try:
        return safetensors.numpy.load(content)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{name}: not a whole safetensors file ({error}).") from error


def assign(
    model: keras.Model,
    weights: Mapping[str, np.ndarray],
    *,
    source: str,
    required_prefix: str = "bert/",
) -> list[str]:
    """Copies `weights` into the variables of the same path; says loudly which stay random.

    Args:
      model: gets the weights.
      weights: {variable path: array}.
      source: where they are from, for messages.
      required_prefix: variables below this path must be there; "" for all.

    Returns:
      The paths of the variables that keep their random values.

    Raises:
      ValueError: a required variable is missing, or a shape differs.
    """
    missing = [v.path for v in model.weights if v.path not in weights]
    required = [path for path in missing if path.startswith(required_prefix)]
    if required:
        raise ValueError(f"{source}: weights are missing: {', '.join(required)}.")
    for variable in model.weights:
        if variable.path in missing:
            continue
        array = weights[variable.path]
        if tuple(array.shape) != tuple(variable.shape):
            raise ValueError(
                f"{source}: {variable.path} has shape {tuple(array.shape)}, the model's has "
                f"{tuple(variable.shape)}."
            )
        variable.assign(array)
    if missing:
        logging.warning("START AT RANDOM, not in %s: %s", source, ", ".join(missing))
    unused = sorted(set(weights) - {v.path for v in model.weights})
    if unused:
        logging.info("not used of %s: %s", source, ", ".join(unused))
    return missing


def initializer(path: str | None, tokenizer: Tokenizer) -> Callable[[keras.Model], None] | None:
    """What `training.loop.train` calls to fill a new model from `path`; None for random weights."""
    return (lambda model: initialize(model, path, tokenizer)) if path else None


def initialize(model: keras.Model, path: str, tokenizer: Tokenizer) -> None:
    """Loads the encoder, and the heads that are there, from the folder or work directory `path`.

    Raises:
      ValueError: its vocabulary is not that of `tokenizer`, or weights do not fit.
    """
    theirs = Tokenizer.from_folder(find(path)).vocabulary
    if theirs.sha256 != tokenizer.vocabulary.sha256:
        raise ValueError(
            f"{path} has another vocabulary ({len(theirs)} tokens, SHA-256 {theirs.sha256[:12]}) "
            f"than the data ({len(tokenizer.vocabulary)} tokens, SHA-256 "
            f"{tokenizer.vocabulary.sha256[:12]}). Build the data with that vocabulary."
        )
    assign(model, read_weights(path), source=path)
