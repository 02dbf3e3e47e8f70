"""Numbers of a run: one JSON object a line, and TensorBoard."""

import json
from collections.abc import Mapping

import tensorflow as tf


class MetricsWriter:
    """Appends to `<folder>/metrics.jsonl` and to TensorBoard event files beside it.

    Args:
      folder: where to write; None writes nothing (a worker that is not the chief).
      start_step: lines of later steps, left by a run that was killed, are removed.
    """

    def __init__(self, folder: str | None, start_step: int = 0):
        self._folder = folder
        if folder is None:
            return
        tf.io.gfile.makedirs(folder)
        self._path = tf.io.gfile.join(folder, "metrics.jsonl")
        # By step and names: an evaluation may be repeated if the run was stopped right after it.
        lines = {(line["step"], *line): line for line in self._read()}
        self._lines = [line for line in lines.values() if line["step"] <= start_step]
        self._rewrite()
        self._summaries = tf.summary.create_file_writer(tf.io.gfile.join(folder, "tensorboard"))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Adds `values` at `step`; the file is whole after every call."""
        if self._folder is None:
            return
        line = {"step": step, **{key: float(value) for key, value in values.items()}}
        with tf.io.gfile.GFile(self._path, "a") as file:
            file.write(json.dumps(line) + "\n")
        with self._summaries.as_default(step=step):
            for key, value in values.items():
                tf.summary.scalar(key, value)
        self._summaries.flush()

    def _read(self) -> list[dict]:
        if not tf.io.gfile.exists(self._path):
            return []
        with tf.io.gfile.GFile(self._path) as file:
            lines = file.read().splitlines()
        # A killed run may have left half a line at the end.
        return [json.loads(line) for line in lines if line.endswith("}")]

    def _rewrite(self) -> None:
        with tf.io.gfile.GFile(self._path + ".tmp", "w") as file:
            file.write("".join(json.dumps(line) + "\n" for line in self._lines))
        tf.io.gfile.rename(self._path + ".tmp", self._path, overwrite=True)
