"""Models side by side: every form gives the scores of its model; the page has the JSON's."""

import json
import re

import numpy as np
import pytest

from bert_tf import model_folder
from bert_tf.analysis import numbers, pareto
from bert_tf.export.ids_model import export_ids_model
from bert_tf.report import models_page, page
from bert_tf.workflows import comparing, evaluating
from bert_tf.workflows.comparing import Timing
from tests.export import models
from tests.inference import made_models

ROWS = [("the hen sees", "no"), ("a cow", "yes"), ("b c d", "maybe"), ("hen hen", "no")] * 5
SCORES_ONLY = Timing(rounds=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model folder, its forms, models that do not fit it, and a labelled file."""
    folder = tmp_path_factory.mktemp("models")
    task, model = models.make()
    model_folder.save(str(folder / "tiny"), task, model, {})
    models.export_in_this_process(task, model, str(folder / "served"), ["a hen"])
    for form in ("litert", "onnx"):
        export_ids_model(
            task, model, str(folder / form), format=form, precision="float32", samples=["a hen"]
        )
    model_folder.save(str(folder / "other_labels"), *models.make(labels=("no", "yes")), {})
    tags = models.make("token_classification")
    model_folder.save(str(folder / "tags"), *tags, {})
    lines = ["text\tlabel", *("\t".join(row) for row in ROWS)]
    (folder / "dev.tsv").write_text("\n".join(lines) + "\n")
    (folder / "unlabelled.tsv").write_text("text\n" + "\n".join(text for text, _ in ROWS) + "\n")
    tagged = "the O\nhen B-X\n\na O\ncow B-X\nsees I-X\n\n"
    (folder / "dev.txt").write_text(tagged)
    bare = folder / "bare"
    bare.mkdir()
    (bare / "model.tflite").write_bytes((folder / "litert/model.tflite").read_bytes())
    return folder


def test_every_form_gives_the_scores_of_its_model(folder):
    forms = ["tiny", "served", "litert", "onnx/model.onnx"]
    result = comparing.compare(
        [str(folder / form) for form in forms], str(folder / "dev.tsv"), timing=SCORES_ONLY
    )
    expected = evaluating.evaluate(str(folder / "tiny"), str(folder / "dev.tsv"))
    assert [one["form"] for one in result["models"]] == ["keras", "saved_model", "litert", "onnx"]
    for one in result["models"]:
        assert one["score"] == one["scores"]["accuracy"] == pytest.approx(expected["accuracy"])
        assert one["low"] <= one["score"] <= one["high"]
        assert one["parameters"] == result["models"][0]["parameters"] and one["bytes"] > 1000
    assert result["models"][0]["difference"] is None
    assert result["models"][2]["difference"]["difference"] == 0
    assert result["rows"] == len(ROWS) and result["metric"] == "accuracy"


def test_tags_are_scored_as_evaluate_does(folder):
    named = {"one": str(folder / "tags"), "two": str(folder / "tags")}
    result = comparing.compare(named, str(folder / "dev.txt"), timing=SCORES_ONLY)
    expected = evaluating.evaluate(str(folder / "tags"), str(folder / "dev.txt"))
    assert [one["score"] for one in result["models"]] == pytest.approx([expected["f1"]] * 2)


def test_contestants_take_turns_in_processes_of_their_own(folder, tmp_path):
    result = comparing.compare(
        {"model": str(folder / "tiny"), "lite": str(folder / "litert")},
        str(folder / "dev.tsv"),
        timing=Timing((1, 4), rounds=2, requests=3, num_threads=1),
        page_file=str(tmp_path / "models.html"),
    )
    for one in result["models"]:
        assert set(one["speed"]) == {"1", "4"} and one["speed"]["1"]["requests"] == 10
        assert 0 < one["speed"]["1"]["median_ms"] <= one["speed"]["1"]["p99_ms"]
        assert one["memory_bytes"] > one["model_memory_bytes"] and one["load_seconds"] > 0
    first, second = (one["speed"]["1"] for one in result["models"])
    assert first["ratio"] is None
    assert second["ratio"]["min"] <= second["ratio"]["median"] <= second["ratio"]["max"]
    assert any(one["is_on_front"] for one in result["models"])
    assert "on the Pareto front: " in comparing.table(result)
    assert "Score against latency" in (tmp_path / "models.html").read_text()
    comparing.write_json(str(tmp_path / "models.json"), result)
    assert json.loads((tmp_path / "models.json").read_text())["models"] == result["models"]


def test_the_numbers_of_the_page_are_those_of_the_json():
    result = made_models.made()
    html = page.render("models", models_page.sections(result))
    (table,) = re.findall(r'<table class="sortable" id="scores">.*?</table>', html, re.DOTALL)
    for row, one in zip(_rows(table), result["models"], strict=True):
        assert row[0] == one["name"]
        assert [float(cell) for cell in row[2:5]] == [one["score"], one["low"], one["high"]]
    (table,) = re.findall(r'<table class="sortable" id="speed-32">.*?</table>', html, re.DOTALL)
    for row, one in zip(_rows(table), result["models"], strict=True):
        assert float(row[1]) == one["speed"]["32"]["median_ms"]
        assert float(row[3].replace(",", "")) == one["speed"]["32"]["texts_per_second"]
    (table,) = re.findall(r'<table class="sortable" id="front">.*?</table>', html, re.DOTALL)
    told = [(row[4] == "on the front", row[5]) for row in _rows(table)]
    assert told == [(one["is_on_front"], ", ".join(one["beaten_by"])) for one in result["models"]]


def _rows(table: str) -> list[list[str]]:
    body = table[table.index("<tbody>") :]
    unescape = {"&lt;": "<", "&gt;": ">"}
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]
    return [
        [re.sub("&[lg]t;", lambda sign: unescape[sign[0]], cell) for cell in row] for row in cells
    ]


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_the_pareto_front_is_that_of_brute_force(lower_is_better):
    generator = np.random.default_rng(0)
    for _ in range(50):
        costs, scores = generator.integers(0, 6, (2, 8)).tolist()  # with ties
        found = pareto.beaten_by(costs, scores, lower_is_better)
        better = [-score for score in scores] if lower_is_better else scores
        for one in range(8):
            expected = []
            for other in range(8):
                no_worse = costs[other] <= costs[one] and better[other] >= better[one]
                if no_worse and (costs[other] < costs[one] or better[other] > better[one]):
                    expected.append(other)
            assert found[one] == expected


def test_pearson_is_a_function_of_sums_of_counts():
    pairs = np.random.default_rng(0).normal(size=(50, 2)) * [3, 0.1] + [1e4, -5]
    metric, counts = numbers.pearson(pairs)
    assert metric.function(counts.sum(0)) == pytest.approx(np.corrcoef(pairs.T)[0, 1], abs=1e-9)
    assert metric.function(counts[:25].sum(0)) == pytest.approx(
        np.corrcoef(pairs[:25].T)[0, 1], abs=1e-9
    )


@pytest.mark.parametrize(
    ("names", "data", "settings", "message"),
    [
        (["tiny", "nowhere"], "dev.tsv", {}, "nowhere"),
        (["tiny", "bare"], "dev.tsv", {}, "which takes ids alone. Expected the folder that export"),
        (["tiny", "bare/model.tflite"], "dev.tsv", {}, "Expected the folder that export.py made"),
        (["tiny", "tags"], "dev.tsv", {}, "other task than"),
        (["tiny", "other_labels"], "dev.tsv", {}, "other labels than .*: no, yes and maybe, no"),
        (["tiny", "tiny"], "dev.tsv", {}, "given twice"),
        (["tiny"], "dev.tsv", {}, "is one model; expected two"),
        ([], "dev.tsv", {}, "at least one model"),
        (["tiny", "litert"], "unlabelled.tsv", {}, "label"),
        (["tiny"], "dev.tsv", {"forms": ["onnx:int3"]}, "expected some of .*onnx:int8"),
        (["litert"], "dev.tsv", {"forms": ["onnx"]}, "no contestant is a model folder"),
        (["tiny", "litert"], "dev.tsv", {"timing": Timing((0,))}, "--batch_sizes=0: expected"),
    ],
)
def test_bad_input_ends_in_one_line(folder, names, data, settings, message):
    paths = [str(folder / name) for name in names]
    with pytest.raises(ValueError, match=message) as error:
        comparing.compare(paths, str(folder / data), **{"timing": SCORES_ONLY, **settings})
    assert "\n" not in str(error.value)


def test_a_damaged_export_is_named(folder, tmp_path):
    (tmp_path / "damaged").mkdir()
    for file in (folder / "onnx").iterdir():
        content = file.read_bytes()
        (tmp_path / "damaged" / file.name).write_bytes(
            content[:-1] if file.name == "vocab.txt" else content
        )
    with pytest.raises(ValueError, match=r"vocab\.txt is missing or not what export\.py wrote"):
        comparing.compare(
            [str(folder / "tiny"), str(tmp_path / "damaged")], str(folder / "dev.tsv")
        )
