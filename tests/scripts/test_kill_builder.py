"""The builder killed with SIGKILL, again and again, ends with the bytes of an unbroken run."""

import os
import pathlib
import signal
import subprocess
import sys
import time

from tests.scripts.conftest import ROOT, run_ok


def flags(work, output):
    return {
        "input": output.parent / "text.txt",
        "vocab_file": work / "vocab",
        "output_dir": output,
        "max_seq_length": 32,
    }


def kill_when(path: pathlib.Path, bytes_there: int, work, output):
    """Starts the run; kills it as soon as the file holds so many bytes."""
    words = [f"--{name}={value}" for name, value in flags(work, output).items()]
    process = subprocess.Popen(
        [sys.executable, "scripts/create_pretraining_data.py", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        if path.exists() and path.stat().st_size >= bytes_there:
            break
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return process.returncode


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_killed_while_tokenizing_and_while_writing_ends_with_the_same_bytes(work, tmp_path):
    # Several chunks of half a megabyte, and several shards.
    text = (work / "train.txt").read_text()
    (tmp_path / "text.txt").write_text((text + "\n") * (4_000_000 // len(text)))
    run_ok("create_pretraining_data", **flags(work, tmp_path / "unbroken"))
    broken, between = tmp_path / "broken", tmp_path / "broken.incomplete"
    moments = [(between / "journal.jsonl", 1), (between / "shards.jsonl", 1)]
    for path, bytes_there in moments:
        assert kill_when(path, bytes_there, work, broken) == -signal.SIGKILL
        assert not (broken / "manifest.json").exists()
        assert (between / "journal.jsonl").stat().st_size > 0
    run_ok("create_pretraining_data", **flags(work, broken))
    assert content(broken) == content(tmp_path / "unbroken")
    assert not between.exists()
