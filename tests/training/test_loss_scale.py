"""Float16: an overflow on one replica, the scale, and the curves of the low precisions."""

import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.tasks.pretraining.task import PretrainingTask
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from bert_tf.training.loop import train
from bert_tf.training.optimizers import loss_scale
from bert_tf.training.step import NO_STEP, TrainState, TrainStep
from tests.devices import strategy_of
from tests.training import layouts


class OverflowingTask(PretrainingTask):
    """Its loss is multiplied by 1 + the sum of `overflow` in the rows of a replica."""

    def compute_loss(self, outputs, batch):
        factor = 1.0 + tf.reduce_sum(batch["overflow"])
        losses = super().compute_loss(outputs, batch)
        return {name: (total * factor, weight) for name, (total, weight) in losses.items()}


@pytest.fixture(scope="module")
def overflowing():
    """`run(rows that overflow of each batch, steps)` -> (step, state, values), compiled once."""
    config = layouts.make_config(layouts.Layout(2, 1), "adamw", 0.0, dtype="mixed_float16")
    tokenizer = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a"]))
    task = OverflowingTask(config, tokenizer, config.task.given_facts(config.data))
    strategy = strategy_of(2)
    with strategy.scope():
        state = TrainState.create(task, config)
    step = TrainStep(task, config, state, strategy)
    begin = {path: variable.numpy() for path, variable in state.variables().items()}

    def run(rows, count):
        for path, variable in state.variables().items():
            variable.assign(begin[path])
        data = [dict(batch) for batch in layouts.batches()[: len(rows)]]
        for batch, overflowing_rows in zip(data, rows, strict=True):
            batch["overflow"] = np.zeros((layouts.ROWS, 1), np.float32)
            batch["overflow"][overflowing_rows] = np.inf
        step.train_steps(layouts.distributed(strategy, data), tf.constant(count))
        values = {path: variable.numpy() for path, variable in state.variables().items()}
        return step, state, values

    return run


def test_an_overflow_on_one_replica_skips_the_step_on_both(overflowing):
    step, state, without = overflowing([[], []], 2)
    step.take_metrics()
    rate = float(step.learning_rate(step.step))
    _, _, values = overflowing([[], [], [15]], 3)  # row 15 is the second replica's
    metrics = step.take_metrics()
    assert values["step"] == 2 and values["rows_consumed"] == 3 * layouts.ROWS
    assert float(step.learning_rate(step.step)) == rate > 0
    assert values["loss_scale"] == metrics["loss_scale"] == loss_scale.INITIAL / 2
    assert values["loss_scale_good_steps"] == 0 and without["loss_scale_good_steps"] == 2
    assert np.isfinite(metrics["loss"])
    counters = ("step", "rows_consumed", "loss_scale", "loss_scale_good_steps")
    for path in set(values) - set(counters):
        np.testing.assert_array_equal(values[path], without[path])
    for variable in (*state.optimizer.weights.values(), state.step, state.loss_scale.value):
        replicas = tf.distribute.get_strategy().experimental_local_results(variable)
        replicas = replicas[0].values if hasattr(replicas[0], "values") else replicas
        assert len(replicas) == 2
        np.testing.assert_array_equal(replicas[0].numpy(), replicas[1].numpy())


def test_after_an_overflow_the_next_batch_is_trained_on(overflowing):
    step, _, values = overflowing([[], [0], []], 3)
    step.take_metrics()
    assert values["step"] == 2 and values["loss_scale_good_steps"] == 1


def test_what_overflows_at_any_scale_is_an_error(overflowing):
    step, state, values = overflowing([[1]] * 10, 10)
    assert step.non_finite_step == NO_STEP and values["loss_scale"] == loss_scale.INITIAL / 2**10
    assert values["step"] == 0
    state.loss_scale.value.assign(1.0)
    batch = {**layouts.batches()[0], "overflow": np.full((layouts.ROWS, 1), np.inf, np.float32)}
    step.train_steps(layouts.distributed(strategy_of(2), [batch]), tf.constant(1))
    assert step.non_finite_step == 1
    step.restart([])  # for the tests that share it


def test_the_scale_grows_after_good_steps_and_has_an_upper_limit(monkeypatch):
    monkeypatch.setattr(loss_scale, "GROW_EVERY", 2)
    scale = loss_scale.LossScale()
    seen = []
    for _ in range(5):
        scale.count_good_step()
        seen.append(float(scale.value) / loss_scale.INITIAL)
    assert seen == [1, 2, 2, 4, 4]
    scale.shrink()  # begins to count again
    scale.count_good_step()
    assert float(scale.value) / loss_scale.INITIAL == 2
    scale.value.assign(loss_scale.LARGEST)
    scale.count_good_step()
    assert float(scale.value) == loss_scale.LARGEST


def test_two_hundred_steps_in_bfloat16_are_those_of_float32(make_run, records, tmp_path):
    curves = {}
    for dtype in ("float32", "mixed_bfloat16"):
        task, config = make_run(
            dtype=dtype, layers=1, num_train_steps=200, steps_per_loop=10, dropout=0.1
        )
        folder = tmp_path / dtype
        train(task, config, train_data=records, work_dir=str(folder))
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        curves[dtype] = np.array([line["loss"] for line in lines])
    assert len(curves["float32"]) == 20
    assert curves["float32"][-1] < 0.95 * curves["float32"][0]
    np.testing.assert_allclose(curves["mixed_bfloat16"], curves["float32"], rtol=0.01)
