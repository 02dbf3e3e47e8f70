"""The contract of a task, for every package in bert_tf.tasks.

A task is a folder `bert_tf/tasks/<name>/` (or one module outside bert_tf). Its `__init__` exports
`Config`, the settings. `Config.task_class` returns the class of the task, which has up to three
roles: it learns (`Learn`), it is scored (`Score`), it serves (`Serve`).

The methods are traced without AutoGraph: use `tf.where`, `tf.cond` or `tf.while_loop` if code
depends on the values of tensors.

Shape suffixes: B batch, S sequence.
"""

import abc
import copy
import dataclasses
import functools
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from bert_tf.analysis.judged import Judged
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.config.task import Facts
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.labelled import records
from bert_tf.data.labelled.columns import Known
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.tasks import changed_settings
from bert_tf.tasks.sets import Files, Prepared, Result, Split
from bert_tf.tokenization.tokenizer import Tokenizer

Batch = dict[str, tf.Tensor]
NOTHING: Mapping[str, str] = types.MappingProxyType({})
Sums = dict[str, tuple[tf.Tensor, tf.Tensor]]  # name -> (sum, weight), float32 scalars


class Task(abc.ABC):
    """One task on one encoder: the common part of all roles.

    Args:
      config: the settings; a task reads `model`, `data` and `task`.
      tokenizer: turns text into the ids of the model's vocabulary.
      facts: the facts of the data, such as labels.

    Attributes:
      reading: format and encoding of the files that the task reads.
    """

    reading: Reading = AS_NAMED

    def __init__(self, config: ExperimentConfig, tokenizer: Tokenizer, facts: Facts):
        self.config = config
        self.tokenizer = tokenizer
        self.facts = facts
        if len(tokenizer) > config.model.vocab_size:
            raise ValueError(
                f"the vocabulary has {len(tokenizer)} tokens, but the embedding table has only "
                f"{config.model.vocab_size} rows (model.vocab_size). Pass the vocabulary of the "
                "model, or increase model.vocab_size."
            )

    def with_config(self, config: ExperimentConfig) -> Self:
        """The same task with other settings, for example for a phase."""
        other = copy.copy(self)
        other.config = config
        return other

    def with_facts(self, facts: Facts) -> Self:
        """The same task with other facts, for example a fitted threshold."""
        other = copy.copy(self)
        other.facts = facts
        return other

    def with_reading(self, reading: Reading, given: Mapping[str, str] = NOTHING) -> Self:
        """The same task for files with other columns or formats.

        Args:
          reading: their format and encoding.
          given: {setting: text} of the command line; only settings in `Settings.READING`.

        Raises:
          ValueError: another setting, or a bad value.
        """
        settings = changed_settings.changed(self.config.task, given)
        other = self.with_config(dataclasses.replace(self.config, task=settings))
        other.reading = reading
        return other

    @abc.abstractmethod
    def build_model(self) -> keras.Model:
        """A model called as `model(batch, dropout_seed=None)` that returns a dict of outputs."""

    def companions(self, model: keras.Model) -> dict[str, tuple["Task", keras.Model]]:
        """{folder: (task, model)}: additional models that the training made."""
        del model
        return {}

    def scored(self, model: keras.Model) -> tuple["Task", keras.Model]:
        """The task and the model of the evaluations of a training; by default unchanged."""
        return self, model

    def served(self, model: keras.Model) -> tuple["Task", keras.Model]:
        """The task and the model without parts for training only; by default unchanged."""
        return self, model


class Learn(Task):
    """A task with an objective.

    Class attributes:
      loss_names: the terms of the loss, the keys of `compute_loss`.
      metric_names: the keys of `compute_metrics`.
      token_names: entries of a batch whose last axis is S; they are cut like the rows. A row can
        hold several sequences: [B, S], or [B, C, S] for C sequences.
    """

    loss_names: tuple[str, ...]
    metric_names: tuple[str, ...]
    token_names = ("input_ids", "input_mask", "segment_ids", "position_ids", "example_ids")

    @classmethod
    def prepare(cls, config: ExperimentConfig, files: Files, tokenizer: Tokenizer) -> Prepared:
        """Reads the files of a fine-tuning run and finds the facts. It changes no setting.

        Args:
          config: the settings.
          files: where the data sets are.
          tokenizer: of the model.

        Raises:
          ValueError: a file or a setting is bad.
        """
        raise ValueError(
            f"the task {config.task.name!r} reads no files of examples; {config.task.TRAINED_BY} "
            "trains it."
        )

    def check_data(self, data: Any, *, training: bool) -> None:
        """Checks that the data fits this model.

        Args:
          data: as for `make_dataset`.
          training: whether it is training data; evaluation data can differ more.

        Raises:
          ValueError: the data was made for another model.
        """
        del data, training

    @abc.abstractmethod
    def make_dataset(
        self, data: Any, batch_slice: BatchSlice, *, training: bool, start_row: int = 0
    ) -> tf.data.Dataset:
        """Batches of one replica each, in the order of the replicas of `batch_slice`.

        Args:
          data: the rows, in a form that depends on the task: a folder, arrays.
          batch_slice: the part of each global batch that this worker reads.
          training: endless and shuffled; otherwise one pass in which every row counts once.
          start_row: in training, the number of rows consumed so far.
        """

    @abc.abstractmethod
    def loss_weights(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The weight of each term of the loss, from only the data: float32 scalars."""

    @abc.abstractmethod
    def compute_loss(self, outputs: Batch, batch: Batch) -> Sums:
        """Each term of the loss as (sum, weight); the loss is the sum of their ratios."""

    @abc.abstractmethod
    def compute_metrics(self, outputs: Batch, batch: Batch) -> Sums:
        """Other metrics, as (sum, weight), so that they are exact for any batch size."""

    @property
    def names(self) -> tuple[str, ...]:
        """The losses, then the metrics."""
        return (*self.loss_names, *self.metric_names)

    def stack(self, sums: Sums) -> tf.Tensor:
        """The pairs of all `names` as one float32 [len(names), 2]."""
        return tf.stack([tf.stack(sums[name]) for name in self.names])

    def ratios(self, totals: np.ndarray) -> dict[str, float]:
        """The reported values of added-up `stack`s: sum / weight; `loss` is the sum of losses."""
        pairs = zip(self.names, totals, strict=True)
        values = {name: float(s / weight) if weight else 0.0 for name, (s, weight) in pairs}
        return {**values, "loss": sum(values[name] for name in self.loss_names)}

    def problem(self, values: Mapping[str, float]) -> str:
        """A problem of a training with these values, for the log after its warm-up; "": none."""
        del values
        return ""

    def at_its_width(self, batch: Batch, function: Callable[[Batch], Any]) -> Any:
        """`function(batch)`, with the rows of the batch cut to its own width if it has one.

        A batch of rows of similar length has `width_index`, an index into `facts.widths`. Each
        width is a branch of the graph with static shapes; all branches return the same shapes.
        """
        if "width_index" not in batch:
            return function(batch)
        rest = {name: rows for name, rows in batch.items() if name != "width_index"}
        branches = [
            functools.partial(function, self._cut(rest, width)) for width in self.facts.widths
        ]
        return tf.switch_case(batch["width_index"], branches)

    def _cut(self, batch: Batch, width: int) -> Batch:
        tokens = {name: batch[name] for name in self.token_names if name in batch}
        return {**batch, **{name: rows[..., :width] for name, rows in tokens.items()}}


class Score(Task):
    """A task that can be scored on data with the right answers."""

    @abc.abstractmethod
    def read(self, path: str, scratch: str) -> Split:
        """Reads a set to score, with `self.reading` and the settings.

        Args:
          path: a file, or other data of the task.
          scratch: a folder for temporary files; it must exist as long as the set is used.

        Raises:
          ValueError: the set is bad, or was made for another model.
        """

    def row_outputs(self, outputs: Batch, batch: Batch) -> Batch:
        """The outputs of each row of an evaluation that `score` needs, first axis B.

        Includes `row_ids` int32 [B] (-1: no row). {} if `score` needs nothing.
        """
        del outputs, batch
        return {}

    def score(self, rows: dict[str, np.ndarray], data: Any) -> dict[str, float]:
        """The metrics that are not a ratio of sums.

        Args:
          rows: `row_outputs` of all of `data`, in the order of `row_ids`.
          data: the evaluated data, as for `make_dataset`.
        """
        del rows, data
        return {}

    @property
    def known_by(self) -> tuple[str, ...]:
        """Names of the headline metrics; the first selects the best model."""
        return self.metric_names[:1]

    def calibrate(self, rows: dict[str, np.ndarray], data: Any) -> Facts:
        """The facts with values fitted on evaluation data; arguments as for `score`."""
        del rows, data
        return self.facts

    def baselines(self, dataset: tf.data.Dataset) -> dict[str, float]:
        """The scores of a constant answer on the evaluation `dataset`."""
        del dataset
        return {}

    def prediction_files(self, rows: dict[str, np.ndarray], data: Any) -> dict[str, Iterable[str]]:
        """{file name: its lines} with the answers for all of `data`; arguments as for `score`."""
        del rows, data
        return {}

    def judge(self, part: Split, rows: dict[str, np.ndarray]) -> Judged | None:
        """What became of each row of a labelled set, from its `row_outputs`; None: no analysis."""
        del part, rows
        return None

    def set_columns(self, part: Split, names: Sequence[str]) -> dict[str, list[str]]:
        """{column: its value in each row} of the file; {} for files without named columns."""
        del part, names
        return {}

    def sections(self, part: Split, result: Result, name: str) -> Iterable[tuple[str, str]]:
        """(title, HTML) of more parts of the report page, for the scored set `name`."""
        del part, result, name
        return ()

    def show(self, model: keras.Model, data: Any) -> list[dict[str, Any]]:
        """The answers of `model` for a few rows of `data`, always the same rows; [] for none.

        Each has `text`, with a number in brackets for each question; and `expected` and `given`,
        the right answers and the model's, in the order of the numbers.
        """
        del model, data
        return []


class Serve(Task):
    """A task that answers raw text, as predict.py and exported models do."""

    def encode(self, texts: tf.Tensor, text_pairs: tf.Tensor | None = None) -> Batch:
        """Turns raw text, string [B], into the model's inputs, as in training, in TF ops."""
        return self.tokenizer.encode(
            texts, text_pairs, max_seq_length=self.config.data.max_seq_length, pad=False
        )

    @abc.abstractmethod
    def decode(self, outputs: Batch, batch: Batch) -> Batch:
        """The answers for a user (labels, spans, words), in TF ops, first axis B."""

    def decide(self, probabilities: tf.Tensor) -> Batch:
        """The result of `decode` for changed `probabilities` [B, L], in TF ops.

        Only for a task that passes `check_has_temperature`.
        """
        del probabilities
        self.check_has_temperature()
        raise NotImplementedError(f"{type(self).__name__} does not say its decide()")

    @property
    def about(self) -> dict[str, Any]:
        """Values of the task for the manifest of an export, besides the labels, for JSON."""
        return {}

    def describe(self, row: dict[str, np.ndarray]) -> dict[str, Any]:
        """One row of the output of `decode`, for JSON."""
        return {name: _plain(value) for name, value in row.items()}

    @property
    def takes_pairs(self) -> bool:
        """Whether `encode` takes two texts."""
        return False

    def read_line(self, line: str) -> tuple[tuple[str, ...], dict[str, Any]]:
        """A line of predict.py's input.

        Returns:
          The texts for `encode`; the values of the line that the answer repeats.

        Raises:
          ValueError: this task cannot read the line.
        """
        if not self.takes_pairs:
            return (line,), {"text": line}
        texts = tuple(line.split("\t"))
        if len(texts) != 2:
            raise ValueError(
                f"found {len(texts)} column(s); this model takes two texts with a tab between them."
            )
        return texts, {"text": line}

    @property
    def columns(self) -> Known:
        """The columns of a table with the texts for `encode`; by default those with usual names."""
        return Known()

    def iterate_objects(
        self, path: str | None, reading: Reading, known: Known
    ) -> Iterable[tuple[int, dict[str, Any]]]:
        """Yields (line or number, record) of every row of a table; `known` is from `columns`."""
        return records.iterate_objects(path, reading, known.header, known.wanted.names())

    def from_ids(self, outputs: Batch, batch: Batch) -> Batch:
        """Converts the outputs of a model of ids (`export.ids`) for `decode`."""
        del batch
        return outputs

    def read_calibration(self, path: str) -> tuple[Sequence[Sequence[str]], np.ndarray]:
        """(columns of texts, the id of each right label): data on which to fit a temperature.

        Only for a task whose `decode` gives `probabilities` of labels, one of which is right.

        Raises:
          ValueError: this is another task.
        """
        del path
        self.check_has_temperature()
        raise NotImplementedError(f"{type(self).__name__} does not say its read_calibration()")

    def check_has_temperature(self) -> None:
        """Raises ValueError unless `decode` gives `probabilities` of labels, one of them right."""
        raise ValueError(
            "--temperature and --calibration_data are for a classifier with one label per text; "
            f"this model is {self.config.task.name!r}. Leave them out."
        )


def _plain(value: np.ndarray) -> Any:
    value = value.tolist() if hasattr(value, "tolist") else value
    return value.decode() if isinstance(value, bytes) else value


def make_task(config: ExperimentConfig, tokenizer: Tokenizer, facts: Facts | None = None) -> Task:
    """Makes the task of the settings `config.task`.

    Args:
      config: the settings.
      tokenizer: of the model.
      facts: the facts of the data; None: only the facts in the settings, for example `labels`.
    """
    facts = config.task.given_facts(config.data) if facts is None else facts
    return config.task.task_class()(config, tokenizer, facts)
