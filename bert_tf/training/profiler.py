"""A profile of chosen steps for TensorBoard."""

import tensorflow as tf
from absl import logging


class Profiler:
    """Records the steps `first` to `last`; use it in a `with` block.

    Args:
      folder: a work directory, whose tensorboard/ gets the profile; None records nothing.
      first, last: steps, counted from 1; 0 for none.

    Raises:
      ValueError: they are no range of steps.
    """

    def __init__(self, folder: str | None, first: int = 0, last: int = 0):
        if not (first == last == 0 or 1 <= first <= last):
            raise ValueError(
                f"the steps to profile are {first} to {last}; expected a first one of at least 1 "
                "and a last one that is not before it."
            )
        self._folder, self._first, self._last = folder, first, last
        self._is_running = False

    def __enter__(self) -> "Profiler":
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_running:
            self._stop()

    def next_stop(self, step: int, limit: int) -> int:
        """Where a call that begins after `step` must end, at most at `limit`."""
        borders = [border for border in (self._first - 1, self._last) if border > step]
        return min([limit, *borders]) if self._last else limit

    def at(self, step: int) -> None:
        """After `step` steps: begins or ends."""
        if self._folder is None or not self._last:
            return
        if not self._is_running and self._first - 1 <= step < self._last:
            tf.profiler.experimental.start(tf.io.gfile.join(self._folder, "tensorboard"))
            self._is_running = True
        elif self._is_running and step >= self._last:
            self._stop()

    def _stop(self) -> None:
        tf.profiler.experimental.stop()
        self._is_running = False
        logging.info("profile of steps %d to %d written", self._first, self._last)
