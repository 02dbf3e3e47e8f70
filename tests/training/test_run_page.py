"""The page of a run, from the files of a work directory written by hand."""

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from bert_tf.report import run_curves
from bert_tf.training.work_dir import run_page


def sample(given, text="[CLS] a [1] </p><script> [2] [SEP]"):
    return {"text": text, "expected": ["cat", "<b>"], "given": given}


@pytest.fixture
def folder(tmp_path):
    lines = [{"step": s, "loss": 9 - s, "tokens_per_second": 10.0 * s} for s in range(1, 4)]
    lines.append({"step": 3, "eval_loss": 5.5, "eval_masked_lm_accuracy": 0.25})
    lines.append({"step": 4, "loss": float("nan")})
    said = [{"step": step, "samples": [sample([f"guess{step}", "x"])]} for step in range(1, 21)]
    said[0] = {"step": 1, "samples": [sample(["other", "text"], text="[1] [2]")]}
    for name, content in (("metrics", lines), ("samples", said)):
        text = "".join(json.dumps(line) + "\n" for line in content)
        (tmp_path / f"{name}.jsonl").write_text(text + '{"step": 9, "lo')
    (tmp_path / "config.json").write_text('{"train": {"seed": 12345}}')
    checkpoint = tmp_path / "checkpoints" / "step-00000003"
    checkpoint.mkdir(parents=True)
    skip = {"step": 2, "from_row": 777, "to_row": 888, "reason": "the loss is <high>"}
    info = {"history": {"skipped": [skip]}, "machine": {"threads": {"intra_op": 2}}}
    (checkpoint / "checkpoint.json").write_text(json.dumps(info))
    return tmp_path


def test_the_page_is_well_formed_and_shows_the_files(folder):
    run_page.write(str(folder))
    text = (folder / "run.html").read_text()
    root = ElementTree.fromstring(text.replace("<!doctype html>", ""))
    assert not re.search(r"(src|href)=[\"'](?!#)|@import|url\((?!#)", text)
    shown = "".join(root.itertext())
    for part in ("12345", "777", "the loss is <high>", "intra_op", "0.25", "20", "</p><script>"):
        assert part in shown
    assert "[1] cat" in shown and "[2] <b>" in shown and "guess20" in shown
    assert "other" not in shown  # of another text
    assert 4 <= len(re.findall(r"guess\d+", shown)) <= 8
    assert text.count("<svg") == 3  # losses, accuracies, speed


def test_a_run_that_was_stopped_before_its_first_line_has_a_page(folder):
    (folder / "metrics.jsonl").unlink()
    (folder / "samples.jsonl").unlink()
    run_page.write(str(folder))
    assert "<svg" not in (folder / "run.html").read_text()


def test_long_curves_are_drawn_as_means():
    points = run_curves.thinned([(step, step % 2) for step in range(100_000)])
    assert 200 <= len(points) <= 400
    assert all(abs(y - 0.5) < 0.01 for _, y in points)
    assert run_curves.thinned([(1, 2.0)]) == [(1, 2.0)]
