"""Finds by trials the smallest number of micro-batches with which a global batch fits into memory.

A trial is a dry run of the same command in a child process. If memory runs out, the kernel kills
the child, or it aborts, or TensorFlow raises an error. This process must not touch the devices
before, because on a GPU it would take their memory.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from absl import logging

from bert_tf.config import as_json
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.processes import children
from bert_tf.training.phases import phases_of

# SIGKILL comes from the kernel. A failed allocation may end in one of the others.
_SIGNALS = (signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS)
_WORDS = re.compile(
    r"resource ?exhausted|resource_exhausted|out of memory|OOM when|bad_alloc|MemoryError"
    r"|cannot allocate memory|failed to allocate",
    re.IGNORECASE,
)


def settle(config: ExperimentConfig, work_dir: str, strategy: str, command: Sequence[str]) -> None:
    """Sets `num_micro_batches` of the run, or of each phase, to the smallest number that fits.

    A run that is continued keeps the numbers of its work directory.

    Args:
      config: gets the numbers; the global batch stays the same.
      work_dir: of the run.
      strategy: the name of the strategy, see `distribution.make_strategy`.
      command: the command line of this process, program first. It must know the flags of
        `_trial_command`.

    Raises:
      ValueError: there are several workers or a TPU, a trial failed for another reason than memory,
        or even one row on each replica does not fit.
    """
    found = _recorded(config, work_dir)
    if found is None:
        replicas = _num_replicas(strategy)
        found = [
            smallest_that_fits(
                parts_of(phase.config.train.global_batch_size, replicas),
                lambda parts, index=phase.index: fits(_trial_command(command, index, parts)),
            )
            for phase in phases_of(config)
        ]
    else:
        logging.info("the numbers of micro-batches are those of %s", work_dir)
    _set(config, found)


def try_phase(config: ExperimentConfig, train_data: Any, trial: str) -> tuple[Any, Any]:
    """(config, training data) of the trial "PHASE:NUM_MICRO_BATCHES": two steps of one phase."""
    index, parts = map(int, trial.split(":"))
    phase = phases_of(config, train_data)[index]
    train = phase.config.train
    train.num_micro_batches, train.num_train_steps, train.time_budget_minutes = parts, 2, 0.0
    return phase.config, phase.data


def parts_of(global_batch_size: int, num_replicas: int) -> list[int]:
    """The numbers of micro-batches into which each replica can divide its rows, ascending."""
    rows, rest = divmod(global_batch_size, num_replicas)
    if rest or not rows:
        raise ValueError(
            f"train.global_batch_size ({global_batch_size}) is not divisible by {num_replicas} "
            "replicas."
        )
    return [parts for parts in range(1, rows + 1) if rows % parts == 0]


def smallest_that_fits(candidates: Sequence[int], fits: Callable[[int], bool]) -> int:
    """The smallest of the ascending `candidates` that `fits`, found by bisection.

    Raises:
      ValueError: none of them fits.
    """
    low, high = 0, len(candidates)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(candidates[middle]) else (middle + 1, high)
    if low == len(candidates):
        raise ValueError(
            f"not even {candidates[-1]} micro-batches, of one row on each replica, fit into "
            "memory. Shorten data.max_seq_length, set train.recompute, or take a smaller model."
        )
    return candidates[low]


def fits(command: Sequence[str]) -> bool:
    """Whether `command` succeeds; False if it runs out of memory.

    Raises:
      ValueError: it fails for another reason. The message has its last line.
    """
    with tempfile.TemporaryFile() as output:
        child = children.start(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _offer_to_the_kernel(child.pid)
            code = child.wait()
        finally:
            child.kill()
            child.wait()
        output.seek(0)
        text = output.read().decode(errors="replace")
    if code == 0:
        logging.info("%s: fits", command[-1])
        return True
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    if -code in _SIGNALS or _WORDS.search(text):
        how = signal.Signals(-code).name if code < 0 else last
        logging.info("%s: does not fit (%s)", command[-1], how)
        return False
    raise ValueError(f"{' '.join(command)} ended with {code}: {last.removeprefix('error: ')}")


def _offer_to_the_kernel(pid: int) -> None:
    """Asks the kernel to kill this process before all others when memory runs out."""
    try:
        with open(f"/proc/{pid}/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:  # not on Linux, or the process has ended already
        return


def _trial_command(command: Sequence[str], index: int, parts: int) -> list[str]:
    """The command of a trial: of a repeated flag the last counts; no run is continued."""
    nowhere = os.path.join(tempfile.gettempdir(), f"no-work-dir-{os.getpid()}")
    flags = ["--nofind_batch", "--dry_run", f"--work_dir={nowhere}", f"--trial={index}:{parts}"]
    return [sys.executable, *command, *flags]


def _num_replicas(strategy: str) -> int:
    """The number of replicas, found without touching the devices."""
    if strategy in ("tpu", "multi_worker") or "TF_CONFIG" in os.environ:
        raise ValueError(
            "--find_batch works on the devices of one machine only. Run it on one machine with its "
            "share of train.global_batch_size, and set train.num_micro_batches to the result."
        )
    gpus = tf.config.list_physical_devices("GPU")
    return 1 if strategy == "one_device" else max(1, len(gpus))


def _recorded(config: ExperimentConfig, work_dir: str) -> list[int] | None:
    """The numbers of the run in `work_dir`; None if it has other batches or is not there."""
    path = tf.io.gfile.join(work_dir, "config.json")
    if not tf.io.gfile.exists(path):
        return None
    old = [p.config.train for p in phases_of(as_json.from_json(type(config), path))]
    new = [p.config.train for p in phases_of(config)]
    if [t.global_batch_size for t in old] != [t.global_batch_size for t in new]:
        return None
    return [train.num_micro_batches for train in old]


def _set(config: ExperimentConfig, found: Sequence[int]) -> None:
    for phase, parts in zip(config.train.phases or [config.train], found, strict=True):
        phase.num_micro_batches = parts
    for phase in phases_of(config):
        rows = phase.config.train.global_batch_size
        which = f"phase {phase.index + 1}: " if config.train.phases else ""
        print(f"{which}{found[phase.index]} micro-batch(es) for {rows} rows", flush=True)
