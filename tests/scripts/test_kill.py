"""A run that is killed and started again equals one that was never broken, bit for bit."""

import json
import signal

import numpy as np
import safetensors.numpy

from tests.scripts.conftest import kill_when, run_ok

_CLOCK = ("examples_per_second", "tokens_per_second", "mfu")


def flags(work, folder):
    return {
        "config": work / "pretraining.py",
        "train_data": work / "train",
        "eval_data": work / "valid",
        "work_dir": folder,
        "config.train.num_train_steps": 300,
        "config.train.checkpoint_every": 20,
        "config.train.steps_per_loop": 10,
    }


def curve(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in _CLOCK} for line in lines]


def test_killed_twice_equals_unbroken_bit_for_bit(work, tmp_path):
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    run_ok("pretrain", **flags(work, unbroken))
    for step in ("step-00000060", "step-00000200"):
        # The folder appears before the checkpoint is whole: some kills leave half of one.
        moment = (broken / "checkpoints" / step).exists
        assert kill_when(moment, "pretrain", **flags(work, broken)) == -signal.SIGKILL
    run_ok("pretrain", **flags(work, broken))
    assert curve(broken) == curve(unbroken)
    assert len(curve(broken)) == 31
    first, second = (
        safetensors.numpy.load_file(folder / "model" / "model.safetensors")
        for folder in (unbroken, broken)
    )
    assert set(first) == set(second)
    for path, weight in first.items():
        np.testing.assert_array_equal(weight, second[path])
