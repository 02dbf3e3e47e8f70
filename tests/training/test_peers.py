"""Another worker that ends is noticed at once; see test_multi_worker.py for real ones."""

import os
import queue
import signal
import socket
import subprocess
import sys

import pytest

from bert_tf.training import peers
from bert_tf.training.peers import PeerWatch

# A server that says nothing and, like TensorFlow's, closes connections it does not understand.
_SERVER = """
import socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    time.sleep(0.1)
    connection.close()
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(peers, "_RETRY_SECONDS", 0.1)


@pytest.fixture
def address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def start_server(address):
    command = [sys.executable, "-c", _SERVER, address.split(":")[1]]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"ready\n"
    return server


def test_a_killed_worker_is_reported_once_and_a_living_one_never(address):
    server, reports = start_server(address), queue.Queue()
    watch = PeerWatch([address], reports.put).start()
    with pytest.raises(queue.Empty):
        reports.get(timeout=1.0)
    server.send_signal(signal.SIGKILL)
    server.wait()
    assert reports.get(timeout=60) == (
        f"worker {address} is gone: its process or its machine has ended."
    )
    watch.stop()


def test_a_worker_may_appear_late_but_not_never(address):
    reports = queue.Queue()
    PeerWatch([address], reports.put, start_seconds=0.5).start()
    assert "has not appeared for 0 seconds" in reports.get(timeout=60)


def test_after_stop_the_others_may_end(address):
    server, reports = start_server(address), queue.Queue()
    watch = PeerWatch([address], reports.put).start()
    watch.stop()
    server.kill()
    server.wait()
    with pytest.raises(queue.Empty):
        reports.get(timeout=1.0)


def test_the_process_ends_with_75_after_its_last_wish(tmp_path):
    code = f"""
import pathlib, time
from bert_tf.training.peers import PeerWatch
watch = PeerWatch(["127.0.0.1:1"], start_seconds=0.1)
watch.last_wish = pathlib.Path({str(tmp_path / "saved")!r}).touch
watch.start()
time.sleep(600)
"""
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert process.returncode == 75
    assert "exit code 75: start all workers again" in process.stderr
    assert (tmp_path / "saved").exists()
