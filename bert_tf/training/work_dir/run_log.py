"""Writes config.json and the metrics of a run into its work directory."""

from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf.config import as_json
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.trackers.tracker import Tracker
from bert_tf.training.work_dir import contents
from bert_tf.training.work_dir.metrics_writer import MetricsWriter


class RunLog:
    """Writes nothing before the first metrics: then data and model are known to work.

    Args:
      folder: the work directory; None writes nothing (a worker that is not the chief).
      config: written to config.json.
      start_step: lines of later steps, left by a run that was killed, are removed.
      tracker: gets the metrics too; None for none.
    """

    def __init__(
        self,
        folder: str | None,
        config: ExperimentConfig,
        start_step: int,
        tracker: Tracker | None = None,
    ):
        self._folder, self._config, self._start_step = folder, config, start_step
        self._tracker = None if folder is None else tracker
        self._writer: MetricsWriter | None = None

    def open(self) -> MetricsWriter:
        """Writes config.json and opens the metrics files, at the first call."""
        if self._writer is None:
            if self._folder is not None:
                contents.write_config(self._folder, self._config)
            if self._tracker is not None:
                self._tracker.open(self._folder, as_json.to_dict(self._config))
            self._writer = MetricsWriter(self._folder, self._start_step)
        return self._writer

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Adds `values` at `step`."""
        self.open().write(step, values)
        if self._tracker is not None:
            self._tracker.log(step, values)

    def write_samples(self, step: int, samples: Sequence[Mapping[str, Any]]) -> None:
        """Adds the answers of the model to some rows at `step`."""
        self.open().write_samples(step, samples)
