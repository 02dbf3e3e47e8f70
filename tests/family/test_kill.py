"""A run of a second encoder and tokenizer, in two phases, is killed and goes on, bit for bit."""

import json
import signal

import numpy as np

from tests.family import cases
from tests.family.pairs import weights_of
from tests.scripts.conftest import end_when, run_ok

PHASES = """train=TrainConfig(
            phases=(
                PhaseConfig(num_train_steps=60, global_batch_size=4),
                PhaseConfig(num_train_steps=140, global_batch_size=8, num_micro_batches=2),
            ),
            steps_per_loop=10,
            checkpoint_every=20,
        ),
"""
_CLOCK = ("examples_per_second", "tokens_per_second", "mfu")


def curve(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in _CLOCK} for line in lines]


def test_a_killed_run_equals_an_unbroken_one_bit_for_bit(toys, tmp_path):
    flags = {**toys.pretraining_flags("unbroken"), "members": cases.MEMBERS.partition("=")[2]}
    text = flags["config"].read_text()
    line = next(line for line in text.splitlines(keepends=True) if "TrainConfig(" in line)
    flags["config"] = tmp_path / "phases.py"
    flags["config"].write_text(text.replace(line, " " * 8 + PHASES))
    broken = {**flags, "work_dir": tmp_path / "broken"}
    for step in (40, 100):  # in the first phase, and in the second
        # The folder appears before the checkpoint is whole: some kills leave half of one.
        moment = (tmp_path / "broken" / "checkpoints" / f"step-{step:08d}").exists
        code, error = end_when(moment, signal.SIGKILL, "pretrain", **broken)
        assert code == -signal.SIGKILL, error
    assert "continuing from" in error
    run_ok("pretrain", **flags)
    run_ok("pretrain", **broken)
    assert not list((tmp_path / "broken").glob("**/*.tmp"))
    assert curve(flags["work_dir"])[-1]["step"] == 200
    assert curve(tmp_path / "broken") == curve(flags["work_dir"])
    expected = weights_of(flags["work_dir"] / "model")
    for path, weight in weights_of(tmp_path / "broken" / "model").items():
        np.testing.assert_array_equal(weight, expected[path], err_msg=path)
