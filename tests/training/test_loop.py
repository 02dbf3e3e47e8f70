"""Resume, refusals and the end of a run, in one process; see test_kill.py for real kills."""

import json
import shutil

import numpy as np
import pytest

from bert_tf.training import loop
from tests.devices import strategy_of

_CLOCK = ("examples_per_second", "tokens_per_second", "mfu")


def run(make_run, records, folder, data_id="data", initialize=None, **changes):
    task, config = make_run(**changes)
    model, metrics = loop.train(
        task,
        config,
        train_data=records,
        eval_data=records,
        work_dir=str(folder),
        strategy=strategy_of(1),
        initialize=initialize,
        data_id=data_id,
    )
    return {w.path: w.numpy() for w in model.weights}, metrics


def curve(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in _CLOCK} for line in lines]


def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(make_run, records, tmp_path):
    options = {"steps_per_loop": 2, "checkpoint_every": 5, "keep_checkpoints": 5}
    weights, metrics = run(make_run, records, tmp_path / "unbroken", **options)
    shutil.copytree(tmp_path / "unbroken", tmp_path / "broken")
    shutil.rmtree(tmp_path / "broken" / "checkpoints" / "step-00000010")
    again, again_metrics = run(make_run, records, tmp_path / "broken", **options)
    for path, weight in weights.items():
        np.testing.assert_array_equal(again[path], weight)
    assert again_metrics == metrics
    assert curve(tmp_path / "broken") == curve(tmp_path / "unbroken")
    assert [line["step"] for line in curve(tmp_path / "broken")] == [2, 4, 5, 6, 8, 10, 10]


def test_a_finished_run_is_only_evaluated_again(make_run, records, tmp_path):
    _, metrics = run(make_run, records, tmp_path, num_train_steps=2)
    before = curve(tmp_path)
    _, again = run(make_run, records, tmp_path, num_train_steps=2)
    assert again == metrics and curve(tmp_path) == before


def test_another_model_in_the_work_directory_is_refused(make_run, records, tmp_path):
    run(make_run, records, tmp_path, num_train_steps=1)
    with pytest.raises(ValueError, match="hidden_dropout_prob was 0.1, now 0.5.*--work_dir"):
        run(make_run, records, tmp_path, num_train_steps=1, dropout=0.5)


def test_other_training_data_are_refused(make_run, records, tmp_path):
    run(make_run, records, tmp_path, num_train_steps=1, data_id="one")
    with pytest.raises(ValueError, match=r"other data \(one\) than is given now \(two\)"):
        run(make_run, records, tmp_path, num_train_steps=1, data_id="two")


def test_settings_without_influence_on_the_maths_may_change(make_run, records, tmp_path):
    run(make_run, records, tmp_path, num_train_steps=2, checkpoint_every=1)
    run(make_run, records, tmp_path, num_train_steps=2, steps_per_loop=2, jit_compile=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_micro_batches": 3}, "not divisible by 1 replica.* x 3 micro-batch"),
        ({"num_train_steps": 0}, "num_train_steps is 0"),
    ],
)
def test_batches_and_steps_that_cannot_be_are_refused(make_run, records, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        run(make_run, records, tmp_path, **change)


def test_a_non_finite_loss_stops_before_the_update_and_names_the_step(make_run, records, tmp_path):
    captured = {}

    def spoil(model):
        variable = model.weights[0]
        variable.assign(np.full(variable.shape, np.inf, np.float32))
        captured["model"] = model
        captured["before"] = {w.path: w.numpy() for w in model.weights}

    with pytest.raises(ValueError, match="not finite at step 1; the weights were not updated"):
        run(make_run, records, tmp_path, initialize=spoil, steps_per_loop=5)
    for weight in captured["model"].weights:
        np.testing.assert_array_equal(weight.numpy(), captured["before"][weight.path])


def test_a_loss_that_becomes_non_finite_later_is_seen_at_its_step(make_run, records, tmp_path):
    with pytest.raises(ValueError, match=r"not finite at step (\d+)") as error:
        run(
            make_run,
            records,
            tmp_path,
            optimizer={"learning_rate": 1e38, "warmup_proportion": 0.0, "clip_norm": 0.0},
            steps_per_loop=10,
        )
    assert "step 1;" not in str(error.value)


def test_it_learns_what_can_be_learned(make_run, records, tmp_path):
    """Next sentences of these documents are about the same animal: better than chance by far."""
    _, metrics = run(
        make_run,
        records,
        tmp_path,
        optimizer={"learning_rate": 3e-3, "bias_correction": True},
        num_train_steps=1000,
        steps_per_loop=100,
        dropout=0.0,
        hidden_size=64,
    )
    assert metrics["next_sentence_accuracy"] > 0.75
    assert metrics["masked_lm_accuracy"] > 0.36  # always guessing "the": 0.22
