"""One writer an output: a second comer gets one line, a dead owner is no hindrance."""

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import types

import pytest
import tensorflow as tf

from bert_tf import app, files, locks
from bert_tf.data.building import builder
from bert_tf.data.building.settings import DataSettings
from bert_tf.inference import features
from bert_tf.inference.answers_file import AnswersFile
from bert_tf.tasks import results
from bert_tf.training import distribution

OWNER = """
import contextlib, sys, time
from bert_tf import locks
with getattr(locks, sys.argv[1])(sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def own():
    """Starts a process that holds the lock of an output."""
    with contextlib.ExitStack() as ended:

        def start(kind, path):
            process = subprocess.Popen(
                [sys.executable, "-c", OWNER, kind, path], stdout=subprocess.PIPE, text=True
            )
            ended.callback(process.wait)
            ended.callback(process.kill)
            assert process.stdout.readline() == "held\n"
            return process

        yield start


@pytest.fixture(params=["flock", "record"])
def disk(request, monkeypatch):
    """A disk with locks of the kernel, and one without them."""
    if request.param == "record":

        def refuse(handle, how):
            raise OSError(errno.EOPNOTSUPP, "no locks here")

        monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(locks, "OTHER_HOST_SECONDS", 0.3)
    monkeypatch.setattr(locks, "_POLL_SECONDS", 0.1)
    return request.param


@pytest.mark.parametrize("kind", ["folder", "beside"])
def test_the_second_comer_is_told_who_writes(own, tmp_path, kind):
    output = str(tmp_path / "out")
    owner = own(kind, output)
    with pytest.raises(ValueError) as refusal, getattr(locks, kind)(output):
        pass
    told = str(refusal.value)
    assert f"{output} is being written by process {owner.pid}" in told
    assert socket.gethostname() in told and "\n" not in told
    owner.send_signal(signal.SIGSTOP)  # it lives, however long it sleeps
    with pytest.raises(ValueError, match="is being written"), getattr(locks, kind)(output):
        pass
    owner.kill()
    owner.wait()
    with getattr(locks, kind)(output):
        assert os.listdir(tmp_path)
    assert not list(tmp_path.rglob("*lock"))


def build(path):
    builder.create_pretraining_data("none.txt", None, path, DataSettings())


def extract(path):
    settings = features.Settings("", (0,), "jsonl", 8, 1)
    encoder = types.SimpleNamespace(config=types.SimpleNamespace(num_hidden_layers=1))
    features.extract(encoder, None, [], path, settings, batch_size=1)


def train(path):
    with distribution.owning(path, tf.distribute.get_strategy()):
        pass


def make_folder(path):
    with files.new_folder(path, replace=True):
        pass


WRITERS = {
    "builder": ("folder", build),
    "training": ("folder", train),
    "features": ("folder", extract),
    "predictions": ("folder", lambda path: results.write_files(path, {"a": ["b"]})),
    "answers": ("beside", lambda path: AnswersFile(path, {})),
    "decisions": ("beside", lambda path: files.write_into(path, {"a": "b"})),
    "export and conversion": ("beside", make_folder),
    "figures": ("beside", lambda path: app.write_lines(path, ["a"])),
}


@pytest.mark.parametrize("name", WRITERS)
def test_whoever_writes_asks_for_the_lock(own, tmp_path, monkeypatch, name):
    monkeypatch.setattr(builder.documents, "expand_globs", lambda patterns: [])
    kind, write = WRITERS[name]
    own(kind, str(tmp_path / "out"))
    with pytest.raises(ValueError, match="out is being written by process"):
        write(str(tmp_path / "out"))


def test_workers_that_write_nothing_need_no_lock(own, tmp_path):
    own("folder", str(tmp_path / "out"))
    strategy = tf.distribute.get_strategy()
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": ["a:1", "b:1"]}), task_type="worker", task_id=1
    )
    worker = types.SimpleNamespace(cluster_resolver=resolver)
    with distribution.owning(str(tmp_path / "out"), worker):
        pass
    with distribution.owning(str(tmp_path / "out"), strategy, writes=False):
        pass


def test_the_same_process_may_take_it_again(disk, tmp_path):
    output = str(tmp_path / "out")
    with locks.folder(output):
        with locks.folder(output):
            pass
        assert os.path.exists(f"{output}/.lock")
        (tmp_path / "out" / "result").write_text("")
    assert os.listdir(output) == ["result"]


def test_another_output_is_free(disk, own, tmp_path):
    own("folder", str(tmp_path / "a"))
    with locks.folder(str(tmp_path / "b")), locks.beside(str(tmp_path / "c")):
        pass


def record(**changes):
    return json.dumps({**locks._us(), **changes})


@pytest.mark.parametrize(
    ("content", "lives"),
    [
        (record(), True),
        (record(started="1"), False),  # the number has gone to another process
        (record(pid=2**30), False),
        (record(boot="before"), False),
        (record(host="elsewhere"), False),  # and no beat comes
        ("", False),
        ("[]", False),
        ('{"pid": {}}', False),
    ],
)
def test_the_record_counts_only_without_locks_of_the_kernel(disk, tmp_path, content, lives):
    lives = lives and disk == "record"  # where the kernel has locks, nobody holds this one
    (tmp_path / "out.lock").write_text(content)
    with pytest.raises(ValueError, match="is being") if lives else contextlib.nullcontext():
        with locks.beside(str(tmp_path / "out")):
            assert json.loads((tmp_path / "out.lock").read_text())["pid"] == os.getpid()
        assert not os.listdir(tmp_path)


def test_a_beat_of_another_host_keeps_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "OTHER_HOST_SECONDS", 5.0)
    monkeypatch.setattr(locks, "_POLL_SECONDS", 0.05)
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.2)
    output = f"file://{tmp_path}/out"  # read and written as object storage is
    with locks.beside(output):
        monkeypatch.setattr(locks, "_host", lambda: "elsewhere")
        locks._held.clear()
        with pytest.raises(ValueError, match="is being written by process"), locks.beside(output):
            pass
        locks._held[output + ".lock"] = 1
    assert os.listdir(tmp_path) == []


def test_where_nothing_can_be_written_it_is_said_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    for path in ("/proc/out", str(tmp_path / "file" / "out"), str(tmp_path / "file")):
        with (
            pytest.raises(ValueError, match="nothing can be|is a file|is not a directory"),
            locks.folder(path),
        ):
            pass


def test_a_folder_that_is_replaced_is_never_half_there(tmp_path):
    """Killed at any moment, the old or the new one stands there, or neither."""
    output = str(tmp_path / "model")
    with files.new_folder(output) as new:
        files.write_whole(f"{new}/a", "old")
    code = (
        "import sys, os; from bert_tf import files\n"
        "real = getattr(os, sys.argv[2])\n"
        "def once(*words, **named):\n    real(*words, **named); os.kill(os.getpid(), 9)\n"
        "with files.new_folder(sys.argv[1], replace=True) as new:\n"
        "    files.write_whole(new + '/a', 'new'); files.write_whole(new + '/b', 'new')\n"
        "    setattr(os, sys.argv[2], once)\n"
    )
    for call in ("replace", "rmdir"):
        done = subprocess.run([sys.executable, "-c", code, output, call], check=False)
        assert done.returncode == -9
        assert call == "rmdir" or not os.path.exists(output)
        with files.new_folder(output, replace=True) as new:
            files.write_whole(f"{new}/a", "newest")
        assert sorted(os.listdir(tmp_path)) == ["model"] and os.listdir(output) == ["a"]
