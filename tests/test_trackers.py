"""Trackers get config, curves, pages and model; a run that is continued stays one run.

They need neither TensorFlow nor network. Of MLflow the extra `test` has what writes runs.
"""

import json
import sys

import pytest

from bert_tf.trackers import TRACKERS
from bert_tf.trackers.tracker import FILE, Tracker, flat, make_tracker

CONFIG = {"optimizer": {"name": "adamw", "learning_rate": 0.001}, "train": {"seed": 1}}


@pytest.fixture
def work_dir(tmp_path):
    """A work directory whose run has ended."""
    folder = tmp_path / "work"
    (folder / "model").mkdir(parents=True)
    (folder / "report.html").write_text("<p>a report</p>")
    (folder / "model" / "task.json").write_text("{}")
    return folder


class Recorder(Tracker):
    """Remembers what it was told."""

    name = "recorder"

    def _begin(self, work_dir, run_id, config):
        self.begun_with, self.config = run_id, config
        return run_id or "run 1"

    def log(self, step, values):
        pass

    def _keep(self, pages, model):
        self.kept = (pages, model)


def test_a_work_directory_has_one_run(work_dir):
    first, second = Recorder(), Recorder()
    first.open(str(work_dir), CONFIG)
    second.open(str(work_dir), CONFIG)
    assert (first.begun_with, second.begun_with) == (None, "run 1")
    assert json.loads((work_dir / FILE).read_text()) == {"recorder": "run 1"}
    assert first.config["optimizer.learning_rate"] == 0.001


def test_pages_and_model_are_kept_at_the_end(work_dir):
    tracker = Recorder()
    tracker.finish(str(work_dir))
    assert tracker.kept == ([str(work_dir / "report.html")], str(work_dir / "model"))


def test_nested_settings_become_flat():
    assert flat({"a": {"b": {"c": 1}}, "d": 2}) == {"a.b.c": 1, "d": 2}


def test_an_unknown_tracker_is_an_error_and_none_is_none():
    assert make_tracker("") is None
    with pytest.raises(ValueError, match="expected one of mlflow, wandb"):
        make_tracker("excel")


@pytest.mark.parametrize("name", TRACKERS)
def test_a_missing_package_is_one_line(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"bert_tf.trackers.{name}_tracker", raising=False)
    with pytest.raises(
        ValueError, match=rf"{name} is not installed: pip install 'bert-tf\[{name}\]'"
    ):
        make_tracker(name)


def test_mlflow_keeps_a_run_in_a_sqlite_file(work_dir, monkeypatch):
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for steps in ((1, 2), (3,)):  # stopped and continued
        tracker = make_tracker("mlflow")
        tracker.open(str(work_dir), CONFIG)
        for step in steps:
            tracker.log(step, {"loss": 1 / step})
    tracker.finish(str(work_dir))
    client = mlflow.MlflowClient(f"sqlite:///{work_dir}/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("bert_tf").experiment_id])
    assert run.data.params["optimizer.learning_rate"] == "0.001"
    assert [m.step for m in client.get_metric_history(run.info.run_id, "loss")] == [1, 2, 3]
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        "report.html",
        "model",
    }
    assert run.info.status == "FINISHED"


def test_wandb_keeps_an_offline_run(work_dir, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    ids = []
    for step in (1, 2):
        tracker = make_tracker("wandb")
        tracker.open(str(work_dir), CONFIG)
        tracker.log(step, {"loss": 1 / step})
        tracker.finish(str(work_dir))
        ids.append(json.loads((work_dir / FILE).read_text())["wandb"])
    assert ids[0] == ids[1]
    files = [path for path in (work_dir / "wandb").rglob("run-*.wandb")]
    assert files and all(ids[0] in path.name for path in files)
