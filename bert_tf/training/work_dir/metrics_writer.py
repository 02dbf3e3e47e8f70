"""Writes the metrics of a run, as lines of JSON and for TensorBoard."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from bert_tf.files import write_lines
from bert_tf.report.run_curves import METRICS, read_lines

SAMPLES = "samples.jsonl"


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
        for name in (METRICS, SAMPLES):
            _forget_later_steps(tf.io.gfile.join(folder, name), start_step)
        self._summaries = tf.summary.create_file_writer(tf.io.gfile.join(folder, "tensorboard"))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Adds `values` at `step`. After each call the file has whole lines."""
        if self._folder is None:
            return
        self._append(METRICS, {"step": step, **{key: float(v) for key, v in values.items()}})
        with self._summaries.as_default(step=step):
            for key, value in values.items():
                tf.summary.scalar(key, value)
        self._summaries.flush()

    def write_samples(self, step: int, samples: Sequence[Mapping[str, Any]]) -> None:
        """Adds the answers of the model to some rows at `step` to `<folder>/samples.jsonl`."""
        if self._folder is not None and samples:
            self._append(SAMPLES, {"step": step, "samples": list(samples)})

    def _append(self, name: str, line: Mapping[str, Any]) -> None:
        with tf.io.gfile.GFile(tf.io.gfile.join(self._folder, name), "a") as file:
            file.write(json.dumps(line) + "\n")


def _forget_later_steps(path: str, start_step: int) -> None:
    # By step and names: an evaluation may be repeated if the run was stopped right after it.
    lines = {(line["step"], *line): line for line in read_lines(path)}
    kept = (json.dumps(line) for line in lines.values() if line["step"] <= start_step)
    write_lines(path, kept)
