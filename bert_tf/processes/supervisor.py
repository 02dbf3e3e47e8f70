"""Starts the workers of a cluster on this machine, and all of them again when one is lost.

Knows nothing of what they do, only what their exit codes mean (`exits`).
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
_GRACE_SECONDS = 20.0  # for the others to end by themselves, which they do within seconds
_SAVE_SECONDS = 300.0  # for all to save and end after SIGTERM
_MOST_BACKOFF_SECONDS = 300.0
_CALM_SECONDS = 600.0  # who has run so long starts with the shortest wait again


class Supervisor:
    """Runs `command` as several workers until all have ended with 0, or one with an error.

    Workers do not outlive it: if it is killed itself, they are killed too, so that whoever starts
    it again need not fear a second job in the same work directory.

    Args:
      command: program and arguments, the same for every worker.
      num_workers: how many; one gets no TF_CONFIG.
      max_restarts: how often all are started again.
      backoff_seconds: the wait before the first restart; doubles with each that follows soon.
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
        """The exit code: 0, that of the worker with an error, or 143 after SIGTERM."""
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
        """Starts all workers; how they ended (below 0: by that signal)."""
        workers = self._start()
        try:
            while any(worker.poll() is None for worker in workers):
                if self._was_told.is_set():
                    _end(workers, signal.SIGTERM, _SAVE_SECONDS)
                elif any(worker.poll() for worker in workers):  # not those that ended with 0
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
                start_new_session=True,  # Ctrl-C reaches it through us alone
            )
            logging.info("worker %d is process %d", index, worker.pid)
            copier = threading.Thread(target=_copy, args=(worker.stdout, index), daemon=True)
            copier.start()
            workers.append(worker)
        return workers


def _end(workers: Sequence[subprocess.Popen], number: int | None, seconds: float) -> None:
    """Sends the signal, if any, to those that run; SIGKILL to those that run `seconds` later."""
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
    """Addresses on the loopback interface whose ports nobody uses at the moment."""
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
