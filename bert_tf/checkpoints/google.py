"""google-research: a TensorFlow 1 checkpoint (bert_model.ckpt), a configuration file, vocab.txt.

Slots of Adam and LAMB, and the step, are ignored.
"""

import posixpath
from collections.abc import Collection, Mapping
from typing import Any

import tensorflow as tf

from bert_tf.checkpoints import encoders, mapping, own_tokenizer
from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.checkpoints.found_task import found_task, labels_of, task_without_classifier
from bert_tf.checkpoints.mapping import Row, Tensors
from bert_tf.checkpoints.model_variables import HEADS_OF_TASK, heads_among, variables_among
from bert_tf.checkpoints.source_files import Files, write_json
from bert_tf.checkpoints.tensorflow_file import TensorflowFile
from bert_tf.config.task import Settings
from bert_tf.files import read_json
from bert_tf.models.model import EncoderConfig

_NAME = "google"
_HUB = "module/"  # prefix of all names in a module of TensorFlow Hub
_SLOTS = ("/adam_m", "/adam_v", "/Adam", "/Adam_1", "/lamb_m", "/lamb_v")
_COUNTERS = ("global_step", "beta1_power", "beta2_power")


def read(files: Files) -> Checkpoint:
    """See `checkpoint.read`."""
    file = TensorflowFile(files)
    config_path = find_config(files)
    config = encoders.read_config(config_path) if config_path else _inferred(file, files)
    names = encoders.names_of(config, _NAME)
    slots = [name for name in (*file.shapes, *file.others) if _is_slot(name)]
    plain = {name.removeprefix(_HUB): name for name in file.shapes if name not in slots}
    shapes = {name: file.shapes[full] for name, full in plain.items()}
    found = Tensors(
        shapes, lambda name: file.read(plain[name]), file.prefix, names.left_out(shapes)
    )
    mapping.check_layers(names.rules, found, config)
    paths = mapping.paths_in(names.rules, found, config.num_hidden_layers)
    num_labels = mapping.num_labels(names, found)
    values = read_json(config_path) if config_path else {}
    task = _task(values, heads_among(paths), num_labels)
    config, variables = variables_among(paths, config, task.name, num_labels)
    weights, rows = mapping.read(names.rules, found, variables, config)
    if slots:
        rows.append(Row(f"{len(slots)} optimizer slots and counters", None, "", None, "left out"))
    return Checkpoint(
        files.path, config, task, weights, own_tokenizer.read_google(files), rows=rows
    )


def find_config(files: Files) -> str | None:
    """The configuration file that the user named, or the one in the folder."""
    return files.config_file or files.find(*_config_files())


def _inferred(file: TensorflowFile, files: Files) -> EncoderConfig:
    """Infers the config from the tensors, for a model whose releases have no configuration file."""
    for _, names in encoders.known(_NAME):
        if names.infer is not None and any(mark in file.shapes for mark in names.marks):
            return names.infer(file.shapes, file.prefix)
    raise ValueError(
        f"{files.folder}: {' or '.join(_config_files())} is missing. Copy it to this folder, or "
        "pass it with --bert_config_file."
    )


def _config_files() -> list[str]:
    return sorted({names.config_file for _, names in encoders.known(_NAME)} | {"config.json"})


def _is_slot(name: str) -> bool:
    return name.endswith(_SLOTS) or name.rsplit("/", 1)[-1] in _COUNTERS


def _task(values: Mapping[str, Any], heads: Collection[str], num_labels: int) -> Settings:
    """The task of the heads. A configuration file of bert_tf also has the task and labels."""
    if "classifier" not in heads or {"masked_lm", "spans"} & set(heads):
        return task_without_classifier(heads)
    name = values.get("finetuning_task")
    name = name if HEADS_OF_TASK.get(str(name)) == ("classifier",) else "classification"
    labels = values.get("id2label")
    labels = tuple(map(str, labels.values())) if isinstance(labels, dict) else ()
    unnamed = tuple(f"LABEL_{i}" for i in range(num_labels))
    return found_task(name, labels=labels if len(labels) == num_labels else unnamed)


def losses(checkpoint: Checkpoint) -> list[str]:
    """See `checkpoint.losses`."""
    del checkpoint
    return []


def write(checkpoint: Checkpoint, folder: str) -> list[Row]:
    """See `checkpoint.write`."""
    config = checkpoint.config
    rules = encoders.names_of(config, _NAME).rules
    entries = mapping.write(rules, checkpoint.weights, checkpoint.variables(), config)
    tf.raw_ops.SaveV2(
        prefix=posixpath.join(folder, "bert_model.ckpt"),
        tensor_names=[entry.theirs for entry in entries],
        shape_and_slices=[""] * len(entries),
        tensors=[tf.constant(entry.read()) for entry in entries],
    )
    write_config(checkpoint, folder)
    return [entry.row for entry in entries]


def write_config(checkpoint: Checkpoint, folder: str) -> None:
    """Writes the configuration with Google's keys and flags, and the tokenizer."""
    names = encoders.names_of(checkpoint.config, _NAME)
    values = {**names.to_config(checkpoint.config), "finetuning_task": checkpoint.task.name}
    labels = labels_of(checkpoint.facts)
    if labels:
        values["id2label"] = {str(i): label for i, label in enumerate(labels)}
    write_json(folder, names.config_file, values)
    checkpoint.tokenizer.save(folder)
