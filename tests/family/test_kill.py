"""A run of a second encoder and tokenizer, in two phases, is ended and goes on, bit for bit.

It is killed, interrupted and terminated: the three ways in which a run is broken off.
"""

import json
import signal

import numpy as np

from tests.family import cases
from tests.family.pairs import weights_of
from tests.scripts.conftest import end_when, ok_here

PHASES = """train=TrainConfig(
            phases=(
                PhaseConfig(num_train_steps=60, global_batch_size=4),
                PhaseConfig(num_train_steps=240, global_batch_size=8, num_micro_batches=2),
            ),
            steps_per_loop=10,
            checkpoint_every=20,
        ),
"""
ENDS = (
    ("step-00000040", signal.SIGKILL, -signal.SIGKILL),  # in the first phase
    ("step-00000100", signal.SIGINT, 130),  # in the second
    ("step-00000160", signal.SIGTERM, 143),
)
_CLOCK = ("examples_per_second", "tokens_per_second", "mfu")


def curve(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in _CLOCK} for line in lines]


def test_a_run_that_was_broken_off_equals_an_unbroken_one_bit_for_bit(toys, tmp_path):
    flags = {**toys.pretraining_flags("unbroken"), "members": cases.MEMBERS.partition("=")[2]}
    text = flags["config"].read_text()
    line = next(line for line in text.splitlines(keepends=True) if "TrainConfig(" in line)
    flags["config"] = tmp_path / "phases.py"
    flags["config"].write_text(text.replace(line, " " * 8 + PHASES))
    broken = {**flags, "work_dir": tmp_path / "broken"}
    for step, number, expected in ENDS:
        # The folder appears before the checkpoint is whole: some kills leave half of one.
        moment = (tmp_path / "broken" / "checkpoints" / step).exists
        code, error = end_when(moment, number, "pretrain", **broken)
        assert code == expected and "Traceback" not in error, error
        assert ("interrupted" in error.splitlines()) == (number == signal.SIGINT)
        assert ("continuing from" in error) == (number != signal.SIGKILL)
    assert "ended by SIGTERM after step" in error
    ok_here("pretrain", **flags)
    ok_here("pretrain", **broken)
    assert not list((tmp_path / "broken").glob("**/*.tmp"))
    assert curve(flags["work_dir"])[-1]["step"] == 300
    assert curve(tmp_path / "broken") == curve(flags["work_dir"])
    expected = weights_of(flags["work_dir"] / "model")
    weights = weights_of(tmp_path / "broken" / "model")
    assert set(weights) == set(expected)
    for path, weight in weights.items():
        np.testing.assert_array_equal(weight, expected[path], err_msg=path)
