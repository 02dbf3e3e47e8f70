"""Labelled texts before training and after: read, split, looked at; predictions, scores, a page.

What a run leaves in its work directory, beside what the loop and the model folder are:

    results.json                the scores of every set, the look at the data, the config
    predictions/<set>.jsonl     one line an example, in the order of the file
    dev.jsonl                   the examples that were held out, if there was no evaluation file
    report.html                 all of it to look at
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf.cleanup import removed_on_failure
from bert_tf.config import ExperimentConfig
from bert_tf.data import look, split
from bert_tf.data.classification import (
    Examples,
    TableFormat,
    encode_examples,
    read_examples,
)
from bert_tf.data.labels import MULTI, PROBLEM_TYPES, SINGLE
from bert_tf.data.length_buckets import choose_widths
from bert_tf.metrics.classification import confusion_matrix
from bert_tf.report import page
from bert_tf.tasks.classification import ClassificationTask
from bert_tf.tokenization.wordpiece import Tokenizer

FORMAT_VERSION = 1
_SPLIT_SEED = 0  # whatever the seed of the run, so that runs compare


@dataclasses.dataclass(frozen=True)
class Files:
    """Where the data are: {name of the set: path}; the first of `dev` is watched in training."""

    train: str
    dev: Mapping[str, str] = dataclasses.field(default_factory=dict)
    test: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Split:
    """Examples and what `encode_examples` made of them."""

    examples: Examples
    arrays: dict[str, np.ndarray]


@dataclasses.dataclass
class Prepared:
    """Everything that is trained on, evaluated and answered.

    Attributes:
      train: to train on.
      dev, test: {name of the set: its examples}.
      looked: what `data.look.look` found.
      held_out: whether the only set of `dev` is a part of the training file.
    """

    train: Split
    dev: dict[str, Split]
    test: dict[str, Split]
    looked: dict[str, Any]
    held_out: bool


@dataclasses.dataclass
class Result:
    """What came out for one set: scores ({} without labels) and `row_outputs` of its rows."""

    scores: dict[str, float]
    rows: dict[str, np.ndarray]


def table_format(config: ExperimentConfig) -> TableFormat:
    """Which columns of a file are what, from the config."""
    data = config.data
    return TableFormat(
        text_column=data.text_column or None,
        text_pair_column=data.text_pair_column or None,
        label_column=data.label_column or None,
        label_columns=tuple(data.label_columns),
        label_separator=data.label_separator,
        header=tuple(data.header),
        problem_type=config.task.problem_type,
        skip_faulty_rows=data.skip_faulty_rows,
    )


def read(path: str, config: ExperimentConfig, *, with_labels: bool | None = True) -> Examples:
    """The examples of a file for a model whose labels and kind of texts are in the config."""
    labels = [str(label) for label in config.task.labels] or None
    in_pairs = config.task.text_pairs
    return read_examples(
        path, table_format(config), labels=labels, in_pairs=in_pairs, with_labels=with_labels
    )


def encode(examples: Examples, config: ExperimentConfig, tokenizer: Tokenizer) -> Split:
    """Tokenized."""
    return Split(examples, encode_examples(examples, tokenizer, config.data.max_seq_length)[0])


def prepare(config: ExperimentConfig, files: Files, tokenizer: Tokenizer) -> Prepared:
    """Reads all files. What is learned from the training file goes into `config`: labels, kind of
    texts, class weights, widths.

    Raises:
      ValueError: a file or setting is bad; see `read_examples` and `split`.
    """
    _check_problem_type(config)
    labels = [str(label) for label in config.task.labels] or None
    examples = read_examples(files.train, table_format(config), labels=labels, with_labels=True)
    config.task.labels = examples.labels or ()
    config.task.text_pairs = examples.text_pairs is not None
    if config.data.max_train_examples:
        examples = examples.take(range(min(len(examples), config.data.max_train_examples)))
    dev = {name: read(path, config) for name, path in files.dev.items()}
    test = {name: read(path, config, with_labels=False) for name, path in files.test.items()}
    held_out = not dev and config.data.dev_fraction > 0
    if held_out:
        examples, dev["dev"] = split.split(examples, config.data.dev_fraction, _SPLIT_SEED)
        logging.info("no evaluation file: %d of the examples are held out", len(dev["dev"]))
    every = {"train": examples, **dev, **test}
    encoded = {name: encode(part, config, tokenizer) for name, part in every.items()}
    looked = look.look({name: (part.examples, part.arrays) for name, part in encoded.items()})
    print("\n".join(look.report(looked)), flush=True)
    train = encoded["train"]
    _balance(config, train.arrays["label_ids"])
    if config.data.num_widths and not config.data.widths:
        lengths = train.arrays["input_mask"].sum(axis=1)
        length = config.data.max_seq_length
        config.data.widths = choose_widths(lengths, length, config.data.num_widths)
        logging.info("widths of batches: %s", ", ".join(map(str, config.data.widths)))
    return Prepared(
        train,
        {name: encoded[name] for name in dev},
        {name: encoded[name] for name in test},
        looked,
        held_out,
    )


def _check_problem_type(config: ExperimentConfig) -> None:
    task, data = config.task, config.data
    if task.problem_type not in PROBLEM_TYPES:
        raise ValueError(
            f"task.problem_type is {task.problem_type!r}. Known: {', '.join(PROBLEM_TYPES)}."
        )
    if data.label_columns and task.problem_type != MULTI:
        raise ValueError(
            f"data.label_columns ({', '.join(data.label_columns)}) are for several labels at a "
            f"time: set task.problem_type to {MULTI!r}."
        )
    if task.balance_classes and task.problem_type != SINGLE:
        raise ValueError(f"task.balance_classes is for task.problem_type {SINGLE!r}.")


def _balance(config: ExperimentConfig, label_ids: np.ndarray) -> None:
    if not config.task.balance_classes:
        return
    if config.task.class_weights:
        raise ValueError("set either task.class_weights or task.balance_classes.")
    counts = np.bincount(label_ids, minlength=len(config.task.labels))
    if not counts.all():
        missing = config.task.labels[int(counts.argmin())]
        raise ValueError(f"task.balance_classes: the training data has no example of {missing!r}.")
    weights = len(label_ids) / (len(counts) * counts)
    config.task.class_weights = tuple(round(float(weight), 6) for weight in weights)


def write_results(
    folder: str,
    task: ClassificationTask,
    prepared: Prepared,
    results: Mapping[str, Result],
) -> None:
    """Writes what the head of this file lists."""
    config = task.config
    predictions = tf.io.gfile.join(folder, "predictions")
    tf.io.gfile.makedirs(predictions)
    splits = {**prepared.dev, **prepared.test}
    for name, result in results.items():
        lines = _predictions(task, splits[name].examples, result.rows["logits"])
        _write_lines(tf.io.gfile.join(predictions, f"{name}.jsonl"), lines)
    if prepared.held_out:
        held_out = prepared.dev["dev"].examples
        _write_lines(tf.io.gfile.join(folder, "dev.jsonl"), _as_records(held_out, config))
    scores = {name: result.scores for name, result in results.items() if result.scores}
    content = {
        "format_version": FORMAT_VERSION,
        "known_by": list(task.known_by),
        "scores": scores,
        "data": prepared.looked,
        "config": dataclasses.asdict(config),
    }
    sections = _sections(folder, task, prepared, results)
    page.write_page(tf.io.gfile.join(folder, "report.html"), f"Fine-tuning: {folder}", sections)
    # The last: who finds it, finds everything.
    _write_lines(tf.io.gfile.join(folder, "results.json"), [json.dumps(content, indent=2)])


def _write_lines(path: str, lines: Iterable[str]) -> None:
    with removed_on_failure(path + ".tmp"), tf.io.gfile.GFile(path + ".tmp", "w") as file:
        for line in lines:
            file.write(line + "\n")
    tf.io.gfile.rename(path + ".tmp", path, overwrite=True)


def _predictions(task: ClassificationTask, examples: Examples, logits: np.ndarray) -> Iterable[str]:
    """The lines of a predictions file: where the example stands, its label, the answer."""
    decoded = {
        name: values.numpy()
        for name, values in task.decode({"logits": tf.constant(logits)}, {}).items()
    }
    for index, line in enumerate(examples.lines):
        said = task.describe({name: values[index] for name, values in decoded.items()})
        known = {} if examples.label_ids is None else {"expected": _label(examples, index)}
        yield json.dumps({"line": line, **known, **said}, ensure_ascii=False)


def _label(examples: Examples, index: int) -> Any:
    """A label in words, several as a list, or a number."""
    label = examples.label_ids[index]
    if not examples.labels:
        return float(label)
    if label.ndim:
        return [name for name, is_one in zip(examples.labels, label, strict=True) if is_one]
    return examples.labels[label]


def _as_records(examples: Examples, config: ExperimentConfig) -> Iterable[str]:
    """Examples as a file that is read as the training file was."""
    names = _record_columns(config)
    for index, text in enumerate(examples.texts):
        record = {names[0]: text}
        if examples.text_pairs:
            record[names[1]] = examples.text_pairs[index]
        label = _label(examples, index)
        if config.data.label_columns:
            flags = {name: int(name in label) for name in config.data.label_columns}
            record |= flags
        else:
            record[names[2]] = label
        yield json.dumps(record, ensure_ascii=False)


def _record_columns(config: ExperimentConfig) -> Sequence[str]:
    """Names of text, second text and label: the config's, else usual ones."""
    data, pairs = config.data, config.task.text_pairs
    text = data.text_column or ("sentence1" if pairs else "sentence")
    return text, data.text_pair_column or "sentence2", data.label_column or "label"


def _sections(
    folder: str,
    task: ClassificationTask,
    prepared: Prepared,
    results: Mapping[str, Result],
) -> Iterable[tuple[str, str]]:
    scored = {name: result for name, result in results.items() if result.scores}
    if scored:
        names = list(dict.fromkeys(name for result in scored.values() for name in result.scores))
        rows = [[set_name, *map(r.scores.get, names)] for set_name, r in scored.items()]
        yield "Scores", page.table(["set", *names], rows)
    yield from curve_sections(folder)
    for name, result in scored.items():
        if task.problem_type == SINGLE:
            arrays = prepared.dev[name].arrays
            answers = task.answers(result.rows["logits"])
            counts = confusion_matrix(arrays["label_ids"], answers, len(task.labels))
            yield f"Confusion matrix of {name}", page.matrix(task.labels, counts.tolist())
    yield "Data", page.preformatted("\n".join(look.report(prepared.looked)))
    config = json.dumps(dataclasses.asdict(task.config), indent=2)
    yield "Config", page.preformatted(config)


def curve_sections(folder: str) -> Iterable[tuple[str, str]]:
    """Pictures of the curves in the metrics.jsonl of a work directory."""
    path = tf.io.gfile.join(folder, "metrics.jsonl")
    if not tf.io.gfile.exists(path):
        return
    with tf.io.gfile.GFile(path) as file:
        lines = [json.loads(line) for line in file.read().splitlines()]
    series = {}
    for line in lines:
        for name, value in line.items():
            series.setdefault(name, []).append((line["step"], value))
    losses = {name: series[name] for name in ("loss", "eval_loss") if name in series}
    scores = {
        name: points
        for name, points in series.items()
        if name.startswith("eval_") and not name.endswith("loss")
    }
    for head, curves in (
        ("Loss", losses),
        ("Evaluation", scores),
        ("Learning rate", {"learning_rate": series.get("learning_rate", [])}),
    ):
        if any(curves.values()):
            yield head, page.curves(curves)
