"""Two processes on loopback train what one process trains, also when one of them is killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import safetensors.numpy

from tests.scripts.conftest import ROOT, command_of, ok_here

_HOLD_SECONDS = 2.0  # a step takes a fraction of one
_CLOCK = ("examples_per_second", "tokens_per_second", "mfu")


def flags(work, folder, **changes):
    return {
        "config": work / "pretraining.py",
        "train_data": work / "train",
        "eval_data": work / "valid",
        "work_dir": folder,
        "config.train.steps_per_loop": 1,
        "config.train.checkpoint_every": 2,
        "config.train.num_train_steps": 24,
        **changes,
    }


def result(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    curve = [[v for k, v in line.items() if k not in _CLOCK] for line in lines]
    return curve, safetensors.numpy.load_file(folder / "model" / "model.safetensors")


def launch_and_kill(log, **values):
    """Two workers under scripts/launch.py; the second is killed when there is a checkpoint.

    It is held for a moment before: the first then waits for it inside a collective.

    Returns (exit code, seconds from the kill to the end of the first worker, output).
    """
    command = [sys.executable, "scripts/launch.py", "--num_workers=2", "--backoff_seconds=0.1"]
    command += ["--", *command_of("pretrain", **values)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    with open(log, "w") as file:
        job = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
        try:
            wait_for(job, lambda: any(values["work_dir"].glob("checkpoints/*/checkpoint.json")))
            worker = int(re.search(r"worker 1 is process (\d+)", log.read_text())[1])
            os.kill(worker, signal.SIGSTOP)
            time.sleep(_HOLD_SECONDS)
            os.kill(worker, signal.SIGKILL)
            killed = time.monotonic()
            wait_for(job, lambda: "restart 1 of" in log.read_text())
            seconds = time.monotonic() - killed
            return job.wait(500), seconds, log.read_text()
        finally:
            job.kill()


def wait_for(job, is_time):
    deadline = time.monotonic() + 500
    while not is_time():
        assert job.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)


def test_a_job_whose_worker_is_killed_inside_a_collective_ends_like_one_process(work, tmp_path):
    code, seconds, output = launch_and_kill(tmp_path / "log", **flags(work, tmp_path / "two"))
    assert code == 0, output[-3000:]
    assert seconds < 60
    assert re.search(r"\[0\] .*is gone.*exit code 75: start all workers again", output)
    assert "the workers ended with [75, -9]" in output
    assert re.search(r"\[1\] .*continuing from .*step-000000", output)
    ok_here("pretrain", **flags(work, tmp_path / "one", **{"config.train.num_micro_batches": 2}))
    (two, two_weights), (one, one_weights) = result(tmp_path / "two"), result(tmp_path / "one")
    assert len(one) == 25
    for a, b in zip(two, one, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    for path, weight in one_weights.items():
        if not path.endswith("key/bias"):  # no gradient but rounding, which Adam scales up
            np.testing.assert_allclose(two_weights[path], weight, atol=1e-5)
