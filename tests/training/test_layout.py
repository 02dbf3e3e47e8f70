"""Layout does not change the maths: replicas, micro-batches and XLA, dropout included."""

import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.order import BatchSlice
from bert_tf.training.loop import train
from bert_tf.training.step import TrainState, TrainStep
from tests.devices import strategy_of

# One global batch of 16 as four micro-batches: (replicas, micro-batches of each, XLA).
LAYOUTS = {
    "four micro-batches": (1, 4, False),
    "two replicas of two": (2, 2, False),
    "four micro-batches, XLA": (1, 4, True),
    "two replicas of two, XLA": (2, 2, True),
}


def run(make_run, records, folder, replicas, micro_batches, jit_compile=False, **changes):
    """(losses and metrics of every step, final weights, final evaluation)."""
    task, config = make_run(num_micro_batches=micro_batches, jit_compile=jit_compile, **changes)
    model, evaluation = train(
        task,
        config,
        train_data=records,
        eval_data=records,
        work_dir=str(folder),
        strategy=strategy_of(replicas),
    )
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    curve = [[line[name] for name in (*task.names, "loss")] for line in lines if "loss" in line]
    return np.array(curve), {w.path: w.numpy() for w in model.weights}, evaluation


@pytest.fixture(scope="module")
def reference():
    """Keeps the result of the first layout for all the others."""
    return {}


def weight_difference(a, b):
    """The largest; key biases have no gradient but rounding, which Adam scales up."""
    return max(np.abs(a[path] - b[path]).max() for path in a if not path.endswith("key/bias"))


@pytest.mark.parametrize("name", list(LAYOUTS)[1:])
def test_layouts_with_the_same_micro_batches_train_the_same(
    name, reference, make_run, records, tmp_path
):
    if not reference:
        first = run(make_run, records, tmp_path / "first", *LAYOUTS["four micro-batches"])
        reference["result"] = first
    curve, weights, evaluation = reference["result"]
    other_curve, other_weights, other_evaluation = run(
        make_run, records, tmp_path / "other", *LAYOUTS[name]
    )
    assert curve.shape == (10, 5)
    np.testing.assert_allclose(other_curve, curve, rtol=1e-5)
    assert weight_difference(weights, other_weights) < 1e-5
    assert other_evaluation == pytest.approx(evaluation, rel=1e-5)


def test_clipped_without_dropout_neither_parts_nor_replicas_matter(make_run, records, tmp_path):
    """A gradient clipped before it is reduced would differ: the parts' norms are larger."""
    options = {"dropout": 0.0, "optimizer": {"clip_norm": 0.1}}
    whole = run(make_run, records, tmp_path / "whole", 1, 1, **options)
    parts = run(make_run, records, tmp_path / "parts", 1, 4, **options)
    replicas = run(make_run, records, tmp_path / "replicas", 2, 1, **options)
    for other in (parts, replicas):
        np.testing.assert_allclose(other[0], whole[0], rtol=1e-5)
        assert weight_difference(other[1], whole[1]) < 1e-5


def test_the_gradient_of_a_micro_batch_without_masked_tokens_is_finite(make_run, records):
    """One denominator for the global batch: a part of weight 0 contributes 0, not NaN."""
    task, config = make_run(num_micro_batches=4, dropout=0.0)
    state = TrainState.create(task, config)
    step = TrainStep(task, config, state, strategy_of(1))
    batch = next(iter(task.make_dataset(records, BatchSlice(16), training=True)))
    weights = batch["masked_lm_weights"].numpy()
    weights[4:8] = 0.0  # the second micro-batch
    batch["masked_lm_weights"] = tf.constant(weights)
    expected = whole_batch_loss(task, state.model, batch)
    step.train_steps(iter(tf.data.Dataset.from_tensors(batch)), tf.constant(1))
    assert step.take_metrics()["loss"] == pytest.approx(expected, rel=1e-5)


def whole_batch_loss(task, model, batch):
    """The loss on the whole batch, divided once."""
    losses = task.compute_loss(model(batch), batch)
    return sum(float(value) / float(weight) for value, weight in losses.values())
