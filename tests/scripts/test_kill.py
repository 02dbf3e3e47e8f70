"""A run that is broken off and started again equals one that never was, bit for bit."""

import json
import signal

import numpy as np
import safetensors.numpy

from tests.scripts.conftest import end_when, run_ok

_CLOCK = ("examples_per_second", "tokens_per_second", "mfu")


def flags(work, folder):
    return {
        "config": work / "pretraining.py",
        "train_data": work / "train",
        "eval_data": work / "valid",
        "work_dir": folder,
        "config.train.num_train_steps": 400,  # seconds in which to be ended
        "config.train.checkpoint_every": 20,
        "config.train.steps_per_loop": 10,
    }


def curve(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in _CLOCK} for line in lines]


def test_killed_interrupted_and_terminated_equals_unbroken_bit_for_bit(work, tmp_path):
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    run_ok("pretrain", **flags(work, unbroken))
    for step, number, expected in (
        ("step-00000040", signal.SIGKILL, -signal.SIGKILL),
        ("step-00000140", signal.SIGINT, 130),
        ("step-00000240", signal.SIGTERM, 143),
    ):
        # The folder appears before the checkpoint is whole: some kills leave half of one.
        moment = (broken / "checkpoints" / step).exists
        code, error = end_when(moment, number, "pretrain", **flags(work, broken))
        assert code == expected and "Traceback" not in error, error
        assert ("interrupted" in error.splitlines()) == (number == signal.SIGINT)
        assert ("continuing from" in error) == (step != "step-00000040")
    assert "ended by SIGTERM after step" in error
    run_ok("pretrain", **flags(work, broken))
    assert not list(broken.glob("**/*.tmp"))
    assert curve(broken) == curve(unbroken)
    assert len(curve(broken)) == 41
    first, second = (
        safetensors.numpy.load_file(folder / "model" / "model.safetensors")
        for folder in (unbroken, broken)
    )
    assert set(first) == set(second)
    for path, weight in first.items():
        np.testing.assert_array_equal(weight, second[path])
