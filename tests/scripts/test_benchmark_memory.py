"""The memory of a command is that of all its processes at their highest."""

import sys

import pytest

from benchmarks.memory import run_and_watch

CHILD = "import time; b = b'x' * 60_000_000; time.sleep(0.7)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"


def test_the_memory_of_children_counts():
    _, empty = run_and_watch([sys.executable, "-c", "import time; time.sleep(0.5)"])
    seconds, peak = run_and_watch([sys.executable, "-c", PARENT])
    assert seconds > 0.7
    assert 60e6 < peak - empty < 90e6


def test_a_command_that_fails_is_an_error():
    with pytest.raises(ValueError, match="ended with 3"):
        run_and_watch([sys.executable, "-c", "raise SystemExit(3)"])
