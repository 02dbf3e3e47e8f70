"""The model folder, which scripts pass to each other.

    bert_config.json       the shape of the encoder (config.json of other encoders than BERT)
    task.json              the task, its labels, the lengths
    vocab.txt, tokenizer_config.json
    model.safetensors      every weight in float32, keyed by variable path
    metrics.json           the last evaluation

It joins tasks, models, tokenizers and checkpoints of other projects, which can replace a model
folder everywhere. It knows nothing of training.
"""

import dataclasses
import functools
import json
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import hub, members
from bert_tf.checkpoints import any_tokenizer, tensors
from bert_tf.checkpoints import checkpoint as foreign
from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.checkpoints.mapping import Row, Weights
from bert_tf.checkpoints.model_variables import heads_among
from bert_tf.config import as_json
from bert_tf.config.experiment import DataConfig, ExperimentConfig
from bert_tf.config.old_names import from_version_1
from bert_tf.config.task import Facts, Settings
from bert_tf.files import new_folder, read_json, write_into
from bert_tf.layers import quantization, roles
from bert_tf.listed_names import in_short
from bert_tf.models.model import EncoderConfig
from bert_tf.tasks import embedding
from bert_tf.tasks.task import Task, make_task
from bert_tf.tokenization.tokenizer import Tokenizer

_WEIGHTS = "model.safetensors"


@dataclasses.dataclass
class _TaskFile:
    """The content of task.json.

    Attributes:
      model_module: name of the encoder.
      task, data: settings.
      facts: the facts of the task, as JSON; their class depends on `task`.
      dtype: of the training.
    """

    model_module: str
    task: Settings
    data: DataConfig
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    dtype: str = "float32"

    FORMAT_VERSION: ClassVar[int] = 2

    @classmethod
    def from_older(cls, values: Mapping[str, Any], version: int) -> dict[str, Any]:
        """Converts the values of an older file to the current format."""
        del version
        settings, facts = from_version_1(values)
        return {**settings, "facts": facts}

    @classmethod
    def read(cls, folder: str) -> tuple["_TaskFile", Facts]:
        """The file in a folder, and its facts; ValueError if it is bad."""
        path = tf.io.gfile.join(folder, "task.json")
        task_file = as_json.from_json(cls, path)
        facts = as_json.from_dict(task_file.task.FACTS, task_file.facts, f"{path}: facts")
        return task_file, facts


def save(folder: str, task: Task, model: keras.Model, metrics: Mapping[str, Any]) -> None:
    """Writes a model folder completely or not at all; replaces an older one.

    Args:
      folder: the model folder.
      task: has the config and the tokenizer.
      model: has the weights.
      metrics: for metrics.json.
    """
    checkpoint = Checkpoint(
        folder,
        task.config.model,
        task.config.task,
        Weights({weight.path: weight.numpy for weight in model.weights}),
        task.tokenizer,
        task.config.data,
        dtype=task.config.train.dtype,
        facts=task.facts,
    )
    save_checkpoint(folder, checkpoint, metrics)


def save_checkpoint(folder: str, checkpoint: Checkpoint, metrics: Mapping[str, Any]) -> list[Row]:
    """Writes a model folder from any checkpoint; returns what happened to each variable."""
    with new_folder(folder, replace=True) as temporary:
        return _write_all(temporary, checkpoint, metrics)


def _write_all(folder: str, checkpoint: Checkpoint, metrics: Mapping[str, Any]) -> list[Row]:
    config = ExperimentConfig(model=checkpoint.config, data=checkpoint.data, task=checkpoint.task)
    config.train.dtype = checkpoint.dtype
    _write_about(folder, config, checkpoint.facts, checkpoint.tokenizer)
    _write(folder, "metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())
    weights = checkpoint.weights
    shapes = {path: array.shape for path, array in weights.items()}
    tensors.write(
        tf.io.gfile.join(folder, _WEIGHTS),
        [(path, shape, functools.partial(weights.get, path)) for path, shape in shapes.items()],
        metadata={"format": "bert_tf"},
    )
    return [Row(path, shape, path, shape) for path, shape in shapes.items()]


def save_task(folder: str, task: Task) -> None:
    """Writes the files for `load_task`: a model folder without weights and metrics."""
    _write_about(folder, task.config, task.facts, task.tokenizer)


def _write_about(folder: str, config: ExperimentConfig, facts: Facts, tokenizer: Tokenizer) -> None:
    model = config.model
    task_file = _TaskFile(
        model.model_type, config.task, config.data, as_json.to_dict(facts), config.train.dtype
    )
    tokenizer.save(folder)
    _write(folder, model.CONFIG_FILE, model.to_json().encode())
    _write(folder, "task.json", as_json.to_json(task_file).encode())


def save_decisions(path: str, task: Task, metrics: Mapping[str, Any]) -> str:
    """Writes the settings and facts of a task into a model folder; weights do not change.

    Args:
      path: a model folder or work directory of bert_tf.
      task: the task of the model in it.
      metrics: replace metrics of the same name in metrics.json.

    Returns:
      The folder.

    Raises:
      ValueError: there is no such folder, or another process writes it.
    """
    folder = _find(path)
    if not folder:
        raise ValueError(f"{path}: expected a model folder or a work directory of bert_tf.")
    about = json.dumps({**read_metrics(folder), **metrics}, indent=2) + "\n"
    model = task.config.model
    task_file = _TaskFile(
        model.model_type,
        task.config.task,
        task.config.data,
        as_json.to_dict(task.facts),
        task.config.train.dtype,
    )
    write_into(folder, {"task.json": as_json.to_json(task_file), "metrics.json": about})
    return folder


def load_task(folder: str) -> Task:
    """The task in a folder written by `save_task`: tokenizer and decoding, without a model."""
    task_file, facts = _TaskFile.read(folder)
    model = _read_model_config(folder, task_file.model_module)
    config = ExperimentConfig(model=model, data=task_file.data, task=task_file.task)
    return make_task(config, Tokenizer.from_folder(folder), facts)


def read_metrics(path: str) -> dict[str, Any]:
    """The metrics.json of the model folder or work directory `path`; {} if there is none."""
    path = hub.local(path)
    file = tf.io.gfile.join(_find(path) or path, "metrics.json")
    if not tf.io.gfile.exists(file):
        return {}
    return read_json(file)


def _write(folder: str, name: str, content: bytes) -> None:
    with tf.io.gfile.GFile(tf.io.gfile.join(folder, name), "wb") as file:
        file.write(content)


def _find(path: str) -> str | None:
    """The model folder at `path`: the path itself, or `model` in a finished work directory."""
    for folder in (path, tf.io.gfile.join(path, "model")):
        weights, task, other = (
            tf.io.gfile.exists(tf.io.gfile.join(folder, name))
            for name in (_WEIGHTS, "task.json", "config.json")
        )
        if weights and (task or not other):  # Hugging Face's have a config.json
            return folder
    return None


def read_checkpoint(path: str, **files: str) -> Checkpoint:
    """Reads a model folder, finished work directory or checkpoint of another project.

    Args:
      path: the folder, file or prefix; or the name of a model, `hf://OWNER/NAME` (see `hub`).
      **files: `vocab_file` and `config_file`, see `checkpoints.checkpoint.read`.

    Raises:
      ValueError: the path is none of these, or a file is missing or damaged.
    """
    path = hub.local(path)
    folder = _find(path)
    if not folder:
        return foreign.read(path, **files)
    task_file, facts = _TaskFile.read(folder)
    file = tensors.SafetensorsFile(tf.io.gfile.join(folder, _WEIGHTS))
    readers = {name: functools.partial(file.read, name) for name in file.shapes}
    return Checkpoint(
        folder,
        _read_model_config(folder, task_file.model_module),
        task_file.task,
        Weights(readers),
        Tokenizer.from_folder(folder),
        task_file.data,
        [Row(name, shape, name, shape) for name, shape in file.shapes.items()],
        task_file.dtype,
        facts,
    )


def _read_model_config(folder: str, name: str) -> EncoderConfig:
    config_class = members.find("models", name, f"{folder}/task.json: model_module").Config
    return config_class.from_json(tf.io.gfile.join(folder, config_class.CONFIG_FILE))


def load(
    path: str, *, dtype: str | None = "float32", with_ranges: bool = False
) -> tuple[Task, keras.Model]:
    """Loads the task and the model at `path`.

    Args:
      path: see `read_checkpoint`.
      dtype: compute dtype, one of `config.DTYPES`; None: the dtype of its training, which repeats
        the scores of the training.
      with_ranges: the layers have ranges for int8, (0, 0) if the checkpoint has none. They always
        have those of the checkpoint.

    Raises:
      ValueError: a file is missing or damaged, or a weight is missing or has another shape.
    """
    return build(read_checkpoint(path), dtype=dtype, with_ranges=with_ranges)


def build(
    checkpoint: Checkpoint, *, dtype: str | None = "float32", with_ranges: bool = False
) -> tuple[Task, keras.Model]:
    """The task and the model of a checkpoint; see `load`."""
    settings, facts = _loadable(checkpoint)
    config = ExperimentConfig(model=checkpoint.config, data=checkpoint.data, task=settings)
    config.train.dtype = checkpoint.dtype if dtype is None else dtype
    has_ranges = quantization.have_ranges(checkpoint.weights)
    config.quantization.bits = 8 if has_ranges or with_ranges else 0
    task = make_task(config, checkpoint.tokenizer, facts)
    with roles.filled_later() as draw, quantization.with_ranges(config.quantization.is_on):
        model = task.build_model()
    # The head of another project can be incomplete. A random classifier would be useless.
    heads = [weight.path for weight in model.weights if heads_among([weight.path]) - {"classifier"}]
    heads += [] if has_ranges else filter(quantization.is_range, (w.path for w in model.weights))
    missing = assign(model, checkpoint.weights, source=checkpoint.source, optional=heads)
    for variable in model.weights:
        if variable.path in missing:
            draw(variable)
    return task, model


def _loadable(checkpoint: Checkpoint) -> tuple[Settings, Facts | None]:
    """Its task, or the task of an encoder alone if bert_tf has no model for the head."""
    problem = checkpoint.task.why_not_built(checkpoint.facts)
    if not problem:
        return checkpoint.task, checkpoint.facts
    logging.warning(
        "%s: bert_tf has no task for its head (%s): the encoder is loaded WITHOUT IT.",
        checkpoint.source,
        problem,
    )
    return embedding.Config(), None


def load_tokenizer(path: str, **changes: Any) -> Tokenizer:
    """Loads the tokenizer at a path, or of a name on the Hub, without a model.

    Args:
      path: a model folder, a finished work directory, the folder of a tokenizer, a checkpoint of
        another project, a vocabulary file; or `hf://OWNER/NAME` (see `hub`).
      **changes: settings that replace the settings in the files; None changes nothing.

    Example:
      tokenizer = bert_tf.load_tokenizer("vocab.txt")
      ids, starts, ends = tokenizer.tokenize_with_offsets("A single text.")

    Raises:
      ValueError: the path does not exist, has no known tokenizer, or a file is damaged.
    """
    return any_tokenizer.load_tokenizer(hub.local(path), **changes)


def assign(
    model: keras.Model,
    weights: Mapping[str, np.ndarray],
    *,
    source: str,
    optional: Collection[str] = (),
) -> list[str]:
    """Copies `weights` into the variables with the same path; warns of variables that stay random.

    Args:
      model: has the variables.
      weights: {variable path: array}.
      source: of the weights, for messages.
      optional: paths of variables that can be missing.

    Returns:
      The paths of the variables that keep their random values.

    Raises:
      ValueError: a variable that is not optional is missing, or a shape differs.
    """
    missing = [v.path for v in model.weights if v.path not in weights]
    required = [path for path in missing if path not in optional]
    if required:
        raise ValueError(f"{source}: weights are missing: {', '.join(required)}.")
    for variable in model.weights:
        if variable.path in missing:
            continue
        try:
            array = weights[variable.path]
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from error
        if tuple(array.shape) != tuple(variable.shape):
            raise ValueError(
                f"{source}: {variable.path} has shape {tuple(array.shape)}; expected the model's "
                f"shape {tuple(variable.shape)}."
            )
        variable.assign(array)
    random = [path for path in missing if not quantization.is_range(path)]
    if random:
        logging.warning("START AT RANDOM, not in %s: %s", source, in_short(random, most=8))
    unused = sorted(set(weights) - {v.path for v in model.weights})
    if unused:
        logging.info("not used of %s: %s", source, in_short(unused))
    return missing
