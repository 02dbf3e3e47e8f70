"""MLflow: parameters, curves, pages and model of a run.

`MLFLOW_TRACKING_URI` and `MLFLOW_EXPERIMENT_NAME` say where, as everywhere. Without them the run is
kept in mlflow.db, a SQLite file in the work directory: `mlflow ui --backend-store-uri
sqlite:///mlflow.db`, called there, shows it.
"""

import os
import time
from collections.abc import Mapping
from typing import Any

import mlflow
from mlflow.entities import Metric, Param

from bert_tf.trackers.tracker import Tracker

_EXPERIMENT = "bert_tf"
_PER_CALL = 100  # parameters that MLflow takes at once
_LONGEST = 500  # characters of a parameter that every version takes


class OwnTracker(Tracker):
    """Writes through MLflow's client, so that a notebook's own active run is left alone."""

    name = "mlflow"

    def _begin(self, work_dir: str, run_id: str | None, config: Mapping[str, Any]) -> str:
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        folder = os.path.abspath(work_dir)
        self._client = mlflow.MlflowClient(uri or f"sqlite:///{folder}/mlflow.db")
        self._run = run_id or self._new_run(None if uri else f"file://{folder}/mlflow", work_dir)
        self._client.update_run(self._run, status="RUNNING")
        given = [Param(key, str(value)[:_LONGEST]) for key, value in config.items()]
        for start in range(0, len(given), _PER_CALL):
            self._client.log_batch(self._run, params=given[start : start + _PER_CALL])
        return self._run

    def _new_run(self, artifacts: str | None, work_dir: str) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _EXPERIMENT)
        experiment = self._client.get_experiment_by_name(name)
        experiment_id = (
            experiment.experiment_id
            if experiment
            else self._client.create_experiment(name, artifact_location=artifacts)
        )
        run = self._client.create_run(
            experiment_id, run_name=os.path.basename(work_dir.rstrip("/"))
        )
        return run.info.run_id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        metrics = [Metric(key, float(value), now, step) for key, value in values.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def _keep(self, pages: list[str], model: str) -> None:
        for page in pages:
            self._client.log_artifact(self._run, page)
        if os.path.isdir(model):
            self._client.log_artifacts(self._run, model, artifact_path="model")
        self._client.set_terminated(self._run)
