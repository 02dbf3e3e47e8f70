"""The data sets of a fine-tuning run and what came out for each, whatever the task."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.cleanup import removed_on_failure
from bert_tf.tasks.task import Task

FORMAT_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Files:
    """Where the data are: {name of the set: path}; the first of `dev` is watched in training."""

    train: str
    dev: Mapping[str, str] = dataclasses.field(default_factory=dict)
    test: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Split:
    """One set: its examples, whose number is that of the rows, and what `make_dataset` takes."""

    examples: Any
    arrays: Any


@dataclasses.dataclass
class Prepared:
    """The sets of a run, by name."""

    train: Split
    dev: dict[str, Split]
    test: dict[str, Split]


@dataclasses.dataclass
class Result:
    """What came out for one set: scores ({} without labels) and `row_outputs` of its rows."""

    scores: dict[str, float]
    rows: dict[str, np.ndarray]


def write_results(
    folder: str, task: Task, prepared: Prepared, results: Mapping[str, Result]
) -> None:
    """Writes the answers to every set below predictions/, and results.json with the scores."""
    splits = {**prepared.dev, **prepared.test}
    for name, result in results.items():
        place = tf.io.gfile.join(folder, "predictions", name)
        tf.io.gfile.makedirs(place)
        for file, lines in task.prediction_files(result.rows, splits[name].arrays).items():
            write_lines(tf.io.gfile.join(place, file), lines)
    content = {
        "format_version": FORMAT_VERSION,
        "scores": {name: result.scores for name, result in results.items() if result.scores},
        "config": dataclasses.asdict(task.config),
    }
    # The last: who finds it, finds everything.
    write_lines(tf.io.gfile.join(folder, "results.json"), [json.dumps(content, indent=2)])


def write_lines(path: str, lines: Iterable[str]) -> None:
    """Writes a file beside its place, then puts it there."""
    with removed_on_failure(path + ".tmp"), tf.io.gfile.GFile(path + ".tmp", "w") as file:
        for line in lines:
            file.write(line + "\n")
    tf.io.gfile.rename(path + ".tmp", path, overwrite=True)
