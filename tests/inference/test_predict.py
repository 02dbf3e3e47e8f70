"""scripts/predict.py on every form of a model, calibrated, interactive, and killed."""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

from bert_tf import model_folder
from tests.export.models import export_in_this_process, make
from tests.scripts.test_bad_input import call

ROOT = pathlib.Path(__file__).parents[2]
TEXTS = ["the hen", "", "a b c d e f g h the hen sees the cow", "é 🙂", "b c"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model folder, a served model of it, texts and labelled texts."""
    folder = tmp_path_factory.mktemp("predict")
    task, model = make()
    model_folder.save(str(folder / "model"), task, model, {})
    export_in_this_process(task, model, str(folder / "served"), TEXTS)
    (folder / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    rows = [f"{text or 'a'}\t{label}" for label in ("no", "yes", "maybe") for text in TEXTS]
    (folder / "dev.tsv").write_text("\n".join(["sentence\tlabel", *rows]) + "\n")
    return folder


def start(*words, **settings):
    return subprocess.Popen(
        [sys.executable, "scripts/predict.py", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def test_a_served_model_answers_as_its_folder_calibrated_too(folder, tmp_path):
    def answers_of(model, **values):
        output = tmp_path / "answers.jsonl"
        values |= {"input": folder / "texts.txt", "output": output}
        code, error = call("predict", model=folder / model, **values)
        assert code == 0, error
        return [json.loads(line) for line in output.read_text().splitlines()], error

    answers, _ = answers_of("model")
    mended, error = answers_of("served", calibration_data=folder / "dev.tsv")
    assert [a["text"] for a in answers] == [a["text"] for a in mended] == TEXTS
    told = error.split("temperature ")[1]
    assert "from 15 examples; expected calibration error" in told
    temperature = float(told.split()[0])
    assert temperature > 2  # every text has every label once: nothing is certain
    for before, after in zip(answers, mended, strict=True):
        powers = {label: p ** (1 / temperature) for label, p in before["probabilities"].items()}
        expected = {label: p / sum(powers.values()) for label, p in powers.items()}
        assert after["probabilities"] == pytest.approx(expected, abs=1e-3)
        assert after["label"] == before["label"]


MULTI_LABEL = {"problem_type": "multi_label_classification"}


@pytest.mark.parametrize("settings", [MULTI_LABEL, {"problem_type": "regression", "labels": ()}])
@pytest.mark.parametrize("flag", ["temperature", "calibration_data"])
def test_a_temperature_is_for_one_label_of_several(folder, tmp_path, settings, flag):
    task, model = make(**settings)
    model_folder.save(str(tmp_path / "model"), task, model, {})
    values = {"model": tmp_path / "model", "input": folder / "texts.txt"}
    values[flag] = 2 if flag == "temperature" else folder / "dev.tsv"
    code, error = call("predict", **values)
    assert code == 1 and f"this model is {settings['problem_type']!r}" in error
    assert "Traceback" not in error


def test_interactive_answers_each_line_when_it_is_typed(folder):
    process = start(f"--model={folder}/model", "--interactive")
    for text in ("the hen", "b"):
        process.stdin.write(text + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["text"] == text
    process.stdin.write("\n")
    output, _ = process.communicate(timeout=60)
    assert output == "" and process.returncode == 0


def test_killed_it_goes_on_and_ends_with_the_same_file(folder, tmp_path):
    texts = "\n".join(f"{text} {number}" for number in range(500) for text in TEXTS[:3]) + "\n"
    (tmp_path / "long.txt").write_text(texts)
    words = [f"--model={folder}/model", f"--input={tmp_path}/long.txt", "--batch_size=8"]
    process = start(*words, f"--output={tmp_path}/killed.jsonl")
    journal = tmp_path / "killed.jsonl.part.json"
    deadline = time.monotonic() + 240
    while not journal.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.communicate()
    done = json.loads(journal.read_text())["lines"]
    assert 0 < done < 1500 and not (tmp_path / "killed.jsonl").exists()
    (tmp_path / "other.txt").write_text("something else\n" * done)
    (tmp_path / "long.txt").rename(tmp_path / "kept.txt")
    (tmp_path / "other.txt").rename(tmp_path / "long.txt")
    flags = dict(word.removeprefix("--").split("=", 1) for word in words)
    code, error = call("predict", output=tmp_path / "killed.jsonl", **flags)
    assert code == 1 and "killed.jsonl.part has answers to other input" in error
    (tmp_path / "kept.txt").rename(tmp_path / "long.txt")
    code, error = call("predict", output=tmp_path / "killed.jsonl", **flags)
    assert code == 0 and f"continuing after {done} lines" in error
    answers = (tmp_path / "killed.jsonl").read_text().splitlines()
    assert [json.loads(answer)["text"] for answer in answers] == texts.splitlines()
    assert not list(tmp_path.glob("killed.jsonl.part*"))
