"""The interface between what is learned and how it is trained, evaluated, predicted and exported.

A new objective is one file beside this one that ends in `Task = ItsClass`; it is found by the name
of its module (`config.task.name`). Its methods are traced as they are written, without AutoGraph:
what depends on the values of tensors is `tf.where`, `tf.cond` or `tf.while_loop`.

Shape suffixes: B batch, S sequence.
"""

import abc
import copy
import functools
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bert_tf.config import as_json
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.batches.in_memory import make_array_dataset
from bert_tf.models.encoder import Encoder
from bert_tf.models.model import EncoderConfig
from bert_tf.tokenization.tokenizer import Tokenizer

Batch = dict[str, tf.Tensor]
Sums = dict[str, tuple[tf.Tensor, tf.Tensor]]  # name -> (sum, weight), float32 scalars


class Task(abc.ABC):
    """One objective on one encoder.

    Args:
      config: the experiment config; a task reads `model`, `data` and `task`.
      tokenizer: turns text into the ids of the model's vocabulary.
    """

    # The terms of the loss, then the metrics: the keys of `compute_loss` and `compute_metrics`.
    loss_names: tuple[str, ...]
    metric_names: tuple[str, ...]
    # What of a batch is [B, S] and cut where rows are cut.
    token_names = ("input_ids", "input_mask", "segment_ids", "position_ids", "example_ids")

    def __init__(self, config: ExperimentConfig, tokenizer: Tokenizer):
        self.config = config
        self.tokenizer = tokenizer
        if len(tokenizer) > config.model.vocab_size:
            raise ValueError(
                f"the vocabulary has {len(tokenizer)} tokens, the embedding table only "
                f"{config.model.vocab_size} rows (model.vocab_size). Pass the vocabulary of the "
                "model, or make the model's larger."
            )

    def with_config(self, config: ExperimentConfig) -> "Task":
        """The same objective with other settings, those of a phase."""
        other = copy.copy(self)
        other.config = config
        return other

    @abc.abstractmethod
    def build_model(self) -> keras.Model:
        """A model called as `model(batch, dropout_seed=None)` that returns a dict of outputs."""

    @abc.abstractmethod
    def make_dataset(
        self, data: Any, batch_slice: Any, *, training: bool, start_row: int = 0
    ) -> tf.data.Dataset:
        """Batches of one replica each, in the order of the replicas of `batch_slice`.

        Args:
          data: where the rows are; what that is, is the task's affair (a folder, arrays).
          batch_slice: a `data.order.BatchSlice`.
          training: endless and shuffled; otherwise one pass in which every row counts once.
          start_row: training: how many rows have been consumed already.
        """

    @abc.abstractmethod
    def loss_weights(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The weight of each term of the loss, from the data alone: float32 scalars."""

    @abc.abstractmethod
    def compute_loss(self, outputs: Batch, batch: Batch) -> Sums:
        """Each term of the loss as (sum, weight); the loss is the sum of their ratios."""

    @abc.abstractmethod
    def compute_metrics(self, outputs: Batch, batch: Batch) -> Sums:
        """What else is reported, as (sum, weight): exact whatever the batches are."""

    @abc.abstractmethod
    def decode(self, outputs: Batch, batch: Batch) -> Batch:
        """What a user wants to see (labels, spans, words), in TF ops, first axis B."""

    def encode(self, texts: tf.Tensor, text_pairs: tf.Tensor | None = None) -> Batch:
        """Raw text to the model's inputs, as in training, in TF ops. Strings [B] in."""
        return self.tokenizer.encode(
            texts, text_pairs, max_seq_length=self.config.data.max_seq_length, pad=False
        )

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

    def at_its_width(self, batch: Batch, function: Callable[[Batch], Any]) -> Any:
        """`function(batch)`, with the batch's rows cut to its own width if it has one.

        A batch of rows of like length holds `width_index`, a place in `config.data.widths`. Each
        width is a branch of the graph with static shapes; all return the same shapes.
        """
        if "width_index" not in batch:
            return function(batch)
        rest = {name: rows for name, rows in batch.items() if name != "width_index"}
        branches = [
            functools.partial(function, self._cut(rest, width)) for width in self.config.data.widths
        ]
        return tf.switch_case(batch["width_index"], branches)

    def _cut(self, batch: Batch, width: int) -> Batch:
        tokens = {name: batch[name] for name in self.token_names if name in batch}
        return {**batch, **{name: rows[:, :width] for name, rows in tokens.items()}}

    def row_outputs(self, outputs: Batch, batch: Batch) -> Batch:
        """What `score` needs to know of each row of an evaluation, first axis B, with `row_ids`
        int32 [B] (-1: no row); {}: nothing.
        """
        del outputs, batch
        return {}

    def score(self, rows: dict[str, np.ndarray], data: Any) -> dict[str, float]:
        """The metrics that are no ratio of sums.

        Args:
          rows: `row_outputs` of all of `data`, by `row_ids`.
          data: what was evaluated, as `make_dataset` takes it.
        """
        del rows, data
        return {}

    @property
    def known_by(self) -> tuple[str, ...]:
        """The scores the task is known by; the first is the one to select by."""
        return self.metric_names[:1]

    def calibrate(self, rows: dict[str, np.ndarray], data: Any) -> None:
        """Sets in `config.task` what is chosen on evaluation data; arguments as `score`."""
        del rows, data

    def prediction_files(self, rows: dict[str, np.ndarray], data: Any) -> dict[str, Iterable[str]]:
        """{file name: its lines}, the answers to all of `data`; arguments as `score`."""
        del rows, data
        return {}

    @property
    def takes_pairs(self) -> bool:
        """Whether `encode` takes two texts."""
        return False

    def from_ids(self, outputs: Batch, batch: Batch) -> Batch:
        """What a model called with ids alone (`export.ids`) answered, as `decode` takes it."""
        del batch
        return outputs

    def describe(self, row: dict[str, np.ndarray]) -> dict[str, Any]:
        """One row of what `decode` gave, for JSON."""
        return {name: _plain(value) for name, value in row.items()}

    def show(self, model: keras.Model, data: Any) -> list[dict[str, Any]]:
        """What `model` makes of a few rows of the evaluation `data`, always the same ones.

        Each is `text`, with a number in brackets where something is asked; `expected` and `given`,
        the right answers and the model's, in that order. [] for a task that has nothing to show.
        """
        del model, data
        return []

    def baselines(self, dataset: tf.data.Dataset) -> dict[str, float]:
        """What somebody would score on the evaluation `dataset` without a model."""
        del dataset
        return {}


class ArrayTask(Task):
    """A task with one loss, of data that are arrays in memory (`data.arrays`)."""

    weights_name: str  # the array that says what counts in the loss

    def make_dataset(self, data, batch_slice, *, training, start_row=0):
        """See `data.in_memory.make_array_dataset`."""
        return make_array_dataset(
            data.arrays,
            weights=self.weights_name,
            batch_slice=batch_slice,
            seed=self.config.train.seed,
            training=training,
            start_row=start_row,
            widths=self.config.data.widths,
        )

    def loss_weights(self, batch):
        return {"loss": tf.reduce_sum(batch[self.weights_name])}


def _plain(value: np.ndarray) -> Any:
    value = value.tolist() if hasattr(value, "tolist") else value
    return value.decode() if isinstance(value, bytes) else value


class TaskModel(keras.Model):
    """A Keras model made from an experiment config, which is also what `get_config` returns."""

    def __init__(self, config: ExperimentConfig, *, name: str):
        super().__init__(name=name, dtype=config.train.dtype)
        self.config = config

    def get_config(self):
        return {"config": as_json.to_dict(self.config), "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        restored = as_json.from_dict(ExperimentConfig, config["config"], where=cls.__name__)
        return cls(restored, name=config["name"])


def make_task(config: ExperimentConfig, tokenizer: Tokenizer) -> Task:
    """The task whose settings `config.task` are."""
    return config.task.task_class()(config, tokenizer)


def make_encoder(config: ExperimentConfig) -> Encoder:
    """The encoder of which `config.model` is the config."""
    encoder_class = config.model.encoder_class()
    return encoder_class(config.model, dtype=config.train.dtype, recompute=config.train.recompute)


def encoder_inputs(batch: Batch, config: EncoderConfig) -> Batch:
    """Those of the batch's tensors that the encoder of this config takes."""
    return {name: batch[name] for name in config.inputs if name in batch}
