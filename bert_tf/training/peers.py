"""Ends this process when another worker of its cluster is lost: the run cannot go on without it.

TensorFlow notices a lost worker only at the next collective, and then behaves in different ways.
So threads of this module hold a TCP connection to the server of every other worker, also while this
process reads, compiles or waits for the cluster. When a worker ends, its operating system closes
the connection. Nothing is sent.
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

_START_SECONDS = 600.0  # longest time between the starts of two workers
_CONNECT_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_MOST_REFUSALS = 3  # in a row, after the worker was reached once
_LAST_WISH_SECONDS = 20.0
# Errors of a collective when a worker is lost.
LOST_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


class PeerWatch:
    """Watches the other workers, with one thread for each.

    Attributes:
      last_wish: a function that is called before the process ends and may take 20 seconds. It
        finishes a checkpoint.

    Args:
      addresses: "host:port" of the servers of the other workers.
      end: called with a message when a worker is lost; the default ends the process.
      start_seconds: longest time until a worker can be reached.
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
        """Starts the threads."""
        for address in self._addresses:
            threading.Thread(target=self._watch, args=(address,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Stops watching: from now on the other workers may end."""
        self._stopped.set()

    def end_process(self, reason: str) -> None:
        """Ends this process with exit code 75, whatever its other threads do."""
        self._ending.acquire()  # never released: only the first thread prints its message
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
        except Exception as error:  # the process ends in any case
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
                self._report(f"worker {address} is gone: its process or its machine has ended.")
            elif not was_there and is_late:
                seconds = f"{self._start_seconds:.0f} seconds"
                self._report(f"worker {address} has not appeared for {seconds}.")
            self._stopped.wait(_RETRY_SECONDS)

    def _report(self, reason: str) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            self._end(reason)

    def _hold_connection(self, address: str) -> bool:
        """Connects and waits until the connection is closed; returns False if it could not."""
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
                        break  # closed, possibly by a running server that got no data
                except TimeoutError:
                    continue
                except OSError:
                    break
        return True


def _keep_alive(connection: socket.socket) -> None:
    """Makes the kernel notice within half a minute that the other machine is unreachable."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


_watch: PeerWatch | None = None


def watch(resolver: tf.distribute.cluster_resolver.ClusterResolver | None) -> PeerWatch:
    """Returns the watch over the other workers of this process; starts it at the first call.

    Args:
      resolver: knows the cluster and the task of this process; None if there are no other workers.
    """
    global _watch
    if _watch is None:
        _watch = PeerWatch(_others(resolver)).start()
    return _watch


def unwatch() -> None:
    """Ends the watch: the other workers may end now."""
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
