"""Ten steps of a tiny BERT on any layout of replicas, micro-batches and rows, and the comparison.

    python -m tests.training.layouts

prints the table of README: every layout against the plainest one, with dropout and without, for SGD
and AdamW. The tests compare a part of it.
"""

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from bert_tf.config.experiment import (
    BertConfig,
    DataConfig,
    ExperimentConfig,
    OptimizerConfig,
    TrainConfig,
)
from bert_tf.tasks import pretraining, replaced_tokens
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from bert_tf.training.step import TrainState, TrainStep
from tests.devices import strategy_of

STEPS = 10
ROWS, LENGTH, PREDICTIONS, VOCABULARY = 16, 8, 4, 50
OBJECTIVES = {
    "pretraining": pretraining.Config(max_predictions_per_seq=PREDICTIONS),
    "replaced_tokens": replaced_tokens.Config(
        max_predictions_per_seq=PREDICTIONS, generator_hidden_size=1.0
    ),
}
# Its true gradient is zero: what is there is rounding, which Adam scales up.
KEY_BIAS = "key/bias"
# Gradients that are measured by those of another variable: what they sum up may cancel.
_MEASURED_BY = {
    KEY_BIAS: "key/kernel",
    "seq_relationship/output_bias": "seq_relationship/output_weights",
}


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the rows of a global batch are computed.

    Attributes:
      replicas, micro_batches: how many replicas, and into how many parts each cuts its rows.
      jit_compile: forward and backward pass compiled by XLA.
      packed: two examples in each row, half as many rows.
      recompute: the backward pass computes the blocks again.
    """

    replicas: int = 1
    micro_batches: int = 1
    jit_compile: bool = False
    packed: bool = False
    recompute: bool = False

    def __str__(self):
        notes = (", XLA" if self.jit_compile else "") + (", packed rows" if self.packed else "")
        notes += ", recomputed" if self.recompute else ""
        return f"{self.replicas} x {self.micro_batches}{notes}"


@dataclasses.dataclass
class Result:
    """Of a run: what was reported [steps, values], gradients and weights by variable path."""

    curve: np.ndarray
    gradients: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]


@functools.cache
def run(layout: Layout, name: str, dropout: float = 0.1, **changes) -> Result:
    """Ten steps on `batches()` with the optimizer called `name`; `changes`: see `make_config`."""
    config = make_config(layout, name, dropout, **changes)
    task = make_task(config, WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a"])))
    strategy = strategy_of(layout.replicas)
    with strategy.scope():
        state = TrainState.create(task, config)
        state.optimizer = Recorder(state.optimizer)
    step = TrainStep(task, config, state, strategy)
    data = [packed(batch) for batch in batches()] if layout.packed else batches()
    iterator = distributed(strategy, data)
    curve, gradients = [], []
    for _ in range(STEPS):
        step.train_steps(iterator, tf.constant(1))
        curve.append(list(step.take_metrics().values()))
        gradients.append(state.optimizer.last())
    return Result(
        np.array(curve),
        {path: np.stack([of_step[path] for of_step in gradients]) for path in gradients[0]},
        {weight.path: weight.numpy() for weight in state.model.weights},
    )


def make_config(
    layout, name, dropout, dtype="float32", objective="pretraining", **optimizer
) -> ExperimentConfig:
    """Large weights, so that the gradients are not those of a model that says nothing.

    `objective`: a key of `OBJECTIVES`; `optimizer`: further settings of it.
    """
    return ExperimentConfig(
        model=BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=LENGTH,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            initializer_range=0.1,
        ),
        data=DataConfig(max_seq_length=LENGTH),
        task=OBJECTIVES[objective],
        optimizer=OptimizerConfig(
            name=name,
            **{
                "learning_rate": {"sgd": 0.1, "adamw": 1e-3, "muon": 1e-4}[name],
                "warmup_proportion": 0.2,
                "epsilon": 1e-6,
                "clip_norm": 0.0,
                **optimizer,
            },
        ),
        train=TrainConfig(
            global_batch_size=ROWS,
            num_micro_batches=layout.micro_batches,
            num_train_steps=STEPS,
            jit_compile=layout.jit_compile,
            recompute=layout.recompute,
            dtype=dtype,
        ),
    )


class Recorder:
    """An optimizer that keeps the gradients it is given. Create it in the scope of the strategy."""

    def __init__(self, optimizer):
        self._optimizer = optimizer
        self._kept = {
            path: tf.Variable(
                tf.zeros(weight.shape), False, aggregation=tf.VariableAggregation.NONE
            )
            for path, weight in optimizer.weights.items()
        }

    def __getattr__(self, name):
        return getattr(self._optimizer, name)

    def apply(self, gradients, **options):
        for variable, gradient in zip(self._kept.values(), gradients, strict=True):
            variable.assign(gradient)
        self._optimizer.apply(gradients, **options)

    def last(self):
        return {path: variable.numpy() for path, variable in self._kept.items()}


def batches() -> list[dict[str, np.ndarray]]:
    """Ten global batches with unequal numbers of masked tokens in the rows.

    The second half of the rows has none in every third batch, and the second quarter never: so a
    replica of two and of four, and a micro-batch, have a weight of 0.
    """
    random = np.random.default_rng(0)
    return [_batch(random, index) for index in range(STEPS)]


def _batch(random, index):
    lengths = random.integers(4, LENGTH + 1, size=(ROWS, 1))
    mask = (np.arange(LENGTH) < lengths).astype(np.int32)
    slots = np.arange(PREDICTIONS) < random.integers(0, PREDICTIONS + 1, size=(ROWS, 1))
    slots[ROWS // 4 : ROWS // 2] = False
    if index % 3 == 0:
        slots[ROWS // 2 :] = False
    positions = random.permuted(np.tile(np.arange(1, 4), (ROWS, 1)), axis=1)
    positions = np.concatenate([positions, np.zeros((ROWS, 1), int)], axis=1)
    ids = random.integers(5, VOCABULARY, size=(ROWS, LENGTH)) * mask
    return {
        "input_ids": ids.astype(np.int32),
        "input_mask": mask,
        "segment_ids": ((np.arange(LENGTH) >= 3) * mask).astype(np.int32),
        "masked_lm_positions": positions.astype(np.int32),
        "masked_lm_ids": random.integers(5, VOCABULARY, (ROWS, PREDICTIONS)).astype(np.int32),
        "masked_lm_weights": slots.astype(np.float32),
        "masked_lm_draws": np.random.default_rng(index).integers(
            0, 2**24, (ROWS, PREDICTIONS, 2), np.int32
        ),
        "next_sentence_labels": random.integers(0, 2, (ROWS, 1)).astype(np.int32),
        "next_sentence_weights": np.ones((ROWS, 1), np.float32),
    }


def distributed(strategy: tf.distribute.Strategy, data: list[dict[str, np.ndarray]]):
    """An iterator over global batches, each cut into those of the replicas."""
    rows = {name: np.concatenate([batch[name] for batch in data]) for name in data[0]}
    size = len(data[0]["input_ids"])
    dataset = tf.data.Dataset.from_tensor_slices(rows).batch(size, drop_remainder=True)
    return iter(strategy.experimental_distribute_dataset(dataset))


def packed(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rows 2i and 2i + 1 of the batch as one row of twice the length."""
    joined = {
        name: rows.reshape(ROWS // 2, 2 * rows.shape[1], *rows.shape[2:])
        for name, rows in batch.items()
    }
    joined["masked_lm_positions"] = joined["masked_lm_positions"] + np.repeat(
        np.array([[0, LENGTH]], np.int32), PREDICTIONS, axis=1
    )
    row = np.arange(2 * LENGTH, dtype=np.int32)
    shape = joined["input_ids"].shape
    joined["position_ids"] = np.broadcast_to(row % LENGTH, shape)
    joined["example_ids"] = ((row // LENGTH + 1) * joined["input_mask"]).astype(np.int32)
    joined["cls_positions"] = np.tile(np.array([[0, LENGTH]], np.int32), (ROWS // 2, 1))
    return joined


def _measured_by(path: str) -> str:
    for name, other in _MEASURED_BY.items():
        path = path.replace(name, other)
    return path


def differences(result: Result, reference: Result) -> tuple[float, float, float]:
    """The largest difference of a reported value (relative), of a gradient (relative to the largest
    of its matrix and step, or of that of `_MEASURED_BY`), and of a weight (absolute,
    without key biases)."""
    values = np.abs(result.curve - reference.curve) / np.maximum(np.abs(reference.curve), 1e-30)
    gradients = []
    for path, expected in reference.gradients.items():
        scale = reference.gradients[_measured_by(path)]
        axes = tuple(range(1, scale.ndim))
        error = np.abs(result.gradients[path] - expected).reshape(STEPS, -1).max(axis=1)
        gradients.append(np.max(error / np.maximum(np.abs(scale).max(axis=axes), 1e-30)))
    weights = [
        np.abs(result.weights[path] - expected).max()
        for path, expected in reference.weights.items()
        if not path.endswith(KEY_BIAS)
    ]
    return float(values.max()), float(max(gradients)), float(max(weights))


def comparisons() -> Iterator[tuple[str, np.ndarray]]:
    """Every layout against the plainest with the same masks: (what, the three `differences`)."""
    with_dropout = [
        [Layout(1, 8), Layout(2, 4), Layout(4, 2), Layout(2, 4, True)],
        [Layout(1, 4), Layout(2, 2), Layout(4, 1), Layout(1, 4, True)]
        + [Layout(2, 2, recompute=True), Layout(1, 4, True, recompute=True)],
        [Layout(1, 2), Layout(2, 1)],
    ]
    without = [Layout(1, 1), Layout(1, 2), Layout(1, 4), Layout(1, 8), Layout(2, 1), Layout(4, 2)]
    without += [Layout(1, 1, True), Layout(1, 1, packed=True), Layout(2, 2, packed=True)]
    for dropout, group in [(0.1, group) for group in with_dropout] + [(0.0, without)]:
        for layout in group[1:]:
            found = [
                differences(run(layout, name, dropout), run(group[0], name, dropout))
                for name in ("sgd", "adamw")
            ]
            yield f"{layout} | {group[0]} | {dropout}", np.max(found, axis=0)


def set_devices() -> None:
    """Four logical devices, as tests/conftest.py has them."""
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 4
    )


def main() -> None:
    """Prints the table in Markdown."""
    set_devices()
    print(
        "| replicas x micro-batches | against | dropout | losses, metrics | gradients | weights |"
    )
    print("|---|---|---|---|---|---|")
    for what, worst in comparisons():
        print(f"| {what} | {' | '.join(f'{value:.1e}' for value in worst)} |", flush=True)


if __name__ == "__main__":
    main()
