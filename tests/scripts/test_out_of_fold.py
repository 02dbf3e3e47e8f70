"""Labels of the training set are checked by models that have not seen them."""

import dataclasses
import json
import types

import numpy as np
import pytest

from bert_tf.tasks.sets import Split
from bert_tf.workflows import out_of_fold
from tests.scripts.conftest import config_text, ok_here, run_here


class Classification:
    """Says what became of its rows, as a task of one row a text does."""

    config = types.SimpleNamespace(task=types.SimpleNamespace(name="classification"))

    def judge(self, part, rows):
        """Not asked here."""


@pytest.mark.parametrize("folds", [1, 11])
def test_a_number_of_folds_that_cannot_be_is_named(folds):
    part = Split(["text"] * 10, {"input_ids": np.zeros((10, 4))})
    with pytest.raises(ValueError, match=f"--label_folds={folds}: expected 0, or 2 to 10"):
        out_of_fold.check(Classification(), part, folds)


def test_texts_of_several_rows_are_refused():
    part = Split(["text"] * 10, {"input_ids": np.zeros((12, 4))})
    with pytest.raises(ValueError, match="10 texts in 12 rows"):
        out_of_fold.check(Classification(), part, 2)


def test_a_task_whose_rows_are_windows_of_texts_is_refused_before_the_training(work, tmp_path):
    (tmp_path / "train.conll").write_text("Anna B-PER\nran O\n\nshe O\nran O\n\n" * 4)
    (tmp_path / "config.py").write_text(config_text("token_classification"))
    process = run_here(
        "finetune",
        config=tmp_path / "config.py",
        train_data=tmp_path / "train.conll",
        eval_data=tmp_path / "train.conll",
        vocab_file=work / "vocab",
        work_dir=tmp_path / "run",
        label_folds=2,
    )
    assert process.returncode == 1
    assert "--label_folds=2: the rows of a token_classification model cannot be" in process.stderr
    assert not (tmp_path / "run").exists()


def test_each_row_is_answered_by_the_model_that_has_not_seen_it(monkeypatch):
    """The models are stand-ins: each knows the rows that it was trained on."""

    @dataclasses.dataclass
    class Settings:
        keep_best: str = "accuracy"
        model_from_best: bool = True
        early_stop_patience: int = 3
        eval_batch_size: int = 4

    @dataclasses.dataclass
    class Config:
        train: Settings

    @dataclasses.dataclass
    class Trained:
        model: set

    @dataclasses.dataclass
    class Of:
        strategy: object = None
        tracker: object = "tracker"
        on_evaluation: object = print
        profile_steps: tuple = (1, 2)

    class Task:
        @staticmethod
        def score(rows, arrays):
            return {"accuracy": float(np.mean(rows["seen"]))}

    class Evaluator:
        def __init__(self, task, model, strategy, batch_size):
            self._known = model

        def run_with_rows(self, arrays):
            ids = arrays["ids"].tolist()
            return {}, {"ids": arrays["ids"], "seen": np.array([i in self._known for i in ids])}

    runs = []

    def train(**arguments):
        runs.append(arguments)
        return Trained(set(arguments["train_data"]["ids"].tolist()))

    monkeypatch.setattr(out_of_fold, "train", train)
    monkeypatch.setattr(out_of_fold, "Evaluator", Evaluator)
    arguments = {
        "task": Task(),
        "config": Config(Settings()),
        "session": Of(),
        "work_dir": "work",
        "made_of": {"data": "hash"},
    }
    part = Split(list(range(11)), {"ids": np.arange(11)})
    result = out_of_fold.answer(part, 3, arguments)
    assert result.rows["ids"].tolist() == list(range(11)) and result.scores == {"accuracy": 0.0}
    assert sorted(len(run["train_data"]["ids"]) for run in runs) == [7, 7, 8]
    assert [run["work_dir"] for run in runs] == [f"work/folds/fold_{n}_of_3" for n in (1, 2, 3)]
    assert len({run["made_of"]["data"] for run in runs}) == 3
    assert all(run["eval_data"] is None and not run["config"].train.keep_best for run in runs)
    assert all(run["session"].tracker is None for run in runs)


def test_the_report_lists_what_other_folds_contradict(work, tmp_path):
    ok_here(
        "finetune",
        config=work / "classification.py",
        **{"config.train.num_train_steps": 2, "config.train.eval_every": 0},
        train_data=work / "train.tsv",
        eval_data=work / "dev.tsv",
        vocab_file=work / "vocab",
        work_dir=tmp_path / "run",
        label_folds=2,
    )
    found = json.loads((tmp_path / "run" / "report.json").read_text())["training"]
    rows = len((work / "train.tsv").read_text().splitlines()) - 1
    assert found["folds"] == 2 and found["rows"] == rows
    assert 0 < found["contradicted"] == len(found["suspects"]) < rows
    assert "2 models answered" in (tmp_path / "run" / "report.html").read_text()
    assert sorted(path.name for path in (tmp_path / "run" / "folds").iterdir()) == [
        "fold_1_of_2",
        "fold_2_of_2",
    ]
