"""The experiment config: everything that changes a number, and nothing else.

Typed dataclasses, filled by a `get_config()` in configs/*.py and overridden on the command line
with `--config.optimizer.learning_rate=2e-5`. Paths, devices and the like are flags of the scripts.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from bert_tf import members
from bert_tf.config import ranges
from bert_tf.config.old_names import (
    TaskConfig,  # noqa: F401 - public, as config files of version 1 have it
    accepts_moved,
    check_handed_over,
    from_version_1,
    hand_over,
)
from bert_tf.config.phases import PhaseConfig, check_phases
from bert_tf.config.quantization import QuantizationConfig
from bert_tf.config.ranges import check_ranges
from bert_tf.config.task import Settings
from bert_tf.models.bert import BertConfig
from bert_tf.models.model import EncoderConfig

OPTIMIZERS = ("adamw", "lamb", "adafactor", "sgd", "muon")
SCHEDULES = ("linear", "polynomial", "cosine", "constant", "warmup_stable_decay")
DTYPES = ("float32", "mixed_bfloat16", "mixed_float16")


@accepts_moved
@dataclasses.dataclass
class DataConfig:
    """How text becomes batches, for every task. Settings of a single task are in its Config.

    Attributes:
      max_seq_length: S, tokens of a row, special tokens included.
      max_train_examples: fine-tuning: use only this many examples (texts, sentences, questions)
        from the start of the training file; 0: all.
      dev_fraction: fine-tuning: share of the training file to hold out if there is no evaluation
        file; 0: none.
      num_widths: fine-tuning: put rows of similar length into the same batch, and use this many
        batch widths; 0: rows in the order of the seed, all padded to max_seq_length.
      widths: the batch widths, ascending to max_seq_length; empty: chosen for the training data.
    """

    max_seq_length: int = 128
    max_train_examples: int = 0
    dev_fraction: float = 0.1
    num_widths: int = 0
    widths: tuple[int, ...] = ()

    def check(self) -> "DataConfig":
        """Returns itself; ValueError for a number out of range."""
        check_ranges("data", self, ranges.DATA)
        widths = list(self.widths)
        if widths and (sorted(set(widths)) != widths or widths[-1] != self.max_seq_length):
            raise ValueError(
                f"data.widths is {self.widths}; expected ascending widths, the last of them "
                f"data.max_seq_length ({self.max_seq_length})."
            )
        return self


@dataclasses.dataclass
class OptimizerConfig:
    """How the weights are updated. The defaults are as in google-research/bert.

    Attributes:
      name: "adamw"; "lamb" (You et al. 2020); "adafactor" (Shazeer and Stern 2018, without
        momentum); "sgd" (without momentum); "muon" (Jordan et al. 2024) for the matrices of the
        transformer blocks, with AdamW for all other weights.
      learning_rate: the highest rate, after the warm-up.
      schedule: how the rate falls after its linear warm-up: "linear", "polynomial" or "cosine"
        until the last step; "constant": it does not fall; "warmup_stable_decay": it falls linearly
        at the end (see decay_proportion).
      warmup_proportion: share of the steps in which the rate rises from 0.
      decay_proportion: for warmup_stable_decay: share of the steps in which the rate falls.
      power: for polynomial: the rate falls with this power of the share of steps that remain.
      end_learning_rate: the rate at the last step.
      weight_decay: decoupled weight decay of matrices and tables. Biases and norms have no decay,
        and no trust ratio in LAMB.
      beta_1: Adam and LAMB: how much of the first moment stays at each step.
      beta_2: Adam and LAMB: how much of the second moment stays at each step.
      epsilon: Adam and LAMB: added to the root of the second moment.
      bias_correction: AdamW: correct the moments of the first steps, as Adam does.
        google-research/bert does not. LAMB always does.
      decay_exponent: Adafactor: at each step the second moment keeps 1 - step^-decay_exponent
        of itself.
      update_clip: Adafactor: the largest root mean square of an update.
      relative_step: Adafactor: multiply the rate by the root mean square of each weight.
      momentum: Muon: how much of the momentum stays at each step.
      update_rms: Muon: root mean square of an update before the rate; 0.2 is about AdamW's.
      clip_norm: largest global norm of the all-reduced gradient; 0: no clipping.
      layer_decay: the rate of each layer is the rate of the layer above it, times this number; 1:
        all layers have the same rate.
      freeze_embeddings: do not train the embeddings.
      num_frozen_layers: do not train this many of the lowest layers.
      unfreeze_every: gradual unfreezing. The heads train first. After each this many steps, the
        next layer starts to train, from the top down; the embeddings are last. 0: all layers train
        from the start.
    """

    name: str = "adamw"
    learning_rate: float = 1e-4
    schedule: str = "linear"
    warmup_proportion: float = 0.1
    decay_proportion: float = 0.1
    power: float = 1.0
    end_learning_rate: float = 0.0
    weight_decay: float = 0.01
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-6
    bias_correction: bool = False
    decay_exponent: float = 0.8
    update_clip: float = 1.0
    relative_step: bool = False
    momentum: float = 0.95
    update_rms: float = 0.2
    clip_norm: float = 1.0
    layer_decay: float = 1.0
    freeze_embeddings: bool = False
    num_frozen_layers: int = 0
    unfreeze_every: int = 0

    def check(self) -> "OptimizerConfig":
        """Returns itself; ValueError for a name that is not known or a number out of range."""
        _check_choice("optimizer.name", self.name, OPTIMIZERS)
        _check_choice("optimizer.schedule", self.schedule, SCHEDULES)
        check_ranges("optimizer", self, ranges.OPTIMIZER)
        return self


def _check_choice(key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{key} is {value!r}; expected one of {', '.join(known)}.")


@dataclasses.dataclass
class TrainConfig:
    """How long and how the model is trained.

    Attributes:
      global_batch_size: rows of a step, over all replicas and micro-batches.
      num_micro_batches: a replica computes its part of the batch in this many pieces, one after
        another, to save memory.
      num_train_steps: optimizer steps; 0: num_train_epochs decides.
      num_train_epochs: passes over the training rows. Without effect if num_train_steps is not 0.
      phases: pretraining: parts of the run, each with its own batch size, sequence length and data.
        num_train_steps is then the sum over all phases. Empty: one phase.
      time_budget_minutes: train for this long. The first steps are timed and rolled back; their
        speed sets the number of steps. Evaluations and checkpoints take additional time. 0: no
        budget.
      steps_per_loop: optimizer steps between two log lines. A call of the compiled function does
        as many, or fewer if they take more than two seconds.
      eval_batch_size: rows of an evaluation step, over all replicas.
      eval_every: steps between evaluations; 0: only at the end.
      checkpoint_every: steps between checkpoints; 0: only at the end.
      keep_checkpoints: how many of the newest checkpoints to keep.
      num_reinitialized_layers: with --init_checkpoint: this many of the top layers, and the pooler,
        keep their random weights.
      keep_best: a metric of the evaluations, such as "masked_lm_accuracy" or "loss". The checkpoint
        with its best value is also kept. Empty: none.
      model_from_best: the trained model comes from the best evaluation, not from the last step.
      early_stop_patience: stop after this many consecutive evaluations without a better value of
        keep_best, or of the loss; 0: never.
      on_spike: what to do when the loss is not finite, or spikes: "stop", or "skip": go back to the
        last checkpoint and skip the rows that were read since then.
      spike_factor: a loss is a spike if it is more than this many times the median of the ten log
        lines before; 0: only a loss that is not finite.
      dtype: "float32", "mixed_bfloat16", or "mixed_float16" with a dynamic loss scale.
      recompute: in the backward pass, compute each transformer block again from its inputs: a third
        more computation, much less memory.
      jit_compile: compile the forward and backward pass with XLA.
      seed: of initial weights, order, masks and dropout.
    """

    global_batch_size: int = 32
    num_micro_batches: int = 1
    num_train_steps: int = 0
    num_train_epochs: float = 3.0
    phases: tuple[PhaseConfig, ...] = ()
    time_budget_minutes: float = 0.0
    steps_per_loop: int = 10
    eval_batch_size: int = 64
    eval_every: int = 0
    checkpoint_every: int = 1000
    keep_checkpoints: int = 2
    num_reinitialized_layers: int = 0
    keep_best: str = ""
    model_from_best: bool = False
    early_stop_patience: int = 0
    on_spike: str = "stop"
    spike_factor: float = 0.0
    dtype: str = "float32"
    recompute: bool = False
    jit_compile: bool = False
    seed: int = 0

    def with_steps(self, num_rows: int) -> "TrainConfig":
        """A copy with `num_train_steps` from the phases, or from the epochs over `num_rows` rows.

        With a time budget it stays 0, because training/time_budget.py decides it.
        """
        steps = self.num_train_steps
        if self.phases:
            steps = sum(phase.num_train_steps for phase in self.phases)
        elif not steps and not self.time_budget_minutes:
            if self.num_train_epochs <= 0:
                raise ValueError(
                    f"train.num_train_epochs is {self.num_train_epochs} and train.num_train_steps "
                    f"is {steps}: nothing would be trained. Expected one of them above 0."
                )
            steps = max(1, int(self.num_train_epochs * num_rows) // self.global_batch_size)
        return dataclasses.replace(self, num_train_steps=steps)


def _default_task() -> Settings:
    return members.find("tasks", "pretraining").Config()


@dataclasses.dataclass
class ExperimentConfig:
    """One run: the model, its data, its task, its optimizer and its training.

    Attributes:
      model: the Config of an encoder, `bert_tf.models.<name>.Config`.
      data: how text becomes batches.
      task: the Config of a task, `bert_tf.tasks.<name>.Config`.
      optimizer: how the weights are updated.
      train: how long and how the model is trained.
      quantization: training aware of int8.
    """

    model: EncoderConfig = dataclasses.field(default_factory=BertConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    task: Settings = dataclasses.field(default_factory=_default_task)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)
    quantization: QuantizationConfig = dataclasses.field(default_factory=QuantizationConfig)

    FORMAT_VERSION: ClassVar[int] = 2

    def __post_init__(self):
        hand_over(self)

    @classmethod
    def from_older(cls, values: Mapping[str, Any], version: int) -> dict[str, Any]:
        """The values of an older file in today's format; version 1 had one class for all tasks."""
        del version
        return from_version_1(values)[0]

    def with_steps(self, num_rows: int) -> "ExperimentConfig":
        """A copy with `train.num_train_steps`, see `TrainConfig.with_steps`."""
        return dataclasses.replace(self, train=self.train.with_steps(num_rows))

    def for_encoder(self) -> "ExperimentConfig":
        """A copy with the encoder's values for the settings that the task leaves open."""
        return dataclasses.replace(self, task=self.task.for_encoder(self.model))

    def check(self) -> "ExperimentConfig":
        """Returns itself; ValueError for values that cannot work together."""
        check_handed_over(self)
        train = self.train
        _check_choice("train.dtype", train.dtype, DTYPES)
        self.model.check("model")
        self.data.check()
        self.task.check(self)
        self.optimizer.check()
        self.quantization.check()
        check_ranges("train", train, ranges.TRAIN)
        if train.on_spike not in ("stop", "skip"):
            raise ValueError(f"train.on_spike is {train.on_spike!r}; expected 'stop' or 'skip'.")
        if train.model_from_best and not train.keep_best:
            raise ValueError(
                "train.model_from_best needs train.keep_best, the metric that says which is best."
            )
        if self.data.max_seq_length > self.model.longest_sequence:
            raise ValueError(
                f"data.max_seq_length is {self.data.max_seq_length}, but the model takes at most "
                f"{self.model.longest_sequence} tokens."
            )
        if train.time_budget_minutes and train.num_train_steps:
            raise ValueError(
                f"train.time_budget_minutes is {train.time_budget_minutes} and "
                f"train.num_train_steps is {train.num_train_steps}; one of them must be 0."
            )
        check_phases(train.phases, self)
        layers = self.model.num_hidden_layers
        for key, count in (
            ("optimizer.num_frozen_layers", self.optimizer.num_frozen_layers),
            ("train.num_reinitialized_layers", train.num_reinitialized_layers),
        ):
            if count > layers:
                raise ValueError(f"{key} is {count}, but model.num_hidden_layers is {layers}.")
        return self
