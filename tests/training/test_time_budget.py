"""The clock decides once, leaves no trace, and a resume keeps to it, with every other setting."""

import shutil

import numpy as np
import pytest

from bert_tf.training import loop, time_budget
from bert_tf.training.optimizers import loss_scale
from tests.devices import strategy_of
from tests.training.test_loop import curve

STEPS = 8
# Whatever has a state of its own or depends on the step.
OPTIONS = {
    "optimizer": {
        "name": "adafactor",
        "schedule": "cosine",
        "layer_decay": 0.8,
        "unfreeze_every": 3,
        "freeze_embeddings": True,
    },
    "dtype": "mixed_float16",
    "layers": 1,
    "hidden_size": 16,
    "checkpoint_every": 4,
    "steps_per_loop": 3,
    "keep_checkpoints": 5,
    "num_reinitialized_layers": 1,
}


def run(make_run, records, folder, initialize=None, **changes):
    task, config = make_run(**{**OPTIONS, **changes})
    trained = loop.train(
        task,
        config.check(),
        train_data=records,
        work_dir=str(folder),
        initialize=initialize,
        session=loop.Session(strategy_of(1)),
    )
    return {weight.path: weight.numpy() for weight in trained.model.weights}


def fill(model):
    for weight in model.weights:
        weight.assign(np.full(weight.shape, 0.01))


@pytest.fixture
def budget(monkeypatch):
    """The budget is of eight steps, whatever the machine does; gives what was measured."""
    measured = []

    def mean(strategy, value):
        measured.append(value)
        return STEPS + 0.9

    monkeypatch.setattr(time_budget, "_mean_over_workers", mean)
    return measured


def test_a_budgeted_run_is_the_run_of_that_many_steps_and_a_resume_keeps_to_it(
    make_run, records, tmp_path, budget, monkeypatch
):
    monkeypatch.setattr(loss_scale, "INITIAL", loss_scale.LARGEST)
    in_time = {"num_train_steps": 0, "time_budget_minutes": 1000.0}
    given = run(make_run, records, tmp_path / "given", fill, num_train_steps=STEPS)
    unbroken = run(make_run, records, tmp_path / "unbroken", fill, **in_time)
    assert len(budget) == 1 and budget[0] > 1
    shutil.copytree(tmp_path / "unbroken", tmp_path / "broken")
    shutil.rmtree(tmp_path / "broken/checkpoints/step-00000008")
    broken = run(make_run, records, tmp_path / "broken", fill, **in_time)
    assert len(budget) == 1  # not measured again
    for path, weight in given.items():
        np.testing.assert_array_equal(unbroken[path], weight)
        np.testing.assert_array_equal(broken[path], weight)
    lines = curve(tmp_path / "given")
    assert [line["step"] for line in lines] == [3, 4, 6, 8]
    assert curve(tmp_path / "unbroken") == curve(tmp_path / "broken") == lines
    # The scale begins so large that steps overflow, are skipped, and made up for.
    assert 1 < lines[-1]["loss_scale"] < loss_scale.LARGEST
    check_parts(given)


@pytest.mark.parametrize("replicas", [1, 2])
def test_workers_agree_on_the_mean(replicas):
    assert time_budget._mean_over_workers(strategy_of(replicas), 12.5) == 12.5


def check_parts(weights):
    """Frozen: as initialised. The block: drawn at random, not as initialised. Heads: moved."""

    def is_filled(path):
        return np.array_equal(weights[path], np.full(weights[path].shape, 0.01, np.float32))

    assert all(is_filled(path) for path in weights if "/embeddings/" in path)
    assert np.std(weights["bert/encoder/layer_0/intermediate/dense/kernel"]) > 0.01
    assert not is_filled("cls/predictions/output_bias")
