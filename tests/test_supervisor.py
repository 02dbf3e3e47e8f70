"""What becomes of a job when its workers end, with workers that are small programs."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from bert_tf.processes.supervisor import Supervisor


def run(tmp_path, program, num_workers=2, **settings):
    """(exit code, how often worker 0 was started). `program` knows `index`, `attempt`, `cluster`.

    It begins when all workers of its attempt are there, as a job does.
    """
    head = f"""
import json, os, pathlib, signal, sys, time
task = json.loads(os.environ.get("TF_CONFIG", '{{"task": {{"index": 0}}}}'))
index, folder = task["task"]["index"], pathlib.Path({str(tmp_path)!r})
cluster = task.get("cluster", {{}}).get("worker", [])
attempt = len(list(folder.glob(f"start-{{index}}-*")))
(folder / f"start-{{index}}-{{attempt}}").touch()
while len(list(folder.glob(f"start-*-{{attempt}}"))) < {num_workers}:
    time.sleep(0.01)
"""
    settings = {"max_restarts": 3, "backoff_seconds": 0.01, **settings}
    command = [sys.executable, "-c", head + program]
    code = Supervisor(command, num_workers, **settings).run()
    return code, len(list(tmp_path.glob("start-0-*")))


def test_all_end_well_on_addresses_of_their_own(tmp_path):
    program = "(folder / str(index)).write_text(json.dumps(cluster))"
    assert run(tmp_path, program) == (0, 1)
    (zero, one) = (json.loads((tmp_path / name).read_text()) for name in "01")
    assert zero == one and len(set(zero)) == 2
    assert all(address.startswith("127.0.0.1:") for address in zero)


def test_one_is_killed_the_other_ends_with_75_and_both_start_again(tmp_path):
    program = """
if attempt == 0 and index == 1:
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(0.3)
sys.exit(75 if attempt == 0 else 0)
"""
    assert run(tmp_path, program) == (0, 2)


def test_one_that_does_not_end_by_itself_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("bert_tf.processes.supervisor._GRACE_SECONDS", 0.2)
    program = "sys.exit(75) if index else time.sleep(0 if attempt else 600)"
    code, starts = run(tmp_path, program, max_restarts=1)
    assert (code, starts) == (75, 2)


def test_an_error_is_not_tried_again_even_if_the_others_say_75(tmp_path):
    assert run(tmp_path, "sys.exit(75 if index else 3)") == (3, 1)


def test_it_gives_up_in_the_end(tmp_path):
    assert run(tmp_path, "sys.exit(75)", num_workers=1, max_restarts=2) == (75, 3)


def test_workers_end_with_a_supervisor_that_is_killed(tmp_path):
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    program = f"from bert_tf.processes.supervisor import Supervisor; Supervisor({sleep}, 2).run()"
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[1])}
    supervisor = subprocess.Popen([sys.executable, "-c", program], env=environment)
    children = pathlib.Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children")
    try:
        workers = wait_until(lambda: len(found := children.read_text().split()) == 2 and found)
    finally:
        supervisor.kill()
        supervisor.wait()
    wait_until(lambda: not any(is_running(worker) for worker in workers))


def wait_until(function):
    deadline = time.monotonic() + 60
    while not (found := function()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def is_running(pid):
    """A process that has ended may still be listed, for a parent that never asks: state Z."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_ends_it_ends_the_workers_which_may_save_first(tmp_path, number):
    program = """
signal.signal(signal.SIGTERM, lambda *_: ((folder / f"saved-{index}").touch(), sys.exit(143)))
(folder / f"ready-{index}").touch()
time.sleep(600)
"""

    def end_when_ready():
        while len(list(tmp_path.glob("ready-*"))) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    threading.Thread(target=end_when_ready).start()
    assert run(tmp_path, program) == (143, 1)
    assert len(list(tmp_path.glob("saved-*"))) == 2
