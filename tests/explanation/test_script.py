"""scripts/explain.py: JSON lines, and pages that say the same."""

import dataclasses
import json
import re

import numpy as np
import pytest

import bert_tf
from bert_tf.analysis import errors
from bert_tf.explanation import METHODS
from bert_tf.explanation.colours import Wrong, word_parts
from bert_tf.explanation.explainer import Settings
from bert_tf.report import page
from bert_tf.tasks import error_analysis
from bert_tf.tasks.error_analysis import Analysed
from tests.analysis import made
from tests.explanation.tiny import KINDS, LABELS, model_of, save
from tests.scripts.conftest import ok_here, run_here

TEXTS = ["hen saw cat <script>alert('x')</script> & more.", "cow met owl", ""]


pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model") / "labels")


@pytest.fixture(scope="module")
def explained(folder, tmp_path_factory):
    """The folder with explained.jsonl and its page."""
    where = tmp_path_factory.mktemp("explained")
    (where / "texts.tsv").write_text(
        "\n".join(["sentence\tlabel", *(f"{text}\tyes" for text in TEXTS[:2]), "\tno"]) + "\n"
    )
    ok_here(
        "explain",
        model=folder,
        input=where / "texts.tsv",
        output=where / "explained.jsonl",
        page=where / "page.html",
        methods="occlusion,gradient_x_input",
        train_data=where / "texts.tsv",
        num_nearest=2,
    )
    return where


def _records(explained):
    return [json.loads(line) for line in (explained / "explained.jsonl").read_text().splitlines()]


def test_every_row_is_explained_and_has_its_nearest_examples(explained):
    records = _records(explained)
    assert [record["text"] for record in records] == TEXTS
    for record in records[:2]:
        (answer,) = record["answers"]
        assert answer["answer"] in LABELS.labels
        assert answer["probability"] == pytest.approx(1 / (1 + np.exp(-answer["belief"])))
        assert set(answer["words"][0]["parts"]) == {"occlusion", "gradient_x_input"}
        assert record["nearest"][0]["text"] == record["text"]
        assert record["nearest"][0]["label"] == "yes"
        assert record["nearest"][0]["similarity"] == pytest.approx(1.0, abs=1e-3)
        assert len(record["nearest"]) == 2


def test_the_page_says_what_the_json_says(explained):
    page = (explained / "page.html").read_text()
    for record in _records(explained):
        for answer in record["answers"]:
            for word in answer["words"]:
                assert f"occlusion: {word['parts']['occlusion']:.3f}" in page
    assert "random order" in page


def test_text_with_a_script_shows_as_text(explained):
    page = (explained / "page.html").read_text()
    assert "<script>alert" not in page
    shown = re.sub(r"<[^>]*>", "", page)
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; more." in shown


def test_heads_are_told_as_json_lines_with_a_page(folder, tmp_path):
    output = ok_here(
        "explain", show="attention", model=folder, page=tmp_path / "a.html", stdin="hen saw cat.\n"
    )
    records = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    task, _ = model_of()
    model = task.config.model
    assert len(records) == model.num_hidden_layers * model.num_attention_heads
    assert "hen" in (tmp_path / "a.html").read_text()


def test_the_function_gives_what_the_script_writes(explained):
    found = bert_tf.explain(
        model_of(), TEXTS[1], methods=["occlusion"], page_path=str(explained / "one.html")
    )
    (answer,) = found[0]["answers"]
    expected = _records(explained)[1]["answers"][0]
    assert answer["answer"] == expected["answer"]
    for word, other in zip(answer["words"], expected["words"], strict=True):
        assert word["parts"]["occlusion"] == pytest.approx(other["parts"]["occlusion"], abs=1e-4)
    assert (explained / "one.html").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"methods": "lime"}, f"methods: 'lime'. Known: {', '.join(METHODS)}."),
        ({"target": "maybe"}, "there is no label 'maybe' to explain. Labels of the model: no, yes"),
        (
            {"page": "same", "output": "same"},
            "--page and --output are both same. Expected two names.",
        ),
        ({"page": "nowhere/a.html"}, "--page=nowhere/a.html: there is no folder nowhere."),
    ],
)
def test_bad_flags_end_in_one_line(folder, flags, message):
    ended = run_here("explain", model=folder, stdin="hen saw cat.\n", **flags)
    assert message in str(ended)


def test_kinds_are_all_that_there_are():
    assert {"labels", "pairs", "number", "tags", "answers", "masked_words"} <= set(KINDS)


@pytest.mark.parametrize("kind", ["labels", "pairs", "number"])
def test_the_words_of_mistakes_are_coloured_where_they_stand(kind):
    task, model = model_of(kind=kind)
    texts = list(zip(*KINDS[kind][1], strict=True))
    found = word_parts(task, model, [Wrong(some, "") for some in texts])
    expected = bert_tf.explain(
        (task, model),
        ["\t".join(some) for some in texts],
        settings=Settings(steps=3, most_steps=3, flips=False),
    )
    for some, parts, record in zip(texts, found, expected, strict=True):
        words = record["answers"][0]["words"]
        assert [some[p.text][p.start : p.end] for p in parts] == [word["text"] for word in words]
        largest = max((abs(word["parts"]["integrated_gradients"]) for word in words), default=1)
        for part, word in zip(parts, words, strict=True):
            expected_share = word["parts"]["integrated_gradients"] / largest
            assert part.share == pytest.approx(expected_share, abs=0.01)


def test_a_wrong_tag_has_the_colours_of_its_word_and_a_missed_one_those_of_no_tag():
    task, model = model_of(kind="tags")
    text = KINDS["tags"][1][0][0]
    (record,) = bert_tf.explain(
        (task, model), [text], settings=Settings(steps=3, most_steps=3, flips=False)
    )
    answer = record["answers"][-1]
    tagged = {one["span"][0] for one in record["answers"]}
    untagged = next(w["start"] for w in answer["words"] if w["start"] not in tagged)
    wrong = [Wrong((text,), answer["answer"], answer["span"][0]), Wrong((text,), "", untagged)]
    found, missed = word_parts(task, model, wrong)
    largest = max(abs(word["parts"]["integrated_gradients"]) for word in answer["words"])
    shares = [word["parts"]["integrated_gradients"] / largest for word in answer["words"]]
    np.testing.assert_allclose([part.share for part in found], shares, atol=0.01)
    assert len(missed) == len(found) and missed != found


def test_where_nothing_can_be_explained_there_are_no_colours():
    """A wrong tag of a word that the model, asked once more, does not tag: scores round."""
    task, model = model_of(kind="tags")
    text = KINDS["tags"][1][0][0]
    assert word_parts(task, model, [Wrong((text,), "PER", len(text))]) == [[]]


def test_a_report_colours_the_words_of_its_mistakes():
    judged = dataclasses.replace(made.of_labels(), inputs=[(t,) for t in made.of_labels().texts])
    content = {"sets": {"dev": errors.analyse(judged)}, "comparisons": {}, "training": None}
    analysed = Analysed(content, {"dev": judged}, {})
    analysed.add_colours(lambda wrong: [[(0, 0, 2, 0.5), (0, 2, 4, -0.25)] for _ in wrong], 3)
    (html,) = [html for title, html in analysed.sections() if title.endswith("mistakes")]
    assert '<span class="for" style="--p:0.5">' in html
    assert '<span class="against" style="--p:0.25">' in html
    mistakes = json.loads(analysed.as_line())["sets"]["dev"]["mistakes"]
    assert mistakes[0]["parts"][0] == [0, 2, 0.5]
    assert [bool(one.get("parts")) for one in mistakes[:5]] == [True, True, True, False, False]


def test_colours_stand_where_the_words_stand_in_what_is_shown_of_the_texts():
    question, context = "who saw it ?", "x" * 20 + " the hen saw it " + "y" * 20
    shown = f"{question}\n…{context[15:40]}…"
    parts = [(0, 0, 3, 1.0), (1, 21, 24, 0.5), (1, 25, 28, -1.0), (1, 0, 20, 0.25)]
    placed = error_analysis._placed(shown, (question, context), parts)
    assert [(shown[a:b], share) for a, b, share in placed] == [
        ("who", 1.0),
        ("the", 0.5),
        ("hen", -1.0),
    ]
    html = str(page.coloured("the hen saw", [(0, 3, 0.5), (4, 7, -1.0)], "hen saw"))
    assert html == (
        '<span class="for" style="--p:0.5">the</span> <mark class="about"><span class="against" '
        'style="--p:1.0">hen</span></mark>'
        '<mark class="about"> saw</mark>'
    )


@pytest.mark.parametrize("dtype", ["mixed_bfloat16"])
def test_a_model_in_the_dtype_of_its_training_is_explained_too(dtype):
    wrong = [Wrong(("hen saw cat.",), "")]
    (found,), (expected,) = (word_parts(*model_of(**how), wrong) for how in ({"dtype": dtype}, {}))
    assert [part[:3] for part in found] == [part[:3] for part in expected]
    np.testing.assert_allclose([p.share for p in found], [p.share for p in expected], atol=0.25)
