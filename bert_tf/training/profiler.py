"""A profile of chosen steps for TensorBoard."""

from collections.abc import Sequence

import tensorflow as tf
from absl import logging


class Profiler:
    """Records the first to the last of some steps; use it in a `with` block.

    Args:
      folder: a work directory, whose tensorboard/ gets the profile; None records nothing.
      steps: (first, last), counted from 1, also as they stand on a command line; () for none.

    Raises:
      ValueError: `steps` is not a range of steps.
    """

    def __init__(self, folder: str | None, steps: Sequence[int | str] = ()):
        self._folder = folder
        self._first, self._last = _range_of(steps) if steps else (0, 0)
        self._is_running = False

    def __enter__(self) -> "Profiler":
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_running:
            self._stop()

    def next_stop(self, step: int, limit: int) -> int:
        """The step at which a call that begins after `step` must end, at most `limit`."""
        borders = [border for border in (self._first - 1, self._last) if border > step]
        return min([limit, *borders]) if self._last else limit

    def at(self, step: int) -> None:
        """Starts or ends the profile if it is due after `step` steps."""
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


def _range_of(steps: Sequence[int | str]) -> tuple[int, int]:
    if len(steps) == 2 and all(str(step).isdecimal() for step in steps):
        first, last = map(int, steps)
        if 1 <= first <= last:
            return first, last
    words = ",".join(map(str, steps))
    raise ValueError(f"the steps to profile are {words!r}; expected FIRST,LAST, for example 10,12.")
