"""The experiment config: everything that changes a number, and nothing else.

Typed dataclasses, filled by a `get_config()` in configs/*.py and overridden on the command line
with `--config.optimizer.learning_rate=2e-5`. Paths, devices and the like are flags of the scripts.
"""

import dataclasses

from bert_tf.config import ranges
from bert_tf.config.phases import PhaseConfig, check_phases
from bert_tf.config.ranges import check_ranges
from bert_tf.models.bert import BertConfig

OPTIMIZERS = ("adamw", "lamb", "adafactor", "sgd", "muon")
SCHEDULES = ("linear", "polynomial", "cosine", "constant", "warmup_stable_decay")
DTYPES = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass
class DataConfig:
    """How text becomes batches.

    Attributes:
      max_seq_length: S, tokens of a row, [CLS] and [SEP] included.
      max_predictions_per_seq: P, slots for masked tokens in a row.
      masked_lm_prob: share of the tokens that is predicted in training.
      eval_masked_lm_prob: the same in evaluations, so that runs with other shares compare.
      do_whole_word_mask: mask all pieces of a word together.
      max_ngram: mask n-grams of up to so many words, 1/n as often as single words (ALBERT: 3);
        needs do_whole_word_mask. 1: single words.
      position_range: pretraining: rows shorter than this begin at a random position of so many, so
        that short rows teach all positions (Kiyono et al. 2021); 0: all begin at 0.
      text_column, text_pair_column, label_column: columns of a fine-tuning file; empty: found by
        their usual names.
      label_columns: several labels, one 0/1 column each, in place of label_column.
      label_separator: stands between several labels in one column.
      header: names of the columns of a fine-tuning file that has no header line.
      skip_faulty_rows: leave out (and count) labelled rows that are ragged or hold an empty text.
      max_train_examples: use only the first so many rows (sentences, questions) of a fine-tuning
        file; 0: all.
      skip_damaged_records: pretraining: a record that cannot be read counts nothing, instead of
        ending the run; all others keep their places. How many there were is reported.
      dev_fraction: fine-tuning: share of the training file that is held out where there is no
        evaluation file; 0: none.
      num_widths: fine-tuning: rows of like length come together in batches of so many widths;
        0: rows in the order of the seed, all padded to max_seq_length.
      widths: those widths, the last max_seq_length; empty: chosen for the training data.
      doc_stride: tokens between the beginnings of two windows over a text that is longer than a
        row.
      max_query_length: tokens of a question, at most half of the row; the rest of the row is for
        its context.
      skip_bad_answers: leave out training questions whose answer is not in their context.
      tag_scheme: of a file of tags: "iob1", "iob2", "bioes", "plain", or "auto": found out.
      repair_tags: read a tag that cannot stand where it does as the beginning of an entity.
      document_context: rows of tagged words reach over whole documents, not single sentences.
    """

    max_seq_length: int = 128
    max_predictions_per_seq: int = 20
    masked_lm_prob: float = 0.15
    eval_masked_lm_prob: float = 0.15
    do_whole_word_mask: bool = False
    max_ngram: int = 1
    position_range: int = 0
    text_column: str = ""
    text_pair_column: str = ""
    label_column: str = ""
    label_columns: tuple[str, ...] = ()
    label_separator: str = ","
    header: tuple[str, ...] = ()
    skip_faulty_rows: bool = False
    max_train_examples: int = 0
    skip_damaged_records: bool = False
    dev_fraction: float = 0.1
    num_widths: int = 0
    widths: tuple[int, ...] = ()
    doc_stride: int = 64
    max_query_length: int = 64
    skip_bad_answers: bool = False
    tag_scheme: str = "auto"
    repair_tags: bool = False
    document_context: bool = False

    def check(self) -> "DataConfig":
        """Returns itself; ValueError for a number out of range, or masks that cannot be."""
        check_ranges("data", self, ranges.DATA)
        if self.max_ngram > 1 and not self.do_whole_word_mask:
            raise ValueError(
                f"data.max_ngram is {self.max_ngram}, but data.do_whole_word_mask is false; "
                "n-grams are of whole words: set it to true, or data.max_ngram to 1."
            )
        return self


@dataclasses.dataclass
class TaskConfig:
    """What is learned.

    Attributes:
      name: module of bert_tf.tasks, for example "pretraining" or "classification".
      next_sentence: pretraining: train the next-sentence head (the data must have its labels).
      labels: classification: the labels in the order of the logits; empty: those of the training
        file.
      text_pairs: classification: an example is a pair of texts; scripts/finetune.py sets it.
      problem_type: classification: "single_label_classification", "multi_label_classification" or
        "regression" (then `labels` is empty and the label column holds numbers).
      class_weights: classification: weight of each label in the loss, in the order of `labels`
        (several labels: of the examples that have it); empty: all 1.
      balance_classes: classification: class_weights from the training data, so that every label
        weighs the same in sum.
      metrics: classification: the scores the task is known by, the first is the one to select by;
        empty: accuracy, micro_f1 or spearman.
      classifier_dropout_prob: classification: dropout of the pooled output.
      classifier_pooling: classification: what the classifier sees of a text, as `pooling`. "mean"
        for encoders that never learned next sentences, whose pooler starts at random.
      pooling: embedding: "mean" over the tokens, their "max", the "cls" token, or the "pooler".
      normalize: embedding: scale to length 1.
      tag_scheme: token_classification: that of the labels: "iob1", "iob2", "bioes", "plain", or
        "auto": iob2 for the labels of a training file with entities, else what the labels say.
      null_answers: question_answering: there are questions without an answer (SQuAD 2.0);
        scripts/finetune.py sets it.
      null_threshold: question_answering: no answer, if its score is better by more than this;
        scripts/finetune.py sets it to the best on the evaluation data.
      max_answer_length: question_answering: tokens of the longest answer.
      n_best: question_answering: how many answers are kept for each question.
      answer_metric: question_answering: "squad", or "cmrc" for Chinese.
    """

    name: str = "pretraining"
    next_sentence: bool = True
    labels: tuple[str, ...] = ()
    text_pairs: bool = False
    problem_type: str = "single_label_classification"
    class_weights: tuple[float, ...] = ()
    balance_classes: bool = False
    metrics: tuple[str, ...] = ()
    classifier_dropout_prob: float = 0.1
    classifier_pooling: str = "pooler"
    pooling: str = "mean"
    normalize: bool = True
    tag_scheme: str = "auto"
    null_answers: bool = False
    null_threshold: float = 0.0
    max_answer_length: int = 30
    n_best: int = 20
    answer_metric: str = "squad"


@dataclasses.dataclass
class OptimizerConfig:
    """How the weights move. The defaults are those of google-research/bert.

    Attributes:
      name: "adamw"; "lamb" (You et al. 2020); "adafactor" (Shazeer and Stern 2018, without
        momentum); "sgd" (without momentum); "muon" (Jordan et al. 2024) for the matrices of the
        transformer blocks, AdamW for all else.
      learning_rate: the peak.
      schedule: how the rate falls after its linear warm-up: "linear"; "polynomial"; "cosine";
        "constant" (it does not); "warmup_stable_decay" (only at the end, in a straight line).
      warmup_proportion: share of the steps in which the rate rises from 0.
      decay_proportion: warmup_stable_decay: share of the steps in which it falls.
      power: polynomial: of the share of steps that remain.
      end_learning_rate: the rate at the last step.
      weight_decay: decoupled, on matrices only (no bias, no LayerNorm, which LAMB's trust ratio
        leaves alone too).
      beta_1, beta_2, epsilon: of Adam and LAMB.
      bias_correction: AdamW: Adam's correction of the first steps; google-research/bert has none.
        LAMB always has it.
      decay_exponent: Adafactor: the second moment forgets with 1 - step^-decay_exponent.
      update_clip: Adafactor: largest root mean square of an update.
      relative_step: Adafactor: multiply the rate by the root mean square of each weight.
      momentum: Muon: share of the momentum that stays.
      update_rms: Muon: root mean square of an update before the rate; 0.2 is about AdamW's.
      clip_norm: largest global norm of the all-reduced gradient; 0 for no clipping.
      layer_decay: each layer learns at the rate of the one above it times this; 1 for all alike.
      freeze_embeddings: the embeddings do not move.
      num_frozen_layers: so many of the lowest layers do not move.
      unfreeze_every: gradual unfreezing: the heads train first, and after each so many steps one
        more layer, from the top down, the embeddings last; 0: all train from the start.
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
    """How long and how it is trained.

    Attributes:
      global_batch_size: rows of a step, over all replicas and micro-batches.
      num_micro_batches: parts of a replica's batch that are computed one after another.
      num_train_steps: optimizer steps; 0: from num_train_epochs.
      num_train_epochs: passes over the training rows, if num_train_steps is 0.
      phases: pretraining: the steps cut into stretches with other batch sizes, lengths and data, of
        which num_train_steps is the sum; empty: one stretch.
      time_budget_minutes: instead of both: as many steps as fit, from the speed of the first ones,
        which are then undone. Evaluations and checkpoints come on top. 0: no budget.
      steps_per_loop: optimizer steps of one log line; a call of the compiled function does as many,
        or fewer if they take more than two seconds.
      eval_batch_size: rows of an evaluation step, over all replicas.
      eval_every: steps between evaluations; 0: only at the end.
      checkpoint_every: steps between checkpoints; 0: only at the end.
      keep_checkpoints: how many of the newest checkpoints stay.
      num_reinitialized_layers: with --init_checkpoint: so many of the top layers, and the pooler,
        keep their random weights.
      keep_best: metric of the evaluations ("masked_lm_accuracy", "loss") whose best checkpoint
        stays too; empty: none.
      model_from_best: the trained model is that of the best evaluation, not of the last step.
      early_stop_patience: ends after so many evaluations in a row that were not better (in
        `keep_best`, or in the loss); 0: never.
      on_spike: what to do when the loss is not finite, or a spike: "stop", or "skip": go back to
        the last checkpoint and on behind the rows that were read since.
      spike_factor: a spike is the loss of a log line above so many times the median of the ten
        before; 0: only a loss that is not finite counts.
      dtype: "float32", "mixed_bfloat16", or "mixed_float16" with a dynamic loss scale.
      recompute: the backward pass computes each transformer block a second time, from its inputs:
        a third more computation for a fraction of the memory.
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

    def resolve_steps(self, num_rows: int) -> None:
        """Sets `num_train_steps` from the phases, or the epochs over `num_rows` rows, if it is 0.

        With a time budget it stays 0: training/time_budget.py decides.
        """
        if self.phases:
            self.num_train_steps = sum(phase.num_train_steps for phase in self.phases)
        elif not self.num_train_steps and not self.time_budget_minutes:
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
        _check_choice("train.dtype", train.dtype, DTYPES)
        self.model.check("model")
        self.data.check()
        check_ranges("task", self.task, ranges.TASK)
        self.optimizer.check()
        check_ranges("train", train, ranges.TRAIN)
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
        if not 0 <= self.data.position_range <= self.model.max_position_embeddings:
            raise ValueError(
                f"data.position_range is {self.data.position_range}; expected 0, or at most "
                f"model.max_position_embeddings ({self.model.max_position_embeddings})."
            )
        widths = list(self.data.widths)
        if widths and (sorted(set(widths)) != widths or widths[-1] != self.data.max_seq_length):
            raise ValueError(
                f"data.widths is {self.data.widths}; expected ascending widths of which the last "
                f"is data.max_seq_length ({self.data.max_seq_length})."
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
