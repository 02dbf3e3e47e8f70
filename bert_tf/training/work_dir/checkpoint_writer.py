"""Writes checkpoints in a thread, so that training waits for a copy in memory, not for the disk."""

import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf.training.work_dir import checkpoint


class _Snapshot(NamedTuple):
    """The variables at one step, in memory of this host."""

    step: int
    values: dict[str, np.ndarray]
    info: dict[str, Any]
    best_step: int | None


class CheckpointWriter:
    """Copies variables and writes the copies in a thread of its own.

    Use it in a `with` block: at its end everything is on disk. If the disk is too slow, a
    checkpoint whose writing has not begun is replaced by a newer one, except the best.

    Args:
      folder: the checkpoints folder; None writes nothing (a worker that is not the chief).
      keep: how many of the newest stay.
    """

    def __init__(self, folder: str | None, keep: int):
        self._folder, self._keep = folder, keep
        self._waiting: list[_Snapshot] = []
        self._state = threading.Condition()
        self._is_writing = self._is_closed = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._write_all, name="checkpoints", daemon=True)

    def __enter__(self) -> "CheckpointWriter":
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        with self._state:
            self._is_closed = True
            self._state.notify_all()
        self._thread.join()
        if kind is None:
            self.check()
        elif self._error is not None:  # the error that ends the run is the one to report
            logging.error("%s", self._error)

    def save(
        self,
        step: int,
        variables: Mapping[str, tf.Variable],
        info: Mapping[str, Any],
        best_step: int | None = None,
    ) -> None:
        """Copies `variables`; the thread writes the copy. See `checkpoint.save`.

        Raises:
          ValueError: the checkpoint before this one could not be written.
        """
        self.check()
        if self._folder is None:
            return
        start = time.perf_counter()
        # A copy in any case: the array of a variable on a CPU may be the variable's own memory.
        values = {path: np.array(variable.numpy()) for path, variable in variables.items()}
        new = _Snapshot(step, values, dict(info), best_step)
        logging.debug("step %d copied in %.3f s", step, time.perf_counter() - start)
        with self._state:
            dropped = [s.step for s in self._waiting if s.step != best_step]
            self._waiting = [s for s in self._waiting if s.step == best_step] + [new]
            self._state.notify_all()
        if dropped:
            steps = " and ".join(map(str, dropped))
            logging.warning("the disk is slow: no checkpoint of step %s, but of %d", steps, step)

    def wait(self) -> None:
        """Waits until everything is on disk; raises what `check` raises."""
        with self._state:
            self._state.wait_for(lambda: not (self._waiting or self._is_writing))
        self.check()

    def check(self) -> None:
        """Raises ValueError if a checkpoint could not be written."""
        if self._error is not None:
            raise self._error

    def _write_all(self) -> None:
        while (snapshot := self._take()) is not None:
            try:
                checkpoint.save(
                    self._folder,
                    snapshot.step,
                    snapshot.values,
                    snapshot.info,
                    self._keep,
                    snapshot.best_step,
                )
            except Exception as error:  # whatever it is, the main thread must know
                self._error = ValueError(
                    f"the checkpoint of step {snapshot.step} could not be written, those before it "
                    f"are whole: {getattr(error, 'message', error)}"
                )
                self._error.__cause__ = error
            with self._state:
                self._is_writing = False
                self._state.notify_all()

    def _take(self) -> _Snapshot | None:
        """Waits for the next snapshot to write; None if there will be no more."""
        with self._state:
            self._state.wait_for(lambda: self._waiting or self._is_closed)
            if not self._waiting:
                return None
            self._is_writing = True
            return self._waiting.pop(0)
