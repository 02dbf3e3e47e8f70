"""The description of an exported model: export.json for programs, a model card for people."""

import html
import importlib.metadata
import json
import platform
import posixpath
import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bert_tf import files
from bert_tf.tasks.task import Task

FORMAT_VERSION = 1
MANIFEST_FILE = "export.json"
CARD_FILE = "README.md"
_PACKAGES = ("tensorflow", "tensorflow-text", "keras", "bert-tf")

_MARKDOWN = re.compile(r"[\\`*_{}\[\]()#+!|~^$:=-]")
FORMATS = ("saved_model", "litert", "onnx")
_TYPES = {
    "format": str,
    "precision": str,
    "task": str,
    "labels": list[str],
    "takes_pairs": bool,
    "max_seq_length": int,
    "vocabulary": dict,
    "signatures": dict,
    "metrics": dict,
    "files": dict[str, dict],
}

Interface = dict[str, dict[str, dict[str, list]]]  # {signature: {"inputs"|"outputs": {name: spec}}}


def manifest(
    task: Task,
    model: keras.Model,
    *,
    format: str,
    precision: str,
    signatures: Interface,
    metrics: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of export.json.

    Args:
      task, model: what is exported.
      format, precision: "saved_model", "litert" or "onnx", and the form of its numbers.
      signatures: see `interface`.
      metrics: scores of the original model, before any loss of precision.
    """
    config, tokenizer = task.config, task.tokenizer
    return {
        "format_version": FORMAT_VERSION,
        "format": format,
        "precision": precision,
        "task": config.task.name,
        "labels": [str(label) for label in getattr(task.facts, "labels", ())],
        **task.about,
        "takes_pairs": task.takes_pairs,
        "max_seq_length": config.data.max_seq_length,
        "max_position_embeddings": config.model.longest_sequence,
        "parameters": sum(int(np.prod(weight.shape)) for weight in model.weights),
        "vocabulary": {
            "tokens": len(tokenizer),
            "sha256": tokenizer.identity,
            **tokenizer.settings(),
        },
        "signatures": signatures,
        "metrics": dict(metrics),
        "versions": {"python": platform.python_version()} | {p: _version(p) for p in _PACKAGES},
    }


def interface(functions: Mapping[str, tf.types.experimental.ConcreteFunction]) -> Interface:
    """Names, dtypes and shapes of signatures; -1 is a free dimension."""

    def spec(tensor) -> list:
        shape = tensor.shape.as_list() if tensor.shape.rank is not None else []
        return [tensor.dtype.name, [-1 if size is None else size for size in shape]]

    return {
        name: {
            "inputs": {
                key: spec(parameter.type_constraint)
                for key, parameter in sorted(function.function_type.parameters.items())
            },
            "outputs": {
                key: spec(value) for key, value in sorted(function.structured_outputs.items())
            },
        }
        for name, function in functions.items()
    }


def write(folder: str, about: dict[str, Any]) -> None:
    """Writes the manifest, with size and SHA-256 of every other file there is, and the card."""
    card = posixpath.join(folder, CARD_FILE)
    with tf.io.gfile.GFile(card, "w") as file:
        file.write(model_card(about))
    files = {
        path[len(folder) :].lstrip("/"): _digest(path)
        for path in sorted(_files_below(folder))
        if not path.endswith("/" + MANIFEST_FILE)
    }
    with tf.io.gfile.GFile(posixpath.join(folder, MANIFEST_FILE), "w") as file:
        file.write(json.dumps({**about, "files": files}, indent=2) + "\n")


def read(folder: str) -> dict[str, Any] | None:
    """The manifest in `folder`; None if there is none.

    Raises:
      ValueError: not JSON, of a newer or an unknown format, or a value of another type.
    """
    path = posixpath.join(folder, MANIFEST_FILE)
    if not tf.io.gfile.exists(path):
        return None
    about = files.read_json(
        path, highest=FORMAT_VERSION, types=_TYPES, required=("format", "files")
    )
    if about["format"] not in FORMATS:
        known = ", ".join(FORMATS)
        raise ValueError(f"{path}: format is {about['format']!r}; this bert_tf knows {known}.")
    return about


def check_files(folder: str, about: Mapping[str, Any]) -> None:
    """Compares what lies in `folder` with the sizes and hashes of the manifest.

    The card is for people, who may write into it.

    Raises:
      ValueError: a file is missing or another one than export.py wrote; names it.
    """
    for name, wanted in about["files"].items():
        path = posixpath.join(folder, name)
        if posixpath.isabs(name) or ".." in name.split("/"):
            raise ValueError(f"{folder}/{MANIFEST_FILE}: {name!r} lies outside of the folder.")
        if name == CARD_FILE:
            continue
        if not tf.io.gfile.exists(path) or _digest(path) != wanted:
            raise ValueError(
                f"{path} is missing or not what export.py wrote: its SHA-256 is not the one in "
                f"{MANIFEST_FILE}. Fetch or export it again."
            )


def model_card(about: Mapping[str, Any]) -> str:
    """The manifest as Markdown, for people. Scores that are not known are called unknown."""
    lines = [
        f"# {about['task'].replace('_', ' ').capitalize()} model",
        "",
        f"Exported by bert_tf as {about['format']} ({about['precision']}). "
        f"{about['parameters']:,} parameters, texts of up to {about['max_seq_length']} tokens; "
        "what is longer is cut or read in windows, as in training.",
        "",
        f"- Input: {'pairs of texts' if about['takes_pairs'] else 'text'}, UTF-8; bytes that are "
        "not UTF-8 are ignored. An empty text has an answer too.",
        f"- Vocabulary: {about['vocabulary']['tokens']:,} tokens, SHA-256 "
        f"{about['vocabulary']['sha256'][:16]}.",
        f"- Tokenizer: {_settings(about['vocabulary'])}.",
    ]
    if about["labels"]:
        lines.append(f"- Labels: {', '.join(map(_plain, about['labels']))}.")
    if "problem_type" in about:
        lines.append(f"- Kind of answer: {about['problem_type'].replace('_', ' ')}.")
    if about.get("columns"):
        lines.append(
            f"- Texts were made of the columns {' and '.join(map(_plain, about['columns']))}."
        )
    if "decision" in about:
        lines.append(f"- Answers are decided by: {_settings(about['decision'])}.")
    lines += ["", "## Signatures", ""]
    for name, sides in about["signatures"].items():
        told = [
            ", ".join(f"`{key}` {dtype} {shape}" for key, (dtype, shape) in sides[side].items())
            for side in ("inputs", "outputs")
        ]
        lines.append(f"- `{name}`: {told[0]} -> {told[1]}")
    lines += ["", "## Scores", "", *_scores(about["metrics"])]
    lines += ["", "## Training data, intended use, limits", "", "Not recorded: fill this in.", ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text from elsewhere in Markdown: as it is written, never a heading, a link or HTML."""
    text = _MARKDOWN.sub(r"\\\g<0>", "".join(c if c.isprintable() else " " for c in text))
    return html.escape(text, quote=False)


def _settings(vocabulary: Mapping[str, Any]) -> str:
    """The kind and the settings of a tokenizer, for people."""
    known = {name: value for name, value in vocabulary.items() if name not in ("tokens", "sha256")}
    return ", ".join(f"{name} {_plain(json.dumps(value))}" for name, value in known.items())


def _scores(metrics: Mapping[str, Any]) -> list[str]:
    found = []
    for name, value in metrics.items():
        values = value if isinstance(value, dict) else {name: value}
        found += [
            f"- {_plain(key)}: {number:.4g}"
            for key, number in values.items()
            if isinstance(number, int | float)
        ]
    return found or ["Unknown: the checkpoint came without."]


def _files_below(folder: str) -> list[str]:
    return [
        posixpath.join(root, name) for root, _, names in tf.io.gfile.walk(folder) for name in names
    ]


def _digest(path: str) -> dict[str, Any]:
    return {"bytes": tf.io.gfile.stat(path).length, "sha256": files.sha256(path)}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
