"""Starts the workers of a cluster on this machine. When one is lost, it starts all of them again.

It does not know what the workers do. It only knows what their exit codes mean (`exits`).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO

from absl import logging

from bert_tf.processes import children
from bert_tf.processes.exits import RESTART, TERMINATED

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 20.0  # the other workers need a few seconds to end by themselves
_SAVE_SECONDS = 300.0  # after SIGTERM: time to save and end
_MOST_BACKOFF_SECONDS = 300.0
_CALM_SECONDS = 600.0  # after a run of this length, the next wait is the shortest again


class Supervisor:
    """Runs `command` as several workers until all end with 0, or one ends with an error.

    Workers do not outlive the supervisor: if it is killed, they are killed too. So a job that is
    started again never shares its work directory with the workers of the old job.

    Args:
      command: program and arguments, the same for every worker.
      num_workers: number of processes. A single worker gets no TF_CONFIG.
      max_restarts: how often all workers are started again at most.
      backoff_seconds: the wait before the first restart. It doubles for each restart that follows
        soon after.
    """

    def __init__(
        self,
        command: Sequence[str],
        num_workers: int,
        *,
        max_restarts: int = 10,
        backoff_seconds: float = 5.0,
    ):
        self._command, self._num_workers = list(command), num_workers
        self._max_restarts, self._first_backoff = max_restarts, backoff_seconds
        self._was_told = threading.Event()

    def run(self) -> int:
        """Returns the exit code: 0, the code of a worker that failed, or 143 after SIGTERM."""
        before = {s: signal.signal(s, self._tell) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            return self._run()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _tell(self, *_: object) -> None:
        self._was_told.set()

    def _run(self) -> int:
        backoff, restarts = self._first_backoff, 0
        while True:
            start = time.monotonic()
            codes = self._run_once()
            errors = [code for code in codes if code not in (0, RESTART, TERMINATED) and code > 0]
            if errors:
                return errors[0]
            if not any(codes):
                return 0
            if self._was_told.is_set():
                return TERMINATED
            if restarts == self._max_restarts:
                logging.error("the workers ended with %s after %d restarts", codes, restarts)
                return RESTART
            if time.monotonic() - start > _CALM_SECONDS:
                backoff = self._first_backoff
            restarts += 1
            logging.warning(
                "the workers ended with %s; restart %d of %d in %.0f s",
                codes,
                restarts,
                self._max_restarts,
                backoff,
            )
            if self._was_told.wait(backoff):
                return TERMINATED
            backoff = min(2 * backoff, _MOST_BACKOFF_SECONDS)

    def _run_once(self) -> list[int]:
        """Starts all workers and waits; returns their exit codes (negative: killed by a signal)."""
        workers = self._start()
        try:
            while any(worker.poll() is None for worker in workers):
                if self._was_told.is_set():
                    _end(workers, signal.SIGTERM, _SAVE_SECONDS)
                elif any(worker.poll() for worker in workers):  # a code that is not 0
                    _end(workers, None, _GRACE_SECONDS)
                time.sleep(_POLL_SECONDS)
        finally:
            _end(workers, signal.SIGKILL, _GRACE_SECONDS)
        return [worker.wait() for worker in workers]

    def _start(self) -> list[subprocess.Popen]:
        addresses = _free_addresses(self._num_workers)
        workers = []
        for index in range(self._num_workers):
            environment = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
            if self._num_workers > 1:
                task = {"type": "worker", "index": index}
                cluster = {"cluster": {"worker": addresses}, "task": task}
                environment["TF_CONFIG"] = json.dumps(cluster)
            worker = children.start(
                self._command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the workers only through the supervisor
            )
            logging.info("worker %d is process %d", index, worker.pid)
            copier = threading.Thread(target=_copy, args=(worker.stdout, index), daemon=True)
            copier.start()
            workers.append(worker)
        return workers


def _end(workers: Sequence[subprocess.Popen], number: int | None, seconds: float) -> None:
    """Sends a signal (None: none) to running workers, and SIGKILL after `seconds`."""
    running = [worker for worker in workers if worker.poll() is None]
    for worker in running:
        if number is not None:
            worker.send_signal(number)
    deadline = time.monotonic() + seconds
    for worker in running:
        try:
            worker.wait(max(deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            worker.kill()


def _free_addresses(count: int) -> list[str]:
    """Addresses on the loopback interface with ports that are free at the moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for s in sockets:
        s.close()
    return addresses


def _copy(stream: IO[bytes], index: int) -> None:
    """Copies the output of a worker, line by line."""
    for line in stream:
        sys.stdout.write(f"[{index}] {line.decode(errors='replace')}")
        sys.stdout.flush()
