"""Reads, splits and summarises labelled texts before training."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.labelled import tables
from bert_tf.data.labelled.columns import TextColumns
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.tasks import sets
from bert_tf.tasks.classification import look as look_labels
from bert_tf.tasks.classification.config import Config, Facts
from bert_tf.tasks.classification.examples import (
    Examples,
    TableFormat,
    encode_examples,
    read_examples,
)
from bert_tf.tasks.classification.labels import MULTI, PROBLEM_TYPES, SINGLE, in_words
from bert_tf.tasks.classification.split import split_examples
from bert_tf.tasks.sets import Files, Prepared, Split
from bert_tf.tokenization.tokenizer import Tokenizer


def table_format(
    task: Config, facts: Facts | None = None, reading: Reading = AS_NAMED
) -> TableFormat:
    """The columns of a file, from the settings and from the facts of training."""
    facts = facts or Facts()
    return TableFormat(
        text_column=task.text_column or None,
        text_pair_column=task.text_pair_column or None,
        label_column=task.label_column or None,
        label_columns=tuple(task.label_columns),
        label_separator=task.label_separator,
        header=tuple(task.header),
        problem_type=task.problem_type,
        skip_faulty_rows=task.skip_faulty_rows,
        trained=TextColumns(facts.text_column, facts.text_pair_column),
        trained_label=facts.label_column,
        reading=reading,
    )


def read(
    path: str,
    task: Config,
    facts: Facts,
    *,
    reading: Reading = AS_NAMED,
    with_labels: bool | None = True,
) -> Examples:
    """The examples of a file for a model whose labels and kind of texts are known."""
    labels = [str(label) for label in facts.labels] or None
    return read_examples(
        path,
        table_format(task, facts, reading),
        labels=labels,
        in_pairs=facts.text_pairs,
        with_labels=with_labels,
    )


def encode(examples: Examples, tokenizer: Tokenizer, max_seq_length: int) -> Split:
    """The examples and their tokens."""
    arrays = encode_examples(examples, tokenizer, max_seq_length)[0]
    return Split(examples, arrays, is_labelled=examples.label_ids is not None)


def columns_of(
    examples: Examples, names: Sequence[str], task: Config, reading: Reading
) -> dict[str, list[str]]:
    """{column: its value at each example}, read again from the file of the examples.

    Raises:
      ValueError: the file has no such column; see `tables.iterate_table`.
    """
    rows = tables.iterate_table(
        examples.path,
        columns=names,
        header=tuple(task.header),
        empty=names,
        faulty=[] if task.skip_faulty_rows else None,
        reading=reading,
    )
    values = {row.line: row.values for row in rows}
    found = zip(*(values[line] for line in examples.lines), strict=True)
    return {name: list(column) for name, column in zip(names, found, strict=True)}


def prepare(config: ExperimentConfig, files: Files, tokenizer: Tokenizer) -> Prepared:
    """Reads all files and finds the facts: labels, kind of texts, class weights, widths.

    Raises:
      ValueError: a file or setting is bad; see `read_examples` and `split_examples`.
    """
    task, data = config.task, config.data
    _check_problem_type(task)
    labels = [str(label) for label in task.labels] or None
    own_format = table_format(task, reading=files.reading)
    examples = read_examples(files.train, own_format, labels=labels, with_labels=True)
    facts = dataclasses.replace(
        task.given_facts(data),
        labels=tuple(examples.labels or ()),
        text_pairs=examples.text_pairs is not None,
        text_column=examples.columns.text,
        text_pair_column=examples.columns.pair,
        label_column=examples.label_column,
    )
    if data.max_train_examples:
        examples = examples.take(range(min(len(examples), data.max_train_examples)))
    dev, test = (
        {
            name: read(path, task, facts, reading=files.reading, with_labels=with_labels)
            for name, path in part.items()
        }
        for part, with_labels in ((files.dev, True), (files.test, None))
    )
    held_out = not dev and data.dev_fraction > 0
    if held_out:
        examples, dev["dev"] = split_examples(examples, data.dev_fraction, sets.SPLIT_SEED)
        logging.info("no evaluation file: %d of the examples are held out", len(dev["dev"]))
    every = {"train": examples, **dev, **test}
    encoded = {name: encode(part, tokenizer, data.max_seq_length) for name, part in every.items()}
    looked = look_labels.look(
        {name: (part.examples, part.arrays) for name, part in encoded.items()}
    )
    _warn_of_missing(data.max_train_examples, looked["splits"]["train"])
    arrays = encoded["train"].arrays
    if task.balance_classes:
        weights = _balanced(task, facts.labels, arrays["label_ids"])
        facts = dataclasses.replace(facts, class_weights=weights)
    return Prepared.of(
        sets.with_widths(facts, data, arrays["input_mask"]),
        encoded,
        dev=dev,
        test=test,
        looked=looked,
        look_lines=look_labels.report(looked),
        held_out={"dev.jsonl": list(_as_records(dev["dev"], task))} if held_out else {},
    )


def _check_problem_type(task: Config) -> None:
    if task.problem_type not in PROBLEM_TYPES:
        raise ValueError(
            f"task.problem_type is {task.problem_type!r}. Known: {', '.join(PROBLEM_TYPES)}."
        )
    if task.label_columns and task.problem_type != MULTI:
        raise ValueError(
            f"task.label_columns ({', '.join(task.label_columns)}) are for several labels per "
            f"text: set task.problem_type to {MULTI!r}."
        )
    if task.balance_classes and task.problem_type != SINGLE:
        raise ValueError(f"task.balance_classes is for task.problem_type {SINGLE!r}.")


def _warn_of_missing(limit: int, look: Mapping[str, Any]) -> None:
    """Warns of labels without examples, as in a sorted file with `data.max_train_examples`."""
    missing = [label for label, count in look.get("labels", {}).items() if not count]
    if missing:
        logging.warning(
            "%s: none of the training examples has the label %s%s",
            look["path"],
            ", ".join(map(repr, missing)),
            f"; only the first {limit} are read (data.max_train_examples)" * bool(limit),
        )


def _balanced(task: Config, labels: Sequence[str], label_ids: np.ndarray) -> tuple[float, ...]:
    """The weight of each label that gives all labels the same total weight."""
    if task.class_weights:
        raise ValueError("set either task.class_weights or task.balance_classes.")
    counts = np.bincount(label_ids, minlength=len(labels))
    if not counts.all():
        missing = labels[int(counts.argmin())]
        raise ValueError(f"task.balance_classes: the training data has no example of {missing!r}.")
    weights = len(label_ids) / (len(counts) * counts)
    return tuple(round(float(weight), 6) for weight in weights)


def _as_records(examples: Examples, task: Config) -> Iterable[str]:
    """Examples as lines of a file for the same settings as the training file.

    The text of a template is in one column; the name of the column is the template.
    """
    for index, text in enumerate(examples.texts):
        record = {examples.columns.text: text}
        if examples.text_pairs:
            record[examples.columns.pair] = examples.text_pairs[index]
        label = in_words(examples.label_ids[index], examples.labels)
        if task.label_columns:
            record |= {name: int(name in label) for name in task.label_columns}
        else:
            record[examples.label_column] = label
        yield json.dumps(record, ensure_ascii=False)
