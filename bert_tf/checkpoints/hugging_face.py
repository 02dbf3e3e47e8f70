"""Hugging Face: safetensors, config.json and a tokenizer in a folder. No transformers, no torch.

Reads the classes in the model's CHECKPOINT_NAMES, with and without the prefix of the encoder
(`bert.`), with names of older versions, in float32, float16 and bfloat16, from one file or several,
and the `tf_model.h5` of transformers' TensorFlow classes. Writes folders that `from_pretrained`
loads without a warning.
"""

import dataclasses
import posixpath
from collections.abc import Collection, Mapping
from typing import Any

import ml_dtypes
import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf.checkpoints import (
    encoders,
    hdf5,
    hugging_face_tokenizer,
    mapping,
    sentence_transformers,
    tensors,
)
from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.checkpoints.found_task import found_task, labels_of, task_without_classifier
from bert_tf.checkpoints.mapping import Row, Tensors
from bert_tf.checkpoints.model_variables import heads_among, variables_among
from bert_tf.checkpoints.source_files import Files, write_json
from bert_tf.config.experiment import DataConfig
from bert_tf.config.task import Settings
from bert_tf.files import read_json
from bert_tf.models.checkpoint_names import HuggingFaceNames
from bert_tf.models.model import EncoderConfig

_NAME = "hugging_face"
_WEIGHTS = "model.safetensors"
_DTYPES = {
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}
_MULTI = "multi_label_classification"


def read(files: Files) -> Checkpoint:
    """See `checkpoint.read`."""
    config_path = files.config_file or files.find("config.json", "bert_config.json")
    if not config_path:
        raise ValueError(f"{files.folder}: config.json is missing beside the weights.")
    # Check the kind of model first: for a GPT-2, other errors would mislead.
    config = encoders.read_config(config_path, is_hugging_face=config_path.endswith("/config.json"))
    names = _names(config)
    home = _open(files)
    plain = _plain_names(home, names, files.path)
    found = Tensors(
        {name: home[full].shapes[full] for name, full in plain.items()},
        lambda name: home[plain[name]].read(plain[name]),
        files.path,
    )
    mapping.check_layers(names.rules, found, config)
    found = dataclasses.replace(found, ignored=_left_out(config, names, found))
    _keep_dtype(config, {home[full].dtypes[full] for full in plain.values()})
    paths = mapping.paths_in(names.rules, found, config.num_hidden_layers)
    num_labels = mapping.num_labels(names, found)
    values = read_json(config_path)
    dropout = _classifier_dropout(values, names.classifier_dropout, config)
    task = _task(values, heads_among(paths), num_labels, dropout)
    config, variables = variables_among(paths, config, task.name, num_labels)
    weights, rows = mapping.read(names.rules, found, variables, config)
    rows = [dataclasses.replace(row, theirs=plain[row.theirs]) for row in rows]
    tokenizer = hugging_face_tokenizer.read(files)
    data, facts = DataConfig(max_seq_length=_length(files)), None
    if task.name == "embedding":
        found_here = sentence_transformers.read(files, config, tokenizer)
        task, facts = found_here.task(task, data)
        weights, rows = found_here.with_weights(weights), [*rows, *found_here.rows]
    return Checkpoint(files.path, config, task, weights, tokenizer, data, rows, facts=facts)


def _names(config: EncoderConfig) -> HuggingFaceNames:
    """The names of the model; for an untied model with both biases of the masked-LM head.

    In a tied model, the decoder's bias is a copy of the head's bias. In an untied model, the
    decoder's bias is used and the head's bias is not.
    """
    names = encoders.names_of(config, _NAME)
    if getattr(config, "tie_word_embeddings", True) or not names.copies:
        return names
    table = {rule.theirs: rule for rule in names.rules}
    for copy, name in names.copies.items():
        rule = table[name]
        table[copy] = dataclasses.replace(rule, theirs=copy)
        table[name] = dataclasses.replace(rule, spare=f"{_NAME}/{name}")
    return dataclasses.replace(names, rules=list(table.values()), copies={})


_WeightFile = tensors.SafetensorsFile | hdf5.TransformersFile


def _open(files: Files) -> dict[str, _WeightFile]:
    """{tensor name: the file that holds it}."""
    home: dict[str, _WeightFile] = {}
    for path in _weight_files(files):
        is_hdf5 = path.endswith(".h5")
        file = hdf5.TransformersFile(path) if is_hdf5 else tensors.SafetensorsFile(path)
        twice = sorted(set(home) & set(file.shapes))
        if twice:
            raise ValueError(f"{path}: {twice[0]!r} is also in {home[twice[0]].path}.")
        home |= dict.fromkeys(file.shapes, file)
    return home


def _weight_files(files: Files) -> list[str]:
    """The requested file, or all files in the index, or the only file in the folder."""
    if files.path.endswith((".safetensors", ".h5")):
        return [files.path]
    named = files.path.endswith(".json")
    index = files.path if named else files.find(f"{_WEIGHTS}.index.json")
    if index:
        weight_map = read_json(index).get("weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise ValueError(f"{index}: expected a weight_map from tensors to files.")
        names = sorted({str(name) for name in weight_map.values()})
        if any(posixpath.basename(name) != name for name in names):
            raise ValueError(f"{index}: the files in weight_map must be in the same folder.")
        paths = [posixpath.join(files.folder, name) for name in names]
        for path in paths:
            if not tf.io.gfile.exists(path):
                raise ValueError(f"{path} is missing; {index} names it.")
        return paths
    one = files.find(_WEIGHTS)
    found = [one] if one else sorted(tf.io.gfile.glob(f"{files.folder}/*.safetensors"))
    if not found:
        one = files.find("tf_model.h5")
        found = [one] if one else sorted(tf.io.gfile.glob(f"{files.folder}/*.h5"))
    if len(found) != 1:
        raise ValueError(
            f"{files.folder}: found {len(found)} safetensors files but no {_WEIGHTS}.index.json; "
            "name the file to read."
        )
    return found


def _plain_names(home: Mapping[str, Any], names: HuggingFaceNames, source: str) -> dict[str, str]:
    """{name in the rules: name in the file}."""
    plain_names: dict[str, str] = {}
    wrapper = _wrapper(home, names)
    usual = {there: name for table in names.renamed.values() for name, there in table.items()}
    for full in home:
        plain = full.removeprefix(wrapper).removeprefix(names.prefix)
        plain = usual.get(plain, plain)
        for old, new in names.older.items():
            plain = plain.replace(old, new)
        if plain in plain_names:
            raise ValueError(
                f"{source}: {full!r} and {plain_names[plain]!r} are the same variable."
            )
        plain_names[plain] = full
    for copy, name in names.copies.items():
        if copy in plain_names and name not in plain_names:
            plain_names[name] = plain_names.pop(copy)
    return plain_names


def _wrapper(home: Mapping[str, Any], names: HuggingFaceNames) -> str:
    """The prefix of every name, if the model was inside another object when it was saved.

    DataParallel adds `module.`, torch.compile `_orig_mod.`; other classes add other prefixes.
    """
    known = mapping.by_name(names.rules, 1)
    if any(full.removeprefix(names.prefix) in known for full in home):
        return ""
    common = posixpath.commonprefix(list(home))
    return common[: common.rfind(".") + 1]


def _keep_dtype(config: EncoderConfig, dtypes: set[np.dtype]) -> None:
    """Keeps the dtype of the file's floats in the config, to write it back."""
    kept = getattr(config, "other_keys", None)
    if kept is not None:
        widths = [name for name, dtype in _DTYPES.items() if dtype in dtypes]
        kept.pop("torch_dtype", None)
        kept["dtype"] = widths[0] if len(widths) == 1 else "float32"


def _left_out(config: EncoderConfig, names: HuggingFaceNames, found: Tensors) -> dict[str, str]:
    """{their name: why it is left out}, for tensors that are not weights, and for copies.

    Raises:
      ValueError: a copy is not equal.
    """
    ignored = {name: why for name, why in names.ignored.items() if name in found.shapes}
    for copy, name in names.copies.items():
        if copy in found.shapes:
            ignored[copy] = f"the same as {name}"
            if not np.array_equal(found.read(copy), found.read(name)):
                raise ValueError(f"{found.source}: {copy} and {name} differ; expected a copy.")
    return ignored | _tied(config, names, found)


def _tied(config: EncoderConfig, names: HuggingFaceNames, found: Tensors) -> dict[str, str]:
    """{their name: why it is left out}: the masked LM's table, if the config ties it.

    Raises:
      ValueError: the config does not tie the table, but it is missing.
    """
    ignored = {}
    rules = [rule for rule in names.rules if rule.theirs not in names.tied]
    heads = heads_among(mapping.paths_in(rules, found, config.num_hidden_layers))
    for table, words in names.tied.items():
        if table not in found.shapes and "masked_lm" not in heads:
            config.tie_word_embeddings = True  # without a head there is nothing to tie
        elif table not in found.shapes and not config.tie_word_embeddings:
            raise ValueError(
                f"{found.source}: tie_word_embeddings is false in the config, but {table} is "
                "missing."
            )
        elif table in found.shapes and config.tie_word_embeddings:
            ignored[table] = "tied to the word embeddings"
            if words in found.shapes and not np.array_equal(found.read(table), found.read(words)):
                logging.warning(
                    "%s: %s is NOT the word embeddings, but the config ties them: the word "
                    "embeddings are used, as transformers does.",
                    found.source,
                    table,
                )
    return ignored


def _task(
    values: Mapping[str, Any], heads: Collection[str], num_labels: int, dropout: float
) -> Settings:
    """The task of the heads, with the labels in the config."""
    if "classifier" not in heads or {"masked_lm", "spans", "replaced_tokens"} & set(heads):
        return task_without_classifier(heads)
    classes = " ".join(map(str, values.get("architectures") or []))
    kinds = {"TokenClassification": "token_classification", "MultipleChoice": "multiple_choice"}
    name = next((kinds[kind] for kind in kinds if kind in classes), "classification")
    found = {"classifier_dropout_prob": dropout, "labels": _labels(values, num_labels)}
    if name == "classification" and num_labels == 1:
        found |= {"problem_type": "regression", "labels": ()}
    elif values.get("problem_type") == _MULTI:
        found["problem_type"] = _MULTI
    return found_task(name, **found)


def _classifier_dropout(values: Mapping[str, Any], key: str, config: EncoderConfig) -> float:
    given = values.get(key)
    dropout = getattr(config, "hidden_dropout_prob", 0.1) if given is None else given
    if not isinstance(dropout, int | float):
        raise ValueError(f"{key} is {given!r}; expected a number.")
    return dropout


def _labels(values: Mapping[str, Any], count: int) -> tuple[str, ...]:
    given = values.get("id2label")
    if not isinstance(given, dict) or set(given) != {str(i) for i in range(count)}:
        return tuple(f"LABEL_{i}" for i in range(count))
    return tuple(str(given[str(i)]) for i in range(count))


def _length(files: Files) -> int:
    """The longest text of a sentence-transformers model, or the tokenizer's limit, or 512."""
    limit = hugging_face_tokenizer.max_length(files)
    return sentence_transformers.read_length(files) or limit or 512


def losses(checkpoint: Checkpoint) -> list[str]:
    """See `checkpoint.losses`."""
    config, lost = checkpoint.config, []
    if _kind(checkpoint) not in encoders.names_of(config, _NAME).classes:
        lost.append(
            f"the head for {checkpoint.task.name}: Hugging Face has no such class for this encoder."
        )
    ours, theirs = checkpoint.tokenizer.pad_id, getattr(config, "pad_token_id", None)
    if theirs not in (None, ours):
        lost.append(
            f"the padding id of the tokenizer, {ours}: pad_token_id is {theirs}, the id that "
            "Hugging Face's positions skip."
        )
    return lost


def _kind(checkpoint: Checkpoint) -> str:
    """The key of the class in `HuggingFaceNames.classes`."""
    kind, heads = checkpoint.task.name, checkpoint.heads
    return "masked_lm" if kind == "pretraining" and "next_sentence" not in heads else kind


def write(checkpoint: Checkpoint, folder: str) -> list[Row]:
    """See `checkpoint.write`."""
    names = _names(checkpoint.config)
    class_name, has_pooler = names.classes.get(_kind(checkpoint), names.classes["embedding"])
    variables = checkpoint.variables()
    left_out = (
        [] if has_pooler else [path for path in variables.pooler if path in checkpoint.weights]
    )
    entries = mapping.write(names.rules, checkpoint.weights, variables, checkpoint.config)
    renamed = names.renamed.get(_kind(checkpoint), {})
    entries = [
        dataclasses.replace(entry, theirs=renamed.get(entry.theirs, entry.theirs))
        for entry in entries
        if entry.ours not in left_out
    ]
    if class_name != names.classes["embedding"][0]:
        entries = [
            dataclasses.replace(entry, theirs=names.prefix + entry.theirs)
            if entry.ours in variables.encoder
            else entry
            for entry in entries
        ]
    dtype = _exact_dtype(checkpoint)
    tensors.write(
        posixpath.join(folder, _WEIGHTS),
        [(entry.theirs, entry.shape, entry.read) for entry in entries],
        dtype=_DTYPES[dtype],
        metadata={"format": "pt"},
    )
    write_json(folder, "config.json", _config(checkpoint, class_name, dtype))
    hugging_face_tokenizer.write(checkpoint, folder)
    note = f"NOT WRITTEN: {class_name} has no pooler"
    rows = [Row("", None, path, variables.shapes[path], note) for path in left_out]
    rows += sentence_transformers.write(checkpoint, folder)
    return [*(entry.row for entry in entries), *rows]


def _exact_dtype(checkpoint: Checkpoint) -> str:
    """The dtype of the source, if it can hold the weights exactly; otherwise float32."""
    name = getattr(checkpoint.config, "other_keys", {}).get("dtype")
    if name not in _DTYPES or name == "float32":
        return "float32"
    for array in checkpoint.weights.values():
        with np.errstate(over="ignore"):
            if not np.array_equal(array.astype(_DTYPES[name]).astype(np.float32), array):
                return "float32"
    return name


def _config(checkpoint: Checkpoint, class_name: str, dtype: str) -> dict[str, Any]:
    config, task = checkpoint.config, checkpoint.task
    names = encoders.names_of(config, _NAME)
    values = names.to_config(config)
    for name in ("id2label", "label2id"):
        values.pop(name, None)
    model_type = names.model_type or config.model_type
    values |= {"architectures": [class_name], "model_type": model_type, "dtype": dtype}
    if not hasattr(config, "pad_token_id"):
        values["pad_token_id"] = checkpoint.tokenizer.pad_id
    has_classifier = "classifier" in checkpoint.heads
    labels = labels_of(checkpoint.facts)
    if labels:
        values["id2label"] = {str(i): label for i, label in enumerate(labels)}
        values["label2id"] = {label: i for i, label in enumerate(labels)}
    elif task.name == "question_answering" or has_classifier:
        values["num_labels"] = 2 if task.name == "question_answering" else 1
    if has_classifier:
        values[names.classifier_dropout] = task.classifier_dropout_prob
    if hasattr(task, "problem_type"):
        values["problem_type"] = task.problem_type
    return values
