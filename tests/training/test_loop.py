"""Resume, refusals and the end of a run, in one process; see test_kill.py for real kills."""

import html
import json
import os
import pathlib
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf
from absl import logging

from bert_tf.processes.exits import EndRun
from bert_tf.tokenization.vocabulary import Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from bert_tf.training import loop
from bert_tf.training.evaluate import Evaluator
from bert_tf.training.stopping import Stopper
from tests.devices import strategy_of

_CLOCK = ("examples_per_second", "tokens_per_second", "mfu")


def run(*args, **changes):
    """({path: weight}, metrics) of `train`."""
    _, trained = train(*args, **changes)
    return weights_of(trained), trained.metrics


def weights_of(trained):
    return {w.path: w.numpy() for w in trained.model.weights}


def train(
    make_run,
    records,
    folder,
    data_id="data",
    start_id="",
    initialize=None,
    wrap=lambda task: task,
    replicas=1,
    **changes,
):
    task, config = make_run(**changes)
    task = wrap(task)
    trained = loop.train(
        task,
        config,
        train_data=records,
        eval_data=records,
        work_dir=str(folder),
        initialize=initialize,
        made_of={"data": data_id, "initial weights": start_id},
        session=loop.Session(strategy_of(replicas)),
    )
    return task, trained


def curve(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in _CLOCK} for line in lines]


def samples(folder):
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]


def page_text(folder):
    return html.unescape((folder / "run.html").read_text())


OPTIONS = {
    "steps_per_loop": 2,
    "checkpoint_every": 5,
    "keep_checkpoints": 5,
    "num_micro_batches": 2,
}


@pytest.fixture(scope="module")
def unbroken_run(tmp_path_factory):
    """`unbroken_run(make_run, records)` -> (folder, weights, metrics); it is made once."""
    made = []

    def get(make_run, records):
        if not made:
            folder = tmp_path_factory.mktemp("unbroken")
            made.append((folder, *run(make_run, records, folder, **OPTIONS)))
        return made[0]

    return get


def copy_without_the_end(folder, new):
    shutil.copytree(folder, new, dirs_exist_ok=True)
    shutil.rmtree(new / "checkpoints" / "step-00000010")


def assert_equal_to_the_unbroken_run(unbroken, folder, weights, metrics):
    for path, weight in unbroken[1].items():
        np.testing.assert_array_equal(weights[path], weight)
    assert metrics == unbroken[2]
    assert curve(folder) == curve(unbroken[0])
    assert samples(folder) == samples(unbroken[0])
    assert f"[1] {samples(folder)[0]['samples'][0]['expected'][0]}" in page_text(folder)


def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(
    unbroken_run, make_run, records, tmp_path
):
    unbroken = unbroken_run(make_run, records)
    copy_without_the_end(unbroken[0], tmp_path / "broken")
    result = run(make_run, records, tmp_path / "broken", **OPTIONS)
    assert_equal_to_the_unbroken_run(unbroken, tmp_path / "broken", *result)
    assert [line["step"] for line in curve(tmp_path / "broken")] == [2, 4, 5, 6, 8, 10, 10]


def test_samples_of_a_run_are_held_out_rows_with_a_guess_for_each_mask(
    unbroken_run, make_run, records
):
    folder = unbroken_run(make_run, records)[0]
    words = set((pathlib.Path(records) / "vocab.txt").read_text().split("\n"))
    (line,) = samples(folder)  # of the only evaluation
    assert line["step"] == 10 and len(line["samples"]) > 1
    for sample in line["samples"]:
        numbers = range(1, len(sample["expected"]) + 1)
        assert numbers and all(f"[{number}]" in sample["text"] for number in numbers)
        assert len(sample["given"]) == len(sample["expected"])
        assert set(sample["given"]) | set(sample["expected"]) <= words
        assert sample["text"].startswith("[CLS] ") and "[PAD]" not in sample["text"]


def test_sigterm_between_two_log_lines_and_in_an_evaluation_changes_nothing(
    unbroken_run, make_run, records, tmp_path, monkeypatch
):
    calls = []

    def one_step(stopper, remaining):
        calls.append(remaining)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return 1

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Stopper, "num_steps", one_step)
    with pytest.raises(EndRun, match="ended by SIGTERM after step 3 of 10, which is saved") as end:
        run(make_run, records, tmp_path, **OPTIONS)
    assert end.value.code == 143 and signal.getsignal(signal.SIGTERM) is before
    assert [line["step"] for line in curve(tmp_path)] == [2]

    is_told = Stopper.is_told
    monkeypatch.setattr(
        Stopper,
        "is_told",
        lambda self, number: os.kill(os.getpid(), signal.SIGTERM) or is_told(self, number),
    )
    with pytest.raises(EndRun, match="after step 10 of 10"):
        run(make_run, records, tmp_path, **OPTIONS)
    monkeypatch.undo()
    result = run(make_run, records, tmp_path, **OPTIONS)
    assert_equal_to_the_unbroken_run(unbroken_run(make_run, records), tmp_path, *result)


def test_what_has_no_influence_on_the_maths_may_be_other_after_a_resume(
    unbroken_run, make_run, records, tmp_path, caplog
):
    """Two replicas draw the masks of two micro-batches."""
    unbroken, weights, _ = unbroken_run(make_run, records)
    copy_without_the_end(unbroken, tmp_path)
    logging.use_absl_handler()
    changes = {"num_micro_batches": 1, "jit_compile": True, "keep_checkpoints": 1}
    with caplog.at_level("WARNING", logger="absl"):
        again, _ = run(make_run, records, tmp_path, replicas=2, **{**OPTIONS, **changes})
    assert "replicas was 1, now 2: the last digits may differ" in caplog.text
    for line, old in zip(curve(tmp_path), curve(unbroken), strict=True):
        assert line == pytest.approx(old, rel=1e-5)
    for path, weight in weights.items():
        if not path.endswith("key/bias"):  # no gradient but rounding, which Adam scales up
            np.testing.assert_allclose(again[path], weight, atol=1e-5)
    (path,) = (tmp_path / "checkpoints").iterdir()
    machine = json.loads((path / "checkpoint.json").read_text())["machine"]
    assert machine["replicas"] == 2 and machine["versions"]["tensorflow"] == tf.__version__


def test_the_time_limit_ends_a_run_that_can_be_continued(make_run, records, tmp_path, monkeypatch):
    monkeypatch.setattr(Stopper, "num_steps", lambda self, remaining: 1)
    task, config = make_run(num_train_steps=10_000)
    session = loop.Session(strategy_of(1), time_limit=0.001)
    loop.train(task, config, train_data=records, work_dir=str(tmp_path), session=session)
    (path,) = (tmp_path / "checkpoints").iterdir()
    assert path.name == "step-00000001"


def test_a_run_that_the_time_limit_ends_reports_the_metrics_of_its_last_step(
    make_run, records, tmp_path, monkeypatch
):
    steps = []

    def update(self, seconds_per_step):
        steps.append(len(steps) + 1)
        self.reason = "time limit" if steps[-1] == 3 else ""

    monkeypatch.setattr(Stopper, "num_steps", lambda self, remaining: 1)
    monkeypatch.setattr(Stopper, "update", update)
    options = {"num_train_steps": 10, "eval_every": 2}
    task, trained = train(make_run, records, tmp_path, **options)
    expected = Evaluator(task, trained.model, strategy_of(1), 16).run_with_rows(records)[0]
    assert trained.metrics == expected


def test_a_dry_run_says_what_would_happen_and_writes_nothing(make_run, records, tmp_path, capsys):
    task, config = make_run(num_train_steps=7)
    folder = tmp_path / "work"
    session = loop.Session(dry_run=True)
    loop.train(task, config, train_data=records, work_dir=str(folder), session=session)
    assert "after step 0 to step 7, with 16 rows a step: 112 rows" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_metric_to_keep_that_no_evaluation_has_costs_no_step(make_run, records, tmp_path):
    with pytest.raises(ValueError, match="keep_best is 'f1'; an evaluation of this task has"):
        run(make_run, records, tmp_path, num_train_steps=2, eval_every=2, keep_best="f1")
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000002"]


class SpoilsRows:
    """A task whose batch that begins at row `bad` has a loss that is not a number."""

    def __init__(self, task, bad):
        self._task, self._bad = task, bad

    def __getattr__(self, name):
        return getattr(self._task, name)

    def make_dataset(self, data, batch_slice, *, training, start_row=0):
        dataset = self._task.make_dataset(data, batch_slice, training=training, start_row=start_row)

        def spoil(number, batch):
            is_bad = start_row + number * batch_slice.global_batch_size == self._bad
            factor = tf.where(is_bad, float("nan"), 1.0)
            return {**batch, "masked_lm_weights": batch["masked_lm_weights"] * factor}

        return dataset.enumerate().map(spoil) if training else dataset


def test_bad_data_are_passed_over_and_a_resumed_run_passes_over_the_same(
    make_run, records, tmp_path
):
    options = {**OPTIONS, "on_spike": "skip", "wrap": lambda task: SpoilsRows(task, bad=96)}
    weights, _ = run(make_run, records, tmp_path / "a", **options)
    infos = {
        path.name: json.loads((path / "checkpoint.json").read_text())
        for path in (tmp_path / "a" / "checkpoints").iterdir()
    }
    # Step 7 reads the rows from 96 on: back to step 5, and on behind them.
    (skip,) = infos["step-00000005"]["history"]["skipped"]
    assert [skip[key] for key in ("step", "from_row", "to_row")] == [5, 80, 112]
    assert "not finite at step 7" in skip["reason"]
    assert infos["step-00000005"]["rows_consumed"] == 112
    assert infos["step-00000010"]["rows_consumed"] == 112 + 5 * 16
    assert infos["step-00000010"]["history"]["skipped"] == [skip]
    assert [line["step"] for line in curve(tmp_path / "a")] == [2, 4, 5, 6, 8, 10, 10]

    # The record counts, not what the data are like: these are whole.
    shutil.rmtree(tmp_path / "a" / "checkpoints" / "step-00000010")
    again, _ = run(make_run, records, tmp_path / "a", **OPTIONS)
    for path, weight in weights.items():
        np.testing.assert_array_equal(again[path], weight)


def test_it_ends_when_evaluations_get_no_better_with_the_best_model(
    make_run, records, tmp_path, monkeypatch
):
    losses, best = iter([3.0, 1.0, 2.0, 1.5]), {}

    def evaluate(evaluator, *_):
        loss = next(losses)
        if loss == 1.0:
            best.update({w.path: w.numpy() for w in evaluator._model.weights})
        return {"loss": loss}, {}

    monkeypatch.setattr(Evaluator, "run_with_rows", evaluate)
    options = {
        "num_train_steps": 20,
        "eval_every": 2,
        "early_stop_patience": 2,
        "keep_best": "loss",
        "model_from_best": True,
        "keep_checkpoints": 1,
    }
    for _ in range(2):  # the second run has nothing left to do
        trained = train(make_run, records, tmp_path, **options)[1]
        weights = weights_of(trained)
        assert trained.metrics == {"loss": 1.0}
        assert trained.evaluation is None  # the last one was of a worse model
        for path, weight in best.items():
            np.testing.assert_array_equal(weights[path], weight)
        names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
        assert names == ["step-00000004", "step-00000008"]
    with pytest.raises(ValueError, match="need evaluations"):
        loop.train(*make_run(**options), train_data=records, work_dir=str(tmp_path / "other"))


def test_a_finished_run_is_only_evaluated_again(unbroken_run, make_run, records, tmp_path):
    folder, weights, metrics = unbroken_run(make_run, records)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    trained = train(make_run, records, tmp_path, **OPTIONS)[1]
    assert trained.evaluation == (10, metrics, {})
    assert trained.metrics == metrics and curve(tmp_path) == curve(folder)
    for path, weight in weights.items():
        np.testing.assert_array_equal(weights_of(trained)[path], weight)


def _with_other_words(task):
    *tokens, last = task.tokenizer.vocabulary.tokens
    task.tokenizer = WordPieceTokenizer(Vocabulary([*tokens, f"{last}x"]))
    return task


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dropout": 0.5}, "hidden_dropout_prob was 0.1, now 0.5.*--work_dir"),
        ({"data_id": "two"}, r"other data \(data\) than is given now \(two\)"),
        ({"start_id": "a"}, r"other initial weights \(none\) than is given now \(a\)"),
        ({"wrap": _with_other_words}, "other vocabulary .* the vocabulary of that run"),
    ],
)
def test_what_is_not_of_the_run_in_the_work_directory_is_refused(
    unbroken_run, make_run, records, changes, message
):
    folder = unbroken_run(make_run, records)[0]
    with pytest.raises(ValueError, match=message):
        run(make_run, records, folder, **{**OPTIONS, **changes})


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
    assert list(tmp_path.rglob("run.html"))  # what is known of it is shown all the same
    for weight in captured["model"].weights:
        np.testing.assert_array_equal(weight.numpy(), captured["before"][weight.path])
