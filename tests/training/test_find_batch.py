"""The number of micro-batches that fits is found, in processes that die of memory."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.config.experiment import ExperimentConfig, TrainConfig
from bert_tf.config.phases import PhaseConfig
from bert_tf.training import find_batch
from bert_tf.training.phases import phases_of
from bert_tf.training.work_dir import contents

HEAD = """
import os, resource, signal, sys
phase, parts = map(int, sys.argv[-1].removeprefix("--trial=").split(":"))
with open(__file__ + ".tried", "a") as file:
    file.write(f"{phase}:{parts} ")
"""


def command(tmp_path, body):
    """That of a program that knows `phase` and `parts`, the micro-batches of its trial."""
    path = tmp_path / "program.py"
    path.write_text(HEAD + body)
    return [str(path)]


def tried(tmp_path):
    return (tmp_path / "program.py.tried").read_text().split()


@pytest.mark.parametrize(
    "death",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.abort()",
        "sys.exit('error: OOM when allocating tensor with shape[99]')",
        "resource.setrlimit(resource.RLIMIT_AS, (2**27, 2**27)); bytearray(2**28)",
    ],
)
def test_the_smallest_number_that_does_not_die_of_memory_is_taken(tmp_path, death):
    config = ExperimentConfig(train=TrainConfig(global_batch_size=32))
    words = command(tmp_path, f"if parts < 8: {death}")
    find_batch.settle(config, str(tmp_path / "work"), "one_device", words)
    assert config.train.num_micro_batches == 8 and config.train.global_batch_size == 32
    assert len(tried(tmp_path)) == 3  # of 6 numbers
    assert not (tmp_path / "work").exists()


def test_every_phase_gets_its_own_which_a_continued_run_finds_in_its_work_directory(
    tmp_path, capsys
):
    phases = (PhaseConfig(num_train_steps=1), PhaseConfig(num_train_steps=1, global_batch_size=24))
    config = ExperimentConfig(train=TrainConfig(global_batch_size=8, phases=phases))
    again = copy.deepcopy(config)
    words = command(tmp_path, "if parts < (6 if phase else 2): os.abort()")
    find_batch.settle(config, str(tmp_path), "one_device", words)
    assert [phase.num_micro_batches for phase in config.train.phases] == [2, 6]
    assert "phase 2: 6 micro-batch(es) for 24 rows" in capsys.readouterr().out

    contents.write_config(str(tmp_path), config)
    count = len(tried(tmp_path))
    find_batch.settle(again, str(tmp_path), "one_device", words)
    assert again == config and len(tried(tmp_path)) == count
    again.train.phases[1].global_batch_size = 48  # another run
    find_batch.settle(again, str(tmp_path), "one_device", words)
    assert len(tried(tmp_path)) > count


def test_a_trial_is_two_steps_of_its_phase_on_its_data():
    phases = (PhaseConfig(num_train_steps=9), PhaseConfig(num_train_steps=7, max_seq_length=64))
    config = ExperimentConfig(train=TrainConfig(phases=phases))
    trial, data = find_batch.try_phase(config, ["short", "long"], "1:4")
    assert data == "long" and trial.data.max_seq_length == 64
    assert trial.train.num_micro_batches == 4 and trial.train.num_train_steps == 2
    assert len(phases_of(trial, [data])) == 1
    plain = ExperimentConfig(train=TrainConfig(time_budget_minutes=5.0))
    trial, _ = find_batch.try_phase(plain, "data", "0:2")
    assert trial.train.num_micro_batches == 2 and not trial.check().train.time_budget_minutes


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit('error: no such file')", "ended with 1: no such file"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "ended with -15"),
        ("os.abort()", "not even 32 micro-batches, of one row on each replica, fit"),
    ],
)
def test_what_more_micro_batches_cannot_mend_is_an_error(tmp_path, body, message):
    config = ExperimentConfig(train=TrainConfig(global_batch_size=32))
    with pytest.raises(ValueError, match=message):
        find_batch.settle(config, str(tmp_path), "one_device", command(tmp_path, body))


def test_several_workers_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="works on the devices of one machine only"):
        find_batch.settle(ExperimentConfig(), str(tmp_path), "multi_worker", [])
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(ValueError, match="works on the devices of one machine only"):
        find_batch.settle(ExperimentConfig(), str(tmp_path), "auto", [])


@given(st.integers(1, 200), st.integers(1, 8), st.data())
def test_bisection_finds_the_first_of_the_divisors_that_fits(rows, replicas, data):
    parts = find_batch.parts_of(rows * replicas, replicas)
    assert parts == [n for n in range(1, rows + 1) if rows * replicas % (n * replicas) == 0]
    wanted = data.draw(st.sampled_from(parts))
    assert find_batch.smallest_that_fits(parts, lambda n: n >= wanted) == wanted
    if replicas > 1:
        with pytest.raises(ValueError, match=f"is not divisible by {replicas} replicas"):
            find_batch.parts_of(rows * replicas + 1, replicas)
