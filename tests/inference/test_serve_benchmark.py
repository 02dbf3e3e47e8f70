"""The benchmark of answers: what is timed is what is asked, and who cannot run is named."""

import itertools

import pytest

from benchmarks import serve
from bert_tf import model_folder
from bert_tf.measuring import answering, harness
from tests.export.models import make

SETTINGS = {
    "columns": [["a", "b", "c", "d", "e"]],
    "labels": ["x", "x", "y", "x", "x"],
    "batch_size": 2,
    "examples_per_round": 4,
    "warmup_rounds": 1,
}


def test_a_round_answers_so_many_texts_and_the_accuracy_is_of_all():
    asked = []

    def answer(columns):
        asked.append(columns[0])
        return ["x"] * len(columns[0])

    measure_round, info = answering.make_round(SETTINGS, lambda: answer)
    assert asked == [["a", "b"], ["c", "d"], ["e"]] and info["accuracy"] == pytest.approx(0.8)
    del asked[:]
    assert measure_round() > 0 and "median_ms" not in info  # the warm-up does not count
    assert asked == [["a", "b"], ["c", "d"]]
    for _ in range(3):
        measure_round()
    assert list(itertools.chain(*asked))[4:10] == ["e", "a", "b", "c", "d", "e"]
    assert 0 < info["median_ms"] <= info["p99_ms"] and info["load_seconds"] >= 0


def test_models_are_measured_in_processes_and_transformers_is_named_if_it_cannot_run(tmp_path):
    task, model = make()
    model_folder.save(str(tmp_path / "tiny"), task, model, {})
    result = serve.run(
        [str(tmp_path / "tiny")],
        serve.Questions([["the hen", "a b c"]], ["no", "yes"], examples_per_round=2, num_threads=1),
        batch_sizes=[1],
        rounds=harness.Rounds(2, 1),
        peer=serve.Peer(str(tmp_path / "tiny"), str(tmp_path / "no_such_python")),
    )
    (comparison,) = result["comparisons"]
    (entry,) = comparison["contestants"]
    assert entry["name"] == "keras:tiny" and len(entry["figures"]) == 2
    assert entry["info"]["accuracy"] in (0.0, 0.5, 1.0) and entry["info"]["peak_memory_bytes"] > 1e8
    assert "cannot be run" in result["left_out"]["transformers"]
    report = serve.report(result)
    assert "left out: transformers" in report and "p99 ms" in report
