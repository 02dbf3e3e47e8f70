"""The builder killed with SIGKILL, again and again, ends with the bytes of an unbroken run."""

import functools
import signal

from tests.scripts.conftest import end_when, ok_here


def flags(work, output):
    return {
        "input": output.parent / "text.txt",
        "vocab_file": work / "vocab",
        "output_dir": output,
        "max_seq_length": 32,
    }


def holds_something(path):
    return path.exists() and path.stat().st_size > 0


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_killed_while_tokenizing_and_while_writing_ends_with_the_same_bytes(work, tmp_path):
    # Several chunks of half a megabyte, and several shards.
    text = (work / "train.txt").read_text()
    (tmp_path / "text.txt").write_text((text + "\n") * (4_000_000 // len(text)))
    ok_here("create_pretraining_data", **flags(work, tmp_path / "unbroken"))
    broken, between = tmp_path / "broken", tmp_path / "broken.incomplete"
    for name in ("journal.jsonl", "shards.jsonl"):
        moment = functools.partial(holds_something, between / name)
        code, _ = end_when(moment, signal.SIGKILL, "create_pretraining_data", **flags(work, broken))
        assert code == -signal.SIGKILL
        assert not (broken / "manifest.json").exists()
        assert (between / "journal.jsonl").stat().st_size > 0
    ok_here("create_pretraining_data", **flags(work, broken))
    assert content(broken) == content(tmp_path / "unbroken")
    assert not between.exists()
