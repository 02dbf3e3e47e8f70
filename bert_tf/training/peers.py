"""Ends this process when another worker of its cluster is gone: nobody can go on without it.

TensorFlow notices a lost worker at the next collective at the earliest, and then does one of
several things. A thread here holds a connection to every other worker's server, whatever this
process is busy with (reading, compiling, waiting for the cluster to form); the operating system
closes the connection when the other process ends. Nothing is sent.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable

import tensorflow as tf
from absl import logging

from bert_tf.processes.exits import RESTART

_START_SECONDS = 600.0  # the workers of a cluster may start so far apart
_CONNECT_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_MOST_REFUSALS = 3  # in a row, of a worker that had been there
_LAST_WISH_SECONDS = 20.0
# What a collective raises when somebody is missing.
LOST_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


class PeerWatch:
    """One thread for each other worker.

    Attributes:
      last_wish: called before the process ends, for at most 20 seconds; finishes a checkpoint.

    Args:
      addresses: "host:port" of the servers of the other workers.
      end: what is called with a message when one is gone; ends the process.
      start_seconds: how long a worker may take to appear.
    """

    def __init__(
        self,
        addresses: list[str],
        end: Callable[[str], None] | None = None,
        start_seconds: float = _START_SECONDS,
    ):
        self._addresses, self._start_seconds = addresses, start_seconds
        self._end = end or self.end_process
        self._stopped = threading.Event()
        self._ending = threading.Lock()
        self.last_wish: Callable[[], None] = lambda: None

    def start(self) -> "PeerWatch":
        """Begins to watch."""
        for address in self._addresses:
            threading.Thread(target=self._watch, args=(address,), daemon=True).start()
        return self

    def stop(self) -> None:
        """From now on the others may end."""
        self._stopped.set()

    def end_process(self, reason: str) -> None:
        """Ends this process with exit code 75, whatever its other threads are doing."""
        self._ending.acquire()  # for ever: one message is enough
        wish = threading.Thread(target=self._fulfil_last_wish, daemon=True)
        wish.start()
        wish.join(_LAST_WISH_SECONDS)
        print(
            f"{reason} This one ends too, with exit code {RESTART}: start all workers again, and "
            "the run continues from its last checkpoint.",
            file=sys.stderr,
            flush=True,
        )
        os._exit(RESTART)

    def _fulfil_last_wish(self) -> None:
        try:
            self.last_wish()
        except Exception as error:  # there is nothing left to do but to say it
            logging.error("%s", error)

    def _watch(self, address: str) -> None:
        start, was_there, refusals = time.monotonic(), False, 0
        while not self._stopped.is_set():
            if self._hold_connection(address):
                was_there, refusals = True, 0
                continue
            refusals += 1
            is_late = time.monotonic() - start > self._start_seconds
            if was_there and refusals >= _MOST_REFUSALS:
                self._report(f"worker {address} is gone: its process has ended, or its machine.")
            elif not was_there and is_late:
                seconds = f"{self._start_seconds:.0f} seconds"
                self._report(f"worker {address} has not appeared for {seconds}.")
            self._stopped.wait(_RETRY_SECONDS)

    def _report(self, reason: str) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            self._end(reason)

    def _hold_connection(self, address: str) -> bool:
        """Returns when the connection is closed; whether there was one."""
        host, _, port = address.rpartition(":")
        try:
            connection = socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS)
        except OSError:
            return False
        with connection:
            _keep_alive(connection)
            connection.settimeout(_RETRY_SECONDS)
            while not self._stopped.is_set():
                try:
                    if not connection.recv(4096):
                        break  # closed; also by a living server that wonders why nothing is said
                except TimeoutError:
                    continue
                except OSError:
                    break
        return True


def _keep_alive(connection: socket.socket) -> None:
    """Notices within half a minute that a machine has lost its power or its network."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


_watch: PeerWatch | None = None


def watch(resolver: tf.distribute.cluster_resolver.ClusterResolver | None) -> PeerWatch:
    """The watch over the other workers of this process' cluster, started if there is none.

    Args:
      resolver: knows the cluster and which of its tasks this process is; None: there is no other.
    """
    global _watch
    if _watch is None:
        _watch = PeerWatch(_others(resolver)).start()
    return _watch


def unwatch() -> None:
    """The workers of this process' cluster may end now."""
    global _watch
    if _watch is not None:
        _watch.stop()
    _watch = None


def _others(resolver: tf.distribute.cluster_resolver.ClusterResolver | None) -> list[str]:
    if resolver is None or not resolver.task_type:
        return []
    own = (resolver.task_type, resolver.task_id)
    jobs = resolver.cluster_spec().as_dict()
    return [
        address
        for job in ("chief", "worker")
        for index, address in enumerate(jobs.get(job, []))
        if (job, index) != own
    ]
