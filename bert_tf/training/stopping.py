"""Ends a run before its last step: after SIGTERM, or at the time limit. All workers agree on it."""

import signal
import threading
import time

import numpy as np
import tensorflow as tf
from absl import logging

# The longest call of the compiled steps. A run can only be stopped between two calls.
_SECONDS_PER_CALL = 2.0
_BATCHES_PER_AGREEMENT = 16  # in an evaluation, because workers wait for each other


class Agreement:
    """Exchanges numbers between the workers of a strategy.

    Args:
      strategy: the strategy of all workers. A single process communicates nothing.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        resolver = strategy.cluster_resolver
        self._strategy, self._task_id = strategy, 0
        self.num_workers = 1
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) and resolver.task_type:
            self.num_workers = strategy.extended._num_workers
            self._task_id = _index_of(resolver)
        self._sum = tf.function(self._sum_over_replicas, autograph=False)

    def gather(self, *values: float) -> np.ndarray:
        """Waits for all workers; returns their values, float64 [workers, len(values)]."""
        own = np.zeros((self.num_workers, len(values)))
        own[self._task_id] = values
        if self.num_workers == 1:
            return own
        return self._sum(tf.constant(own)).numpy()

    def wait(self) -> None:
        """Waits until all workers have called this method."""
        self.gather(0.0)

    def _sum_over_replicas(self, own):
        def of_replica():
            context = tf.distribute.get_replica_context()
            local = self._strategy.num_replicas_in_sync // self.num_workers
            is_first = context.replica_id_in_sync_group % local == 0
            mine = tf.where(is_first, own, tf.zeros_like(own))
            return context.all_reduce(tf.distribute.ReduceOp.SUM, mine)

        results = self._strategy.run(of_replica)
        return self._strategy.experimental_local_results(results)[0]


def _index_of(resolver: tf.distribute.cluster_resolver.ClusterResolver) -> int:
    """The number of this worker. A chief, if there is one, has number 0."""
    jobs = resolver.cluster_spec().jobs
    return resolver.task_id + (1 if resolver.task_type == "worker" and "chief" in jobs else 0)


class Stopper:
    """Divides the steps into short calls, and says between two calls whether the run must stop.

    Use it in a `with` block: there SIGTERM does not end the process, but is remembered.

    Args:
      agreement: exchanges numbers between the workers.
      time_limit: seconds from now; 0 for no limit.
    """

    def __init__(self, agreement: Agreement, time_limit: float = 0.0):
        self._agreement = agreement
        self._deadline = time.monotonic() + time_limit if time_limit else float("inf")
        self._was_told = False
        self._seconds_per_step = float("inf")
        self.reason = ""  # why the run stops: "SIGTERM" or "time limit"

    def __enter__(self) -> "Stopper":
        # Python handles signals in the main thread only. In other threads SIGTERM stays as it was.
        self._is_catching = threading.current_thread() is threading.main_thread()
        if self._is_catching:
            self._before = signal.signal(signal.SIGTERM, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_catching:
            signal.signal(signal.SIGTERM, self._before)

    def _remember(self, *_: object) -> None:
        logging.warning("SIGTERM: the run is saved and ends after this step")
        self._was_told = True

    def num_steps(self, remaining: int) -> int:
        """Returns the number of steps of the next call; it is the same on all workers."""
        return int(max(1, min(remaining, _SECONDS_PER_CALL / self._seconds_per_step)))

    def update(self, seconds_per_step: float) -> None:
        """Call it after each call of the compiled steps; it sets `reason` if the run must stop."""
        is_late = time.monotonic() >= self._deadline
        told, late, slowest = self._agreement.gather(self._was_told, is_late, seconds_per_step).max(
            axis=0
        )
        self._seconds_per_step = max(slowest, 1e-6)
        if told or late:
            self.reason = "SIGTERM" if told else "time limit"

    def is_told(self, num_batches: int) -> bool:
        """In an evaluation, after `num_batches` batches: whether any worker has got SIGTERM."""
        if num_batches % (1 if self._agreement.num_workers == 1 else _BATCHES_PER_AGREEMENT):
            return False
        if self._agreement.gather(self._was_told).any():
            self.reason = "SIGTERM"
        return bool(self.reason)
