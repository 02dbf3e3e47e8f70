"""What a run says about itself in its work directory: config.json and the numbers of its steps."""

from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.training.work_dir import contents
from bert_tf.training.work_dir.metrics_writer import MetricsWriter


class RunLog:
    """Writes nothing before there is something to say: data and model have then been seen to work.

    Args:
      folder: the work directory; None writes nothing (a worker that is not the chief).
      config: written to config.json.
      start_step: lines of later steps, left by a run that was killed, are removed.
    """

    def __init__(self, folder: str | None, config: ExperimentConfig, start_step: int):
        self._folder, self._config, self._start_step = folder, config, start_step
        self._writer: MetricsWriter | None = None

    def open(self) -> MetricsWriter:
        """Writes config.json and opens the files of numbers, the first time."""
        if self._writer is None:
            if self._folder is not None:
                contents.write_config(self._folder, self._config)
            self._writer = MetricsWriter(self._folder, self._start_step)
        return self._writer

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Adds `values` at `step`."""
        self.open().write(step, values)

    def write_samples(self, step: int, samples: Sequence[Mapping[str, Any]]) -> None:
        """Adds what the model made of some rows at `step`."""
        self.open().write_samples(step, samples)
