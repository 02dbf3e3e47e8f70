"""The grid of GLUE runs: resumable, one best model a task, a table and the leaderboard's archive.

The script that a run is, is a stand-in here: it writes what scripts/finetune.py leaves.
"""

import json
import pathlib
import sys
import zipfile

import pytest

from bert_tf.config import experiment
from bert_tf.tasks.glue import grid as glue

_DATA = str(pathlib.Path(__file__).parents[1] / "testdata" / "glue")
_SCRIPT = """
import json, pathlib, sys
flags = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:])
if flags.get("fail") == flags["task"]:
    sys.exit("error: " + flags["task"] + " cannot")
folder = pathlib.Path(flags["work_dir"])
(folder / "model").mkdir(parents=True)
(folder / "checkpoints").mkdir()
(folder / "submission").mkdir()
(folder / "called").write_text(json.dumps(flags))
seed = float(flags["config.train.seed"])
rate = float(flags["config.optimizer.learning_rate"])
score = {"rte": 0.5, "mnli": 0.7}[flags["task"]] + seed / 100 - rate
scores = {name: {"accuracy": score} for name in
          (["dev"] if flags["task"] == "rte" else ["dev_matched", "dev_mismatched"])}
names = ["RTE.tsv"] if flags["task"] == "rte" else ["MNLI-m.tsv", "MNLI-mm.tsv", "AX.tsv"]
for name in names:
    (folder / "submission" / name).write_text(str(score))
(folder / "results.json").write_text(json.dumps({"known_by": ["accuracy"], "scores": scores}))
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "finetune.py"
    path.write_text(_SCRIPT)
    return str(path)


def grid(tmp_path, **changes):
    settings = {
        "data_dir": _DATA,
        "work_dir": str(tmp_path / "work"),
        "init_checkpoint": "start",
        "tasks": ("rte", "mnli"),
        "seeds": ("1", "3", "2"),
        "learning_rates": ("1e-4", "0.1"),
    }
    return glue.Grid(**{**settings, **changes})


def flags_of(tmp_path, run):
    return json.loads((tmp_path / "work" / run / "called").read_text())


def test_a_grid_ends_with_the_table_and_the_archive_of_the_best_runs(tmp_path, script):
    table = glue.run(grid(tmp_path), script, ["--config.train.dtype=float32"])
    rows = json.loads((tmp_path / "work" / "table.json").read_text())
    assert len(rows) == 2 * (1 + 2)
    best = next(row for row in rows if row["task"] == "rte" and row["learning_rate"] == "1e-4")
    assert best["mean"] == pytest.approx(0.52 - 1e-4)
    assert best["spread"] == pytest.approx(0.01)
    assert best["best"] == pytest.approx(0.53 - 1e-4)
    assert "rte    dev             accuracy      1e-4   51.99    1.00   52.99" in table
    assert "average over 2 tasks, each at its best rate: 61.99" in table
    assert "NOT in the archive, because the test file is missing: CoLA.tsv, SST-2.tsv" in table
    with zipfile.ZipFile(tmp_path / "work" / "submission.zip") as archive:
        assert archive.namelist() == ["AX.tsv", "MNLI-m.tsv", "MNLI-mm.tsv", "RTE.tsv"]
        assert float(archive.read("RTE.tsv")) == pytest.approx(0.53 - 1e-4)
    models = [path.parent.name for path in (tmp_path / "work").glob("*/*/model")]
    assert models == ["lr1e-4_seed3"] * 2
    assert not list((tmp_path / "work").glob("*/*/checkpoints"))
    assert flags_of(tmp_path, "rte/lr0.1_seed2")["config.train.dtype"] == "float32"


def test_a_grid_goes_on_where_it_stopped_and_grows(tmp_path, script):
    words = ["--fail=mnli"]
    with pytest.raises(ValueError, match=r"ended with code 1: error: mnli cannot \(see .*log.txt"):
        glue.run(grid(tmp_path), script, words)
    called = tmp_path / "work" / "rte" / "lr1e-4_seed1" / "called"
    called.unlink()
    glue.run(grid(tmp_path, tasks=("rte",), seeds=("1", "9")), script, words)
    assert not called.exists()  # finished before, not done again
    assert flags_of(tmp_path, "rte/lr1e-4_seed9")["config.train.seed"] == "9"
    with pytest.raises(ValueError, match="holds runs with .*Choose another --work_dir"):
        glue.run(grid(tmp_path, init_checkpoint="other"), script, words)


def test_tasks_start_from_the_best_model_of_mnli(tmp_path, script):
    glue.run(grid(tmp_path, from_mnli=("rte",)), script, [])
    start = flags_of(tmp_path, "rte/lr0.1_seed1")["init_checkpoint"]
    assert start == str(tmp_path / "work" / "mnli" / "lr1e-4_seed3" / "model")
    assert flags_of(tmp_path, "mnli/lr0.1_seed1")["init_checkpoint"] == "start"
    with pytest.raises(ValueError, match="--from_mnli needs mnli among the tasks"):
        glue.run(grid(tmp_path, tasks=("rte",), from_mnli=("rte",)), script, [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": ("1", "x")}, "--seeds: 'x' is no number"),
        ({"learning_rates": ("1e-4", "1e-4")}, "--learning_rates=1e-4,1e-4: .*each once"),
        ({"tasks": ("squad",)}, "unknown GLUE task 'squad'"),
        ({"data_dir": str(pathlib.Path(sys.executable).parent)}, "no training file of rte, mnli"),
    ],
)
def test_bad_grids_are_refused(tmp_path, script, changes, message):
    with pytest.raises(ValueError, match=message):
        glue.run(grid(tmp_path, **changes), script, [])


def test_flags_are_passed_on_in_either_spelling():
    words = ["--task=glue", "--seeds", "1,2", "--data_dir", "glue", "--config.train.seed=3"]
    assert glue.passed_on([*words, "--config.task.x=1"]) == ["--data_dir=glue", "--config.task.x=1"]


def test_the_format_of_a_task_goes_into_the_config():
    config = experiment.ExperimentConfig()
    config = glue.with_format(config, "stsb")
    assert (config.task.problem_type, config.task.labels) == ("regression", ())
    config = glue.with_format(config, "cola")
    assert config.task.header == ("source", "label", "mark", "sentence")
    assert (config.task.text_column, config.task.text_pair_column) == ("sentence", "")
