"""The data sets of a fine-tuning run and the results for each set, for every task."""

import dataclasses
import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from absl import logging

from bert_tf.config.experiment import DataConfig
from bert_tf.config.task import Facts
from bert_tf.data.batches import length_buckets
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.tasks import hold_out

AnyFacts = TypeVar("AnyFacts", bound=Facts)
SPLIT_SEED = 0  # the same for every seed of a run, so that runs compare


@dataclasses.dataclass(frozen=True)
class Files:
    """Paths of the data.

    Attributes:
      train: the file to train on.
      dev: {name of the set: path} of sets to evaluate; the first is also evaluated in training.
      test: {name of the set: path} of sets to predict.
      reading: format and encoding of all files.
    """

    train: str
    dev: Mapping[str, str] = dataclasses.field(default_factory=dict)
    test: Mapping[str, str] = dataclasses.field(default_factory=dict)
    reading: Reading = AS_NAMED


@dataclasses.dataclass
class Split:
    """One set.

    Attributes:
      examples: the examples in the file; their length is the number of rows.
      arrays: the data for `make_dataset` of the task.
      is_labelled: whether the right answers are known, so that the set can be scored.
    """

    examples: Any
    arrays: Any
    is_labelled: bool = True


@dataclasses.dataclass
class Prepared:
    """All data of a run, read and encoded.

    Attributes:
      facts: the facts of the data.
      train: the set to train on.
      dev, test: {name of the set: the set}.
      looked: statistics of the sets, for JSON.
      look_lines: the same statistics as lines of text.
      held_out: {file name: its lines} of the examples that were held out from the training file;
        empty if there is an evaluation file.
    """

    facts: Facts
    train: Split
    dev: dict[str, Split]
    test: dict[str, Split]
    looked: dict[str, Any]
    look_lines: list[str]
    held_out: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls,
        facts: Facts,
        encoded: Mapping[str, Split],
        *,
        dev: Iterable[str],
        test: Iterable[str],
        looked: dict[str, Any],
        look_lines: list[str],
        held_out: dict[str, list[str]],
    ) -> "Prepared":
        """Selects `train`, and the sets in `dev` and `test`, from all sets by their names."""
        dev, test = ({name: encoded[name] for name in names} for names in (dev, test))
        return cls(facts, encoded["train"], dev, test, looked, look_lines, held_out)


@dataclasses.dataclass
class Result:
    """The results for one set.

    Attributes:
      scores: {} for a set without labels.
      rows: `row_outputs` of all rows.
    """

    scores: dict[str, float]
    rows: dict[str, np.ndarray]


def hold_out_groups(
    examples: Sequence[Any],
    groups: Sequence[Hashable],
    fraction: float,
    *,
    path: str,
    names: tuple[str, str],
) -> tuple[list[Any], list[Any]]:
    """Divides the examples of a file into (training part, held-out part), by whole groups.

    Args:
      examples: in the order of the file.
      groups: the group of each example.
      fraction: share of the groups to hold out, between 0 and 1.
      path: of the file, for messages.
      names: the names of examples and groups in messages.

    Raises:
      ValueError: there are too few groups.
    """
    keys = list(dict.fromkeys(groups))
    held_out = hold_out.hold_out(keys, np.zeros(len(keys), int), fraction, SPLIT_SEED)
    hold_out.check_both(held_out, path, names[1], fraction)
    chosen = set(itertools.compress(keys, held_out))
    parts = [], []
    for example, group in zip(examples, groups, strict=True):
        parts[group in chosen].append(example)
    logging.info("no evaluation file: %d of the %s are held out", len(parts[1]), names[0])
    return parts


def with_widths(facts: AnyFacts, data: DataConfig, input_mask: np.ndarray) -> AnyFacts:
    """The facts with the widths of batches, chosen for the rows of the training data.

    Args:
      facts: existing widths do not change.
      data: has `num_widths`.
      input_mask: int [R, S], or [R, C, S] for rows of several sequences.
    """
    if not data.num_widths or facts.widths:
        return facts
    lengths = length_buckets.row_lengths(input_mask)
    widths = length_buckets.choose_widths(lengths, data.max_seq_length, data.num_widths)
    logging.info("widths of batches: %s", ", ".join(map(str, widths)))
    return dataclasses.replace(facts, widths=tuple(widths))
