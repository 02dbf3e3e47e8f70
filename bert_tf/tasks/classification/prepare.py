"""Labelled texts before training and after: read, split, looked at; a confusion matrix."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.report import page
from bert_tf.tasks import hold_out, sets
from bert_tf.tasks.classification import look as look_labels
from bert_tf.tasks.classification.examples import (
    Examples,
    TableFormat,
    encode_examples,
    read_examples,
)
from bert_tf.tasks.classification.labels import MULTI, PROBLEM_TYPES, SINGLE, in_words
from bert_tf.tasks.classification.scores import confusion_matrix
from bert_tf.tasks.classification.task import ClassificationTask
from bert_tf.tasks.sets import Files, Prepared, Result, Split
from bert_tf.tokenization.tokenizer import Tokenizer


def table_format(config: ExperimentConfig) -> TableFormat:
    """Which columns of a file are what, from the config."""
    task = config.task
    return TableFormat(
        text_column=task.text_column or None,
        text_pair_column=task.text_pair_column or None,
        label_column=task.label_column or None,
        label_columns=tuple(task.label_columns),
        label_separator=task.label_separator,
        header=tuple(task.header),
        problem_type=task.problem_type,
        skip_faulty_rows=task.skip_faulty_rows,
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
        examples, dev["dev"] = hold_out.split(examples, config.data.dev_fraction, sets.SPLIT_SEED)
        logging.info("no evaluation file: %d of the examples are held out", len(dev["dev"]))
    every = {"train": examples, **dev, **test}
    encoded = {name: encode(part, config, tokenizer) for name, part in every.items()}
    looked = look_labels.look(
        {name: (part.examples, part.arrays) for name, part in encoded.items()}
    )
    _warn_of_missing(config, looked["splits"]["train"])
    arrays = encoded["train"].arrays
    _balance(config, arrays["label_ids"])
    sets.choose_widths(config, arrays["input_mask"])
    return Prepared.of(
        encoded,
        dev=dev,
        test=test,
        looked=looked,
        look_lines=look_labels.report(looked),
        held_out={"dev.jsonl": list(_as_records(dev["dev"], config))} if held_out else {},
    )


def _check_problem_type(config: ExperimentConfig) -> None:
    task = config.task
    if task.problem_type not in PROBLEM_TYPES:
        raise ValueError(
            f"task.problem_type is {task.problem_type!r}. Known: {', '.join(PROBLEM_TYPES)}."
        )
    if task.label_columns and task.problem_type != MULTI:
        raise ValueError(
            f"task.label_columns ({', '.join(task.label_columns)}) are for several labels at a "
            f"time: set task.problem_type to {MULTI!r}."
        )
    if task.balance_classes and task.problem_type != SINGLE:
        raise ValueError(f"task.balance_classes is for task.problem_type {SINGLE!r}.")


def _warn_of_missing(config: ExperimentConfig, look: Mapping[str, Any]) -> None:
    """A file that is sorted by label loses some of them to `data.max_train_examples`."""
    missing = [label for label, count in look.get("labels", {}).items() if not count]
    limit = config.data.max_train_examples
    if missing:
        logging.warning(
            "%s: none of the training examples has the label %s%s",
            look["path"],
            ", ".join(map(repr, missing)),
            f"; only the first {limit} are read (data.max_train_examples)" * bool(limit),
        )


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


def sections(
    task: ClassificationTask, part: Split, result: Result, name: str
) -> Iterable[tuple[str, str]]:
    """The confusion matrix of a scored set."""
    if task.problem_type == SINGLE:
        answers = task.answers(result.rows["logits"])
        counts = confusion_matrix(part.arrays["label_ids"], answers, len(task.labels))
        yield f"Confusion matrix of {name}", page.matrix(task.labels, counts.tolist())


def _as_records(examples: Examples, config: ExperimentConfig) -> Iterable[str]:
    """Examples as a file that is read as the training file was."""
    names = _record_columns(config)
    for index, text in enumerate(examples.texts):
        record = {names[0]: text}
        if examples.text_pairs:
            record[names[1]] = examples.text_pairs[index]
        label = in_words(examples.label_ids[index], examples.labels)
        if config.task.label_columns:
            flags = {name: int(name in label) for name in config.task.label_columns}
            record |= flags
        else:
            record[names[2]] = label
        yield json.dumps(record, ensure_ascii=False)


def _record_columns(config: ExperimentConfig) -> Sequence[str]:
    """Names of text, second text and label: the config's, else usual ones."""
    task = config.task
    text = task.text_column or ("sentence1" if task.text_pairs else "sentence")
    return text, task.text_pair_column or "sentence2", task.label_column or "label"
