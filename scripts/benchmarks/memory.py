"""Memory of a command with all of its processes. Imports the standard library alone."""

import pathlib
import subprocess
import time
from collections.abc import Sequence

_EVERY = 0.05  # seconds


def run_and_watch(command: Sequence[str], **settings: object) -> tuple[float, int]:
    """Runs a command to its end.

    Args:
      command: words.
      settings: for `subprocess.Popen`.

    Returns:
      seconds; and the highest proportional set size of all its processes together, in bytes
      (pages that processes share count once). Linux only.

    Raises:
      ValueError: the command failed.
    """
    start, peak = time.perf_counter(), 0
    with subprocess.Popen(command, **settings) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(_pss, _tree(process.pid))))
            time.sleep(_EVERY)
    if process.returncode:
        raise ValueError(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - start, peak


def _tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for parent in found:
        for task in pathlib.Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:  # it has ended meanwhile
                continue
    return found


def _pss(pid: int) -> int:
    try:
        lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
