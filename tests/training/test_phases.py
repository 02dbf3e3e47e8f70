"""Phases and ramps: the same run at every boundary, and every row in its place."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest

from bert_tf.config.experiment import ExperimentConfig, TrainConfig
from bert_tf.config.phases import PhaseConfig
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.building.builder import create_pretraining_data
from bert_tf.data.building.settings import DataSettings, StaticMasks
from bert_tf.tasks import classification
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.training import estimate, loop
from bert_tf.training.phases import phase_at, phases_of
from bert_tf.training.stopping import Stopper
from bert_tf.training.work_dir.checkpoint_writer import CheckpointWriter
from tests.devices import strategy_of
from tests.training.test_loop import SpoilsRows, curve

TWO = (
    PhaseConfig(
        num_train_steps=4, max_seq_length=16, max_predictions_per_seq=3, masked_lm_prob=0.3
    ),
    PhaseConfig(num_train_steps=6, global_batch_size=8, num_micro_batches=2),
)
OPTIONS = {"steps_per_loop": 3, "checkpoint_every": 3, "keep_checkpoints": 9, "num_train_steps": 0}


class Remembers:
    """A task that remembers which rows its training data sets were asked for."""

    def __init__(self, task, asked):
        self._task, self._asked = task, asked

    def __getattr__(self, name):
        return getattr(self._task, name)

    def with_config(self, config):
        return Remembers(self._task.with_config(config), self._asked)

    def make_dataset(self, data, batch_slice, *, training, start_row=0):
        if training:
            self._asked.append((data, start_row, batch_slice.global_batch_size))
        return self._task.make_dataset(data, batch_slice, training=training, start_row=start_row)


def save_and_wait(writer, *args, **options):
    """Otherwise a checkpoint may give way to a newer one, if the disk is slow."""
    _SAVE(writer, *args, **options)
    writer.wait()


_SAVE = CheckpointWriter.save


def run(make_run, folder, train_data, wrap=lambda task: task, **train):
    """(weights, what the newest checkpoint says)."""
    task, config = make_run(**{**OPTIONS, **train})
    config = config.check().with_steps(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CheckpointWriter, "save", save_and_wait)
        trained = loop.train(
            wrap(task),
            config,
            train_data=train_data,
            work_dir=str(folder),
            made_of={"data": "data"},
            session=loop.Session(strategy_of(1)),
        )
    newest = max((folder / "checkpoints").iterdir()) / "checkpoint.json"
    return {w.path: w.numpy() for w in trained.model.weights}, json.loads(newest.read_text())


def assert_equal(weights, others):
    for path, weight in weights.items():
        np.testing.assert_array_equal(others[path], weight)


@pytest.fixture(scope="module")
def two_phases(tmp_path_factory):
    """`two_phases(make_run, data)` -> (folder, weights) of an unbroken run; it is made once."""
    made = []

    def get(make_run, data):
        if not made:
            folder = tmp_path_factory.mktemp("two_phases")
            made.append((folder, run(make_run, folder, data, phases=TWO)[0]))
        return made[0]

    return get


def test_phases_with_the_settings_of_the_run_are_the_run_without_phases(
    make_run, records, tmp_path
):
    phases = (PhaseConfig(num_train_steps=6), PhaseConfig(num_train_steps=4))
    cut, _ = run(make_run, tmp_path / "cut", records, phases=phases)
    whole, _ = run(make_run, tmp_path / "whole", records, num_train_steps=10)
    assert_equal(whole, cut)
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")


@pytest.mark.parametrize("last", [3, 4, 6])
def test_a_run_resumed_in_a_phase_and_at_its_end_equals_an_unbroken_one_bit_for_bit(
    two_phases, make_run, records, short_records, tmp_path, last
):
    data = [short_records, records]
    unbroken, weights = two_phases(make_run, data)
    names = sorted(path.name for path in (unbroken / "checkpoints").iterdir())
    assert names == [f"step-{step:08}" for step in (3, 4, 6, 9, 10)]
    assert [line["step"] for line in curve(unbroken)] == [3, 4, 6, 9, 10]
    shutil.copytree(unbroken, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "checkpoints").iterdir():
        if int(path.name.removeprefix("step-")) > last:
            shutil.rmtree(path)
    again, info = run(make_run, tmp_path, data, phases=TWO)
    assert_equal(weights, again)
    assert curve(tmp_path) == curve(unbroken)
    assert info["history"]["phase_rows"] == [4 * 16] and info["rows_consumed"] == 6 * 8
    assert len(info["history"]["recent_losses"]) == 3  # of the second phase


def test_a_ramp_reads_the_rows_of_the_documented_order_and_none_twice(
    make_run, records, tmp_path, monkeypatch
):
    calls, num_steps = [], Stopper.num_steps

    def remember(stopper, remaining):
        calls.append((remaining, stopper._seconds_per_step))
        return num_steps(stopper, remaining)

    monkeypatch.setattr(Stopper, "num_steps", remember)
    asked, sizes = [], (4, 8, 16)
    phases = tuple(PhaseConfig(num_train_steps=2, global_batch_size=size) for size in sizes)
    _, info = run(
        make_run,
        tmp_path,
        records,
        wrap=lambda task: Remembers(task, asked),
        phases=phases,
        steps_per_loop=2,
        checkpoint_every=0,
    )
    assert asked == [(records, 0, 4), (records, 8, 8), (records, 24, 16)]
    assert info["history"]["phase_rows"] == [8, 16] and info["rows_consumed"] == 32
    assert [line["step"] for line in curve(tmp_path)] == [2, 4, 6]
    # How long the steps of the phase before took does not matter: its first is done alone.
    assert [call for call in calls if call[0] == 2] == [(2, float("inf"))] * 3


def test_a_phase_reads_on_where_the_last_one_with_the_same_data_stopped():
    phases = (TWO[0], TWO[1], dataclasses.replace(TWO[0], num_train_steps=2))
    config = ExperimentConfig(train=TrainConfig(phases=phases, seed=5))
    first, second, third = phases_of(config, ["short", "long", "short"])
    assert third.start_row([64, 48], rows_consumed=16) == 64 + 16
    assert second.start_row([64], rows_consumed=16) == 16
    assert first.config.train.seed == third.config.train.seed == 5
    assert second.config.train.seed != 5
    assert [phase_at([first, second, third], step).index for step in (0, 3, 4, 9, 10, 12)] == [
        *(0, 0, 1, 1, 2, 2)
    ]
    assert [phase.config.train.phases for phase in (first, second, third)] == [()] * 3


@pytest.fixture(scope="module")
def packed_records(records, tmp_path_factory):
    """The same text, several examples to a row."""
    folder = str(tmp_path_factory.mktemp("packed") / "data")
    text, tokenizer = f"{records}/../text.txt", Tokenizer.from_folder(records)
    settings = DataSettings(max_seq_length=32, objective="none", max_examples_per_row=3)
    create_pretraining_data(text, tokenizer, folder, settings)
    return folder


@pytest.mark.parametrize("is_packed", [False, True])
def test_each_phase_masks_at_its_own_rate_and_evaluations_at_theirs(
    make_run, records, packed_records, is_packed
):
    rates, task_settings = (0.5, 0.25, 0.05), {"max_predictions_per_seq": 32}
    data = packed_records if is_packed else records
    task_settings["next_sentence"] = not is_packed
    phases = tuple(PhaseConfig(num_train_steps=2, masked_lm_prob=rate) for rate in rates)
    task, config = make_run(task=task_settings, phases=phases, num_train_steps=0)
    plain, _ = make_run(task=task_settings)
    for phase, rate in zip(phases_of(config.check(), data), rates, strict=True):
        of_phase = task.with_config(phase.config)

        def read(replicas, replica, training=True, of_phase=of_phase):
            part = BatchSlice(16, replicas, replica, 1)
            return next(iter(of_phase.make_dataset(data, part, training=training, start_row=0)))

        whole = {name: rows.numpy() for name, rows in read(1, 0).items()}
        halves = [read(2, 0), read(2, 1)]
        for name, rows in whole.items():
            np.testing.assert_array_equal(rows, np.concatenate([half[name] for half in halves]))
        examples = whole.get("cls_positions", np.zeros((16, 1)))
        tokens = whole["input_mask"].sum() - 3 * (examples.size - 16 * is_packed)
        share = whole["masked_lm_weights"].sum() / tokens
        assert abs(share - rate) < 0.25 * rate + 0.02, (rate, share)
        mine = read(1, 0, training=False)
        theirs = next(iter(plain.make_dataset(data, BatchSlice(16), training=False)))
        for name, rows in theirs.items():
            np.testing.assert_array_equal(rows, mine[name])


def test_a_rate_has_no_effect_on_stored_masks_and_the_log_says_so(
    make_run, records, tmp_path, caplog
):
    text, tokenizer = f"{records}/../text.txt", Tokenizer.from_folder(records)
    masks = StaticMasks(masked_lm_prob=0.15, max_predictions_per_seq=5)
    settings = DataSettings(max_seq_length=32, static_masks=masks)
    create_pretraining_data(text, tokenizer, str(tmp_path / "data"), settings)
    task, config = make_run(phases=(PhaseConfig(num_train_steps=2, masked_lm_prob=0.3),))
    (phase,) = phases_of(config)
    caplog.clear()  # what the builder says of this text
    with caplog.at_level("WARNING"):
        task.check_data(str(tmp_path / "data"), training=True)
        assert not caplog.text
        task.with_config(phase.config).check_data(str(tmp_path / "data"), training=True)
    assert "masks of 0.15 of the tokens are stored; 0.3 (masked_lm_prob) has no effect" in (
        caplog.text
    )


def test_a_schedule_goes_on_until_a_phase_begins_one(make_run, records, tmp_path):
    def phase(steps, **settings):
        return PhaseConfig(num_train_steps=steps, **settings)

    phases = (phase(2), phase(2), phase(4, learning_rate=5e-4, warmup_proportion=0.5), phase(2))
    optimizer = {"learning_rate": 1e-3, "warmup_proportion": 0.0}
    run(make_run, tmp_path, records, phases=phases, steps_per_loop=1, optimizer=optimizer)
    rates = [line["learning_rate"] for line in curve(tmp_path)]
    falling = [1e-3 * (4 - step) / 4 for step in range(4)]
    again = [5e-4 * min(step / 3, (6 - step) / 3) for step in range(6)]
    np.testing.assert_allclose(rates, [*falling, *again], rtol=1e-6)


class SpoilsRowsOfLongData(SpoilsRows):
    """Spoils the rows of one data set."""

    def with_config(self, config):
        task = self._task.with_config(config)
        return SpoilsRows(task, self._bad) if config.data.max_seq_length == 32 else task


def test_bad_data_at_the_beginning_of_a_phase_are_passed_over(
    make_run, records, short_records, tmp_path
):
    _, info = run(
        make_run,
        tmp_path,
        [short_records, records],
        wrap=lambda task: SpoilsRowsOfLongData(task, bad=8),
        phases=TWO,
        on_spike="skip",
        checkpoint_every=0,
    )
    (skip,) = info["history"]["skipped"]
    assert [skip[key] for key in ("step", "from_row", "to_row")] == [4, 0, 16]
    assert info["history"]["phase_rows"] == [64] and info["rows_consumed"] == 16 + 6 * 8


def test_bad_data_of_a_phase_are_passed_over_from_a_checkpoint_before_it(
    make_run, records, short_records, tmp_path, monkeypatch
):
    """That of the boundary is damaged: the steps from 3 on are done again with other rows."""
    write = os.replace

    def damage(old, new):
        write(old, new)
        if "step-00000004" in new and not (tmp_path / "damaged").exists():
            (tmp_path / "damaged").touch()
            (tmp_path / "checkpoints" / "step-00000004" / "weights.index").write_bytes(b"")

    monkeypatch.setattr(os, "replace", damage)
    _, info = run(
        make_run,
        tmp_path,
        [short_records, records],
        wrap=lambda task: SpoilsRowsOfLongData(task, bad=0),
        phases=TWO,
        on_spike="skip",
    )
    first, second = info["history"]["skipped"]
    assert [first[key] for key in ("step", "from_row", "to_row")] == [3, 48, 64]
    assert [second[key] for key in ("step", "from_row", "to_row")] == [4, 0, 8]
    assert info["history"]["phase_rows"] == [64 + 16] and info["rows_consumed"] == 8 + 6 * 8


def test_other_micro_batches_are_free_and_other_phases_are_not(
    two_phases, make_run, records, short_records
):
    folder, _ = two_phases(make_run, [short_records, records])
    free = (TWO[0], dataclasses.replace(TWO[1], num_micro_batches=4))
    run(make_run, folder, [short_records, records], phases=free)
    other = (TWO[0], dataclasses.replace(TWO[1], global_batch_size=16))
    with pytest.raises(ValueError, match=r"train\.phases\.1\.global_batch_size was 8, now 16"):
        run(make_run, folder, [short_records, records], phases=other)


def test_the_forecast_names_the_phases(make_run):
    _, config = make_run(phases=TWO)
    lines = estimate.forecast(
        phases_of(config, "data"),
        step=1,
        total=10,
        seconds_per_step=1.0,
        loss=7.0,
        work_dir="work",
        variables={},
        evaluates=False,
    )
    assert "would go on after step 1 to step 10: 96 rows" in lines
    assert "phase 1: 3 steps with 16 rows of 16 tokens, in 1 micro-batch(es): 48 rows" in lines
    assert "phase 2: 6 steps with 8 rows of 32 tokens, in 2 micro-batch(es): 48 rows" in lines


@pytest.mark.parametrize(
    ("phases", "changes", "message"),
    [
        ((PhaseConfig(),), {}, r"phases\[0\]\.num_train_steps is 0; expected at least 1"),
        (
            (TWO[0], PhaseConfig(num_train_steps=1, global_batch_size=-1)),
            {},
            r"phases\[1\]\.global_batch_size is -1; expected at least 0",
        ),
        (
            (PhaseConfig(num_train_steps=1, max_seq_length=513),),
            {},
            r"phases\[0\]\.max_seq_length is 513, but the model takes at most 512",
        ),
        (
            (PhaseConfig(num_train_steps=1, warmup_proportion=0.1),),
            {},
            "warmup_proportion is 0.1 and its learning_rate is 0.0; expected",
        ),
        (
            (PhaseConfig(num_train_steps=1, masked_lm_prob=1.5),),
            {},
            r"phases\[0\]\.masked_lm_prob is 1.5; expected a share between 0 and 1",
        ),
        (({"num_train_steps": 1},), {}, r"phases\[0\] is \{.*; expected a PhaseConfig"),
        (TWO, {"num_train_steps": 9}, "num_train_steps is 9, but the phases have 10 steps"),
        (TWO, {"time_budget_minutes": 1.0}, "time_budget_minutes is 1.0, but train.phases"),
    ],
)
def test_phases_that_cannot_be_are_errors(phases, changes, message):
    with pytest.raises(ValueError, match=message):
        ExperimentConfig(train=TrainConfig(phases=phases, **changes)).check()


def test_phases_need_pretraining_data_for_each_and_batches_that_can_be_cut(make_run, tmp_path):
    config = ExperimentConfig(task=classification.Config(), train=TrainConfig(phases=TWO))
    with pytest.raises(ValueError, match="are for pretraining; the task is 'classification'"):
        config.check()
    with pytest.raises(ValueError, match=r"3 training data sets are given for 2 phase\(s\)"):
        phases_of(ExperimentConfig(train=TrainConfig(phases=TWO)), ["a", "b", "c"])
    odd = (TWO[0], dataclasses.replace(TWO[1], num_micro_batches=3))
    with pytest.raises(ValueError, match=r"train\.phases\[1\]\.global_batch_size \(8\) is not div"):
        run(make_run, tmp_path, "data", phases=odd)
