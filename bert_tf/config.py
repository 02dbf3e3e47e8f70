"""The experiment config: everything that changes a number, and nothing else.

Typed dataclasses, filled by a `get_config()` in configs/*.py and overridden on the command line
with `--config.optimizer.learning_rate=2e-5`. Paths, devices and the like are flags of the scripts.
"""

import dataclasses
import json
import typing
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from bert_tf.models.bert import BertConfig

FORMAT_VERSION = 1

# The smallest values of TrainConfig.
_LEAST = {
    "global_batch_size": 1,
    "num_micro_batches": 1,
    "num_train_steps": 0,
    "num_train_epochs": 0,
    "steps_per_loop": 1,
    "eval_batch_size": 1,
    "eval_every": 0,
    "checkpoint_every": 0,
    "keep_checkpoints": 1,
    "early_stop_patience": 0,
    "spike_factor": 0,
    "seed": 0,
}


@dataclasses.dataclass
class DataConfig:
    """How text becomes batches.

    Attributes:
      max_seq_length: S, tokens of a row, [CLS] and [SEP] included.
      max_predictions_per_seq: P, slots for masked tokens in a row.
      masked_lm_prob: share of the tokens that is predicted in training.
      eval_masked_lm_prob: the same in evaluations, so that runs with other shares compare.
      do_whole_word_mask: mask all pieces of a word together.
      text_column, text_pair_column, label_column: columns of a fine-tuning file; empty: found by
        their usual names.
      max_train_examples: use only the first so many rows of a fine-tuning file; 0: all.
      skip_damaged_records: pretraining: a record that cannot be read counts nothing, instead of
        ending the run; all others keep their places. How many there were is reported.
    """

    max_seq_length: int = 128
    max_predictions_per_seq: int = 20
    masked_lm_prob: float = 0.15
    eval_masked_lm_prob: float = 0.15
    do_whole_word_mask: bool = False
    text_column: str = ""
    text_pair_column: str = ""
    label_column: str = ""
    max_train_examples: int = 0
    skip_damaged_records: bool = False


@dataclasses.dataclass
class TaskConfig:
    """What is learned.

    Attributes:
      name: module of bert_tf.tasks, for example "pretraining" or "classification".
      next_sentence: pretraining: train the next-sentence head (the data must have its labels).
      labels: classification: the labels in the order of the logits; empty: those of the training
        file.
      text_pairs: classification: an example is a pair of texts; scripts/finetune.py sets it.
      classifier_dropout_prob: classification: dropout of the pooled output.
      pooling: embedding: "mean" over the tokens, their "max", the "cls" token, or the "pooler".
      normalize: embedding: scale to length 1.
    """

    name: str = "pretraining"
    next_sentence: bool = True
    labels: tuple[str, ...] = ()
    text_pairs: bool = False
    classifier_dropout_prob: float = 0.1
    pooling: str = "mean"
    normalize: bool = True


@dataclasses.dataclass
class OptimizerConfig:
    """AdamW as google-research/bert has it, linear warm-up, linear decay to 0.

    Attributes:
      learning_rate: the peak.
      warmup_proportion: share of the steps in which the rate rises from 0.
      weight_decay: decoupled, on matrices only (no bias, no LayerNorm).
      beta_1, beta_2, epsilon: of Adam.
      bias_correction: Adam's correction of the first steps; google-research/bert has none.
      clip_norm: largest global norm of the all-reduced gradient; 0 for no clipping.
    """

    learning_rate: float = 1e-4
    warmup_proportion: float = 0.1
    weight_decay: float = 0.01
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-6
    bias_correction: bool = False
    clip_norm: float = 1.0


@dataclasses.dataclass
class TrainConfig:
    """How long and how it is trained.

    Attributes:
      global_batch_size: rows of a step, over all replicas and micro-batches.
      num_micro_batches: parts of a replica's batch that are computed one after another.
      num_train_steps: optimizer steps; 0: from num_train_epochs.
      num_train_epochs: passes over the training rows, if num_train_steps is 0.
      steps_per_loop: optimizer steps of one log line; a call of the compiled function does as many,
        or fewer if they take more than two seconds.
      eval_batch_size: rows of an evaluation step, over all replicas.
      eval_every: steps between evaluations; 0: only at the end.
      checkpoint_every: steps between checkpoints; 0: only at the end.
      keep_checkpoints: how many of the newest checkpoints stay.
      keep_best: metric of the evaluations ("masked_lm_accuracy", "loss") whose best checkpoint
        stays too; empty: none.
      model_from_best: the trained model is that of the best evaluation, not of the last step.
      early_stop_patience: ends after so many evaluations in a row that were not better (in
        `keep_best`, or in the loss); 0: never.
      on_spike: what to do when the loss is not finite, or a spike: "stop", or "skip": go back to
        the last checkpoint and on behind the rows that were read since.
      spike_factor: a spike is the loss of a log line above so many times the median of the ten
        before; 0: only a loss that is not finite counts.
      dtype: "float32" or "mixed_bfloat16".
      jit_compile: compile the forward and backward pass with XLA.
      seed: of initial weights, order, masks and dropout.
    """

    global_batch_size: int = 32
    num_micro_batches: int = 1
    num_train_steps: int = 0
    num_train_epochs: float = 3.0
    steps_per_loop: int = 10
    eval_batch_size: int = 64
    eval_every: int = 0
    checkpoint_every: int = 1000
    keep_checkpoints: int = 2
    keep_best: str = ""
    model_from_best: bool = False
    early_stop_patience: int = 0
    on_spike: str = "stop"
    spike_factor: float = 0.0
    dtype: str = "float32"
    jit_compile: bool = False
    seed: int = 0

    def resolve_steps(self, num_rows: int) -> None:
        """Sets `num_train_steps` from the epochs over `num_rows` rows, unless it is given."""
        if not self.num_train_steps:
            rows = int(self.num_train_epochs * num_rows)
            self.num_train_steps = max(1, rows // self.global_batch_size)


@dataclasses.dataclass
class ExperimentConfig:
    """One run: the model, its data, its task, its optimizer and its training."""

    model: BertConfig = dataclasses.field(default_factory=BertConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    task: TaskConfig = dataclasses.field(default_factory=TaskConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

    def check(self) -> "ExperimentConfig":
        """Returns itself; ValueError for values that cannot work together."""
        train = self.train
        if train.dtype not in ("float32", "mixed_bfloat16"):
            raise ValueError(
                f"train.dtype is {train.dtype!r}; expected 'float32' or 'mixed_bfloat16'."
            )
        if train.on_spike not in ("stop", "skip"):
            raise ValueError(f"train.on_spike is {train.on_spike!r}; expected 'stop' or 'skip'.")
        if train.model_from_best and not train.keep_best:
            raise ValueError(
                "train.model_from_best needs train.keep_best, the metric that says which is best."
            )
        if self.data.max_seq_length > self.model.max_position_embeddings:
            raise ValueError(
                f"data.max_seq_length is {self.data.max_seq_length}, but the model has "
                f"max_position_embeddings {self.model.max_position_embeddings}."
            )
        for name, least in _LEAST.items():
            if getattr(train, name) < least:
                value = getattr(train, name)
                raise ValueError(f"train.{name} is {value}; expected at least {least}.")
        if train.seed >= 2**32:
            raise ValueError(f"train.seed is {train.seed}; expected less than 2**32.")
        return self


def to_json(config: Any) -> str:
    """A config dataclass as JSON, with its `format_version`."""
    values = {"format_version": FORMAT_VERSION, **dataclasses.asdict(config)}
    return json.dumps(values, indent=2) + "\n"


def from_json(cls: type, path: str) -> Any:
    """Reads a file written by `to_json` into the dataclass `cls`.

    Raises:
      ValueError: not JSON, a newer format, or unknown keys; names the file.
    """
    with tf.io.gfile.GFile(path) as file:
        try:
            values = json.load(file)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}: not JSON ({error}).") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected a JSON object, received {values!r}.")
    version = values.pop("format_version", 1)
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ValueError(
            f"{path} has format_version {version}, this bert_tf reads up to {FORMAT_VERSION}. "
            "Install a newer bert_tf."
        )
    return from_dict(cls, values, where=path)


def from_dict(cls: type, values: Mapping[str, Any], where: str) -> Any:
    """Fills the dataclass `cls` from nested dicts; ValueError for unknown keys, with the known."""
    types = typing.get_type_hints(cls)
    unknown = sorted(set(values) - set(types))
    if unknown:
        raise ValueError(
            f"{where}: unknown keys {', '.join(unknown)}. Known: {', '.join(sorted(types))}."
        )
    arguments = {}
    for key, value in values.items():
        if dataclasses.is_dataclass(types[key]):
            if not isinstance(value, Mapping):
                raise ValueError(f"{where}: {key} is {value!r}; expected an object of keys.")
            value = from_dict(types[key], value, f"{where}: {key}")
        elif isinstance(value, list):
            value = tuple(value)
        kind = typing.get_origin(types[key]) or types[key]
        if not isinstance(value, (int, float) if kind is float else kind):
            raise ValueError(f"{where}: {key} is {value!r}; expected {kind.__name__}.")
        arguments[key] = value
    return cls(**arguments)
