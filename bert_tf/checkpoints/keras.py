"""Keras presets of keras-hub (keras-nlp): a backbone alone, or a task around it.

keras-hub's own classes read and write them. A preset's JSON is read as data, so it cannot make
Python import a class.
"""

import math
import posixpath
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.checkpoints import encoders, hdf5, keras_tokenizer, mapping
from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.checkpoints.found_task import found_task, labels_of
from bert_tf.checkpoints.mapping import Row, Tensors
from bert_tf.checkpoints.model_variables import HEADS_OF_TASK, Variables, variables_of
from bert_tf.checkpoints.source_files import Files
from bert_tf.config.experiment import DataConfig
from bert_tf.config.task import Settings
from bert_tf.files import read_json
from bert_tf.models.checkpoint_names import KerasNames
from bert_tf.models.model import EncoderConfig

_NAME = "keras"
_WEIGHTS, _TASK_WEIGHTS = "model.weights.h5", "task.weights.h5"
_BYTES_OF_A_LAYER = 4096  # at least; the names of its variables take more in HDF5


def read(files: Files) -> Checkpoint:
    """See `checkpoint.read`."""
    config, names = _read_config(files)
    _check_layers(config, files)
    task, settings = _read_task(files, names)
    heads = [head for head in HEADS_OF_TASK[task.name] if head != "next_sentence"]
    variables = variables_of(config, heads, task.name, len(labels_of(task)))
    _check_size(variables, files)
    model = _build(config, names, task, len(labels_of(task)))
    _load(model, files)
    values = {variable.path: variable for variable in model.weights}
    shapes = {path: tuple(variable.shape) for path, variable in values.items()}
    shapes |= _shapes_of_absent(names, variables)
    found = Tensors(
        shapes,
        lambda path: values[path].numpy() if path in values else np.zeros(shapes[path]),
        files.folder,
    )
    weights, rows = mapping.read(names.rules, found, variables, config)
    length = settings.get("sequence_length")
    data = DataConfig(max_seq_length=length if type(length) is int and length > 2 else 512)
    return Checkpoint(files.path, config, task, weights, keras_tokenizer.read(files), data, rows)


def _shapes_of_absent(names: KerasNames, variables: Variables) -> dict[str, tuple[int, ...]]:
    ours = {rule.theirs: rule.ours for rule in names.rules if rule.theirs in names.absent}
    return {
        theirs: variables.shapes[path] for theirs, path in ours.items() if path in variables.shapes
    }


def _inner(values: dict[str, Any]) -> dict[str, Any]:
    found = values.get("config")
    return found if isinstance(found, dict) else {}


def _read_config(files: Files) -> tuple[EncoderConfig, KerasNames]:
    """The config and the names of the model in the preset."""
    path = files.find("config.json")
    values = read_json(path) if path else {}
    known = {names.backbone: (cls, names) for cls, names in encoders.known(_NAME)}
    class_name = values.get("class_name")
    if not isinstance(class_name, str) or class_name not in known:
        raise ValueError(
            f"{files.folder}: config.json says class_name {class_name!r}; expected a preset of "
            f"{' or '.join(map(repr, known))}."
        )
    config_class, names = known[class_name]
    given = _inner(values)
    missing = sorted(set(names.config) - set(given))
    if missing:
        raise ValueError(f"{path}: keys are missing: {', '.join(missing)}.")
    fields = {ours: given[theirs] for theirs, ours in names.config.items()}
    for ours, number in names.larger.items():
        if type(fields[ours]) is int:  # otherwise the check of the config fails
            fields[ours] += number
    for ours, source in names.equal.items():
        fields[ours] = fields[source]
    return config_class(**fields, **names.fixed).check(path), names


def _check_layers(config: EncoderConfig, files: Files) -> None:
    """Raises ValueError if the file is too small for the layers, before they are made."""
    size = tf.io.gfile.stat(posixpath.join(files.folder, _WEIGHTS)).length
    if config.num_hidden_layers > max(size // _BYTES_OF_A_LAYER, 64):
        raise ValueError(
            f"{files.folder}: config.json has {config.num_hidden_layers:,} layers, but {_WEIGHTS} "
            f"has only {size:,} bytes. Expected files of the same model."
        )


def _check_size(variables: Variables, files: Files) -> None:
    """Raises ValueError if the file is too small for the weights, before they are allocated."""
    numbers = sum(math.prod(variables.shapes[path]) for path in variables.encoder)
    size = tf.io.gfile.stat(posixpath.join(files.folder, _WEIGHTS)).length
    if 2 * numbers > size:
        raise ValueError(
            f"{files.folder}: config.json needs {numbers:,} weights, but {_WEIGHTS} has only "
            f"{size:,} bytes. Expected files of the same model."
        )


def _read_task(files: Files, names: KerasNames) -> tuple[Settings, dict[str, Any]]:
    """The task of the head, and the settings of the preprocessor."""
    values = files.json("task.json")
    settings = _inner(files.json("preprocessor.json"))
    if not values or not files.find(_TASK_WEIGHTS):
        return found_task("embedding"), settings
    tasks = {cls: task for task, cls in names.tasks.items()}
    class_name = values.get("class_name")
    if not isinstance(class_name, str) or class_name not in tasks:
        raise ValueError(
            f"{files.folder}/task.json: class_name {class_name!r}; known: {', '.join(tasks)}."
        )
    if tasks[class_name] != "classification":
        return found_task(tasks[class_name], next_sentence=False), settings
    count, dropout = _inner(values).get("num_classes"), _inner(values).get("dropout")
    if type(count) is not int or not 0 < count <= 10**6:
        raise ValueError(
            f"{files.folder}/task.json: num_classes is {count!r}; expected a whole number."
        )
    found = {"labels": tuple(f"LABEL_{i}" for i in range(count))}
    if isinstance(dropout, float):
        found["classifier_dropout_prob"] = dropout
    return found_task("classification", **found), settings


def _build(
    config: EncoderConfig,
    names: KerasNames,
    task: Settings,
    num_labels: int,
    preprocessor=None,
):
    """keras-hub's model of the config, with random weights."""
    from keras_hub import models  # a slow import, so only where it is needed

    given = {
        theirs: getattr(config, ours) - names.larger.get(ours, 0)
        for theirs, ours in names.config.items()
    }
    backbone = getattr(models, names.backbone)(**given, dtype="float32")
    if task.name not in names.tasks:
        return backbone
    options = {}
    if task.name == "classification":
        options = {
            "num_classes": num_labels or 1,
            "dropout": task.classifier_dropout_prob,
        }
    task_class = getattr(models, names.tasks[task.name])
    return task_class(backbone=backbone, preprocessor=preprocessor, **options)


def _load(model, files: Files) -> None:
    backbone = getattr(model, "backbone", model)
    path = posixpath.join(files.folder, _WEIGHTS)
    for _ in hdf5.datasets(path):  # refuses references to other files, which Keras would follow
        pass
    try:
        backbone.load_weights(path)
        if model is not backbone:
            path = posixpath.join(files.folder, _TASK_WEIGHTS)
            model.load_task_weights(path)
    except Exception as error:  # h5py and Keras raise many classes for damaged files
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"{path}: not the weights of this preset ({reason[0]}).") from error


def losses(checkpoint: Checkpoint) -> list[str]:
    """See `checkpoint.losses`. A tokenizer of another kind is refused: no preset is without one."""
    names, task = encoders.names_of(checkpoint.config, _NAME), checkpoint.task.name
    keras_tokenizer.make(checkpoint, names.tokenizer)
    lost = []
    if task != "embedding" and task not in names.tasks:
        lost.append(f"the head for {task}: keras-hub has no such class for this encoder.")
    lost += [
        f"{rule.ours}, which is not 0: keras-hub has no such table."
        for rule in names.rules
        if rule.theirs in names.absent and np.any(checkpoint.weights.get(rule.ours, 0))
    ]
    return lost


def write(checkpoint: Checkpoint, folder: str) -> list[Row]:
    """See `checkpoint.write`. `folder` must be local, because keras-hub writes only to disks."""
    config, task = checkpoint.config, checkpoint.task
    names = encoders.names_of(config, _NAME)
    tokenizer = keras_tokenizer.make(checkpoint, names.tokenizer)
    preprocessor = _preprocessor(checkpoint, names, tokenizer)
    model = _build(config, names, task, len(labels_of(checkpoint.facts)), preprocessor)
    values = {variable.path: variable for variable in model.weights}
    rows = []
    for entry in mapping.write(names.rules, checkpoint.weights, checkpoint.variables(), config):
        if entry.theirs in values:
            values[entry.theirs].assign(entry.read())
            rows.append(entry.row)
        elif entry.theirs in names.absent:
            note = "NOT WRITTEN: it is 0 in keras-hub"
            rows.append(Row("", None, entry.ours, entry.our_shape, note))
    model.save_to_preset(folder)
    if preprocessor is None:
        tokenizer.save_to_preset(folder)
    return rows


def _preprocessor(checkpoint: Checkpoint, names: KerasNames, tokenizer):
    """keras-hub's preprocessor for the task; None for a backbone."""
    from keras_hub import models

    if checkpoint.task.name not in names.tasks:
        return None
    preprocessor = getattr(models, f"{names.tasks[checkpoint.task.name]}Preprocessor")
    return preprocessor(tokenizer, sequence_length=checkpoint.data.max_seq_length)
