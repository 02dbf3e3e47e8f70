"""What a tracker of experiments must offer, and how one is found by its name.

The run of a tracker belongs to a work directory: its id stands in tracker.json there, so that a run
that is stopped and continued stays one run.
"""

import abc
import importlib
import os
from collections.abc import Mapping
from typing import Any

from bert_tf import files
from bert_tf.trackers import TRACKERS

FILE = "tracker.json"
# What a run leaves in its work directory, as far as it is there.
PAGES = ("report.html", "report.json", "run.html", "results.json", "config.json")
MODEL = "model"


class Tracker(abc.ABC):
    """Tells another program of a run. Only the chief of a job has one.

    Class attributes:
      name: of the tracker.
    """

    name: str

    def open(self, work_dir: str, config: Mapping[str, Any]) -> None:
        """Begins the run of a work directory, or goes on with it.

        Args:
          work_dir: a local folder, which is there.
          config: of the run, as nested dicts.
        """
        path = os.path.join(work_dir, FILE)
        known = files.read_json(path) if files.exists(path) else {}
        run_id = self._begin(work_dir, known.get(self.name), flat(config))
        files.write_json(path, {**known, self.name: run_id})

    @abc.abstractmethod
    def _begin(self, work_dir: str, run_id: str | None, config: Mapping[str, Any]) -> str:
        """Opens the run `run_id`, or a new one for None; returns its id."""

    @abc.abstractmethod
    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Adds the values of a step."""

    def finish(self, work_dir: str) -> None:
        """Keeps the pages and the model of a run that has ended, and closes it."""
        paths = [os.path.join(work_dir, name) for name in PAGES]
        self._keep([path for path in paths if os.path.isfile(path)], os.path.join(work_dir, MODEL))

    @abc.abstractmethod
    def _keep(self, pages: list[str], model: str) -> None:
        """Uploads files and the folder `model`, and closes the run."""


def make_tracker(name: str) -> Tracker | None:
    """The tracker called `name`; None for "".

    Raises:
      ValueError: there is none of that name, or its package is not installed.
    """
    if not name:
        return None
    if name not in TRACKERS:
        raise ValueError(f"--tracker={name}: expected one of {', '.join(TRACKERS)}.")
    try:
        return importlib.import_module(f"bert_tf.trackers.{name}_tracker").OwnTracker()
    except ModuleNotFoundError as error:
        raise ValueError(
            f"--tracker={name}: {error.name} is not installed: pip install 'bert-tf[{name}]'."
        ) from error


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one, with dots in the keys."""
    found = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found
