"""From a table of support tickets to decided answers with their ids, as docs/fine-tuning.md shows.

That LiteRT and ONNX decide alike is tested in tests/tasks/test_decisions.py.
"""

import csv
import json

import pytest

from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS
from tests.export.models import without_clean_process
from tests.in_process import run_in_process
from tests.scripts.conftest import ROOT, config_text, ok_here

TEXT = "{Subject}: {Body}"


@pytest.fixture(scope="module")
def tickets(tmp_path_factory):
    """The tables, a vocabulary, and a model that decides."""
    folder = tmp_path_factory.mktemp("tickets")
    made = run_in_process(
        ROOT / "scripts" / "development" / "make_tickets.py", f"--output_dir={folder}"
    )
    assert made.returncode in (0, None), made.stderr
    words = sorted(set((folder / "texts.txt").read_text().lower().split()))
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, *words, ",", ":", '"', "!"]))
    (folder / "config.py").write_text(config_text("classification"))
    ok_here(
        "finetune",
        f"--config={folder / 'config.py'}",
        f"--config.task.text_column={TEXT}",
        "--config.task.label_column=Queue",
        "--config.task.classifier_pooling=mean",
        "--config.task.fit_temperature=true",
        "--config.task.fit_thresholds=precision",
        "--config.task.fit_target=0.6",
        "--config.task.top_k=2",
        "--config.train.num_train_steps=60",
        "--config.optimizer.learning_rate=1e-2",
        train_data=folder / "train.csv",
        eval_data=folder / "dev.csv",
        test_data=folder / "test.csv",
        vocab_file=folder / "vocab.txt",
        work_dir=folder / "work",
    )
    return folder


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_tables_hold_what_tickets_hold(tickets):
    rows = rows_of(tickets / "train.csv")
    assert len(rows) == 1500 and len({row["id"] for row in rows}) == 1500
    bodies = [row["Body"] for row in rows]
    for mark in ('"', "\n", ",", "🙏"):
        assert any(mark in body for body in bodies)
    assert "" in bodies and len({row["Queue"] for row in rows}) == 6


def test_scores_of_a_test_set_with_labels_are_those_of_its_decided_answers(tickets):
    results = json.loads((tickets / "work" / "results.json").read_text())
    assert set(results["scores"]) == {"dev", "test"}
    assert len(results["facts"]["thresholds"]) == 6 and results["facts"]["text_column"] == TEXT
    ok_here(
        "evaluate", model=tickets / "work", data=tickets / "test.csv", output=tickets / "s.json"
    )
    scores = json.loads((tickets / "s.json").read_text())
    for name in ("accuracy", "coverage", "answered_accuracy"):
        assert scores[name] == pytest.approx(results["scores"]["test"][name], abs=1e-6)
    assert scores["coverage"] < 1
    assert scores["answered_accuracy"] > scores["majority_accuracy"]


def test_every_form_answers_the_table_with_its_ids(tickets):
    with without_clean_process():
        ok_here("export", model=tickets / "work", output_dir=tickets / "served")
    about = json.loads((tickets / "served" / "export.json").read_text())
    assert about["problem_type"] == "single_label_classification" and about["columns"] == [TEXT]
    for model, output in (("work", "answers.csv"), ("served", "answers.jsonl")):
        ok_here(
            "predict",
            model=tickets / model,
            input=tickets / "test.csv",
            output=tickets / output,
        )
    table = rows_of(tickets / "answers.csv")
    lines = (tickets / "answers.jsonl").read_text().splitlines()
    served = [json.loads(line) for line in lines]
    given = rows_of(tickets / "test.csv")
    assert len(table) == len(served) == len(given) == 300
    for row, answer, ticket in zip(table, served, given, strict=True):
        assert {name: row[name] for name in ticket} == ticket
        assert {name: answer[name] for name in ticket} == ticket
        assert (answer["label"] or "") == row["label"] and len(answer["top"]) == 2
    right = sum(row["label"] == row["Queue"] for row in table)
    scores = json.loads((tickets / "work" / "results.json").read_text())["scores"]["test"]
    assert right / 300 == pytest.approx(scores["accuracy"], abs=1e-6)
    assert sum(row["label"] != "" for row in table) / 300 == pytest.approx(scores["coverage"])
