"""The data sets of a fine-tuning run and what came out for each, whatever the task."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging

from bert_tf.config import ExperimentConfig
from bert_tf.data import length_buckets


@dataclasses.dataclass(frozen=True)
class Files:
    """Where the data are: {name of the set: path}; the first of `dev` is watched in training."""

    train: str
    dev: Mapping[str, str] = dataclasses.field(default_factory=dict)
    test: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Split:
    """One set.

    Attributes:
      examples: what was read; its length is the number of rows.
      arrays: what `make_dataset` of the task takes.
    """

    examples: Any
    arrays: Any


@dataclasses.dataclass
class Prepared:
    """Everything that is trained on, evaluated and answered.

    Attributes:
      train: to train on.
      dev, test: {name of the set: it}.
      looked: what there is to know of the sets before training, for JSON.
      look_lines: the same to read.
      held_out: the lines of a file with what was held out of the training file, by its name; empty
        if there was an evaluation file.
    """

    train: Split
    dev: dict[str, Split]
    test: dict[str, Split]
    looked: dict[str, Any]
    look_lines: list[str]
    held_out: dict[str, list[str]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Result:
    """What came out for one set: scores ({} without labels) and `row_outputs` of its rows."""

    scores: dict[str, float]
    rows: dict[str, np.ndarray]


def choose_widths(config: ExperimentConfig, input_mask: np.ndarray) -> None:
    """Writes into `config` the widths that it wants chosen, from the rows of the training data.

    Args:
      config: `data.num_widths` says how many; `data.widths` stays if it is given.
      input_mask: int [R, S].
    """
    data = config.data
    if data.num_widths and not data.widths:
        lengths = input_mask.sum(axis=1)
        data.widths = length_buckets.choose_widths(lengths, data.max_seq_length, data.num_widths)
        logging.info("widths of batches: %s", ", ".join(map(str, data.widths)))
