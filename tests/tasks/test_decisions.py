"""Decided answers: thresholds, factors, no label, the first k, alike everywhere they are made."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf import model_folder
from bert_tf.export import description, ids_model
from bert_tf.inference import answerers
from bert_tf.tasks.classification import Config, Facts, calibration, decisions, fit_decisions
from bert_tf.tasks.classification.labels import MULTI, REGRESSION, SINGLE
from bert_tf.tasks.classification.scores import label_scores
from tests.export.models import export_in_this_process, make
from tests.in_process import run_in_process
from tests.scripts.test_bad_input import call

LABELS = ("a", "b", "c")


def chosen(probs, facts):
    return decisions.best_label(tf.constant(probs, tf.float32), facts).numpy().tolist()


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"reject_below": 0.5}, [0, -1, 2]),
        ({"thresholds": (0.9, 0.1, 0.2)}, [-1, 1, 2]),
        ({"thresholds": (0.9, 0.1, 0.2), "reject_below": 0.65}, [-1, -1, 2]),
        ({"factors": (1.0, 1.0, 4.0)}, [0, 2, 2]),
        ({"factors": (1.0, 1.0, 4.0), "thresholds": (0.0, 0.0, 0.25)}, [0, -1, 2]),
    ],
)
def test_one_label_is_the_best_that_reaches_its_threshold(facts, expected):
    probs = [[0.6, 0.3, 0.1], [0.35, 0.45, 0.2], [0.2, 0.1, 0.7]]
    assert chosen(probs, Facts(labels=LABELS, **facts)) == expected


def test_several_labels_are_those_that_reach_their_thresholds():
    probs = tf.constant([[0.6, 0.3, 0.1], [0.2, 0.55, 0.9]])
    for facts, expected in (
        ({}, [[1, 0, 0], [0, 1, 1]]),
        ({"thresholds": (0.7, 0.3, 0.9)}, [[0, 1, 0], [0, 1, 1]]),
        ({"reject_below": 0.58}, [[1, 0, 0], [0, 0, 1]]),
    ):
        mask = decisions.label_mask(probs, Facts(labels=LABELS, **facts)).numpy()
        assert mask.astype(int).tolist() == expected


def random_set(problem_type, count=300, seed=0):
    """Logits that know something, labels of unlike frequency."""
    generator = np.random.default_rng(seed)
    if problem_type == MULTI:
        right = (generator.random((count, 3)) < (0.5, 0.2, 0.1)).astype(np.float32)
        return 2 * right - 2 + 1.5 * generator.normal(size=right.shape), right
    right = generator.choice(3, size=count, p=(0.75, 0.15, 0.1))
    return 1.5 * np.eye(3)[right] + (1.5, 0, -0.5) + generator.normal(size=(count, 3)), right


def scores_of(task, facts, logits, right):
    """{name of the label: (precision, recall, F1)} of decided answers."""
    probs = decisions.probabilities(logits.astype(np.float32), facts, task.problem_type)
    if task.problem_type == MULTI:
        answers, right = decisions.label_mask(probs, facts).numpy(), right > 0
    else:
        answers = decisions.best_label(probs, facts).numpy()[:, None] == np.arange(3)
        right = right[:, None] == np.arange(3)
    hits = (answers & right).sum(axis=0)
    precision, recall = hits / np.maximum(answers.sum(axis=0), 1), hits / right.sum(axis=0)
    return precision, recall, 2 * hits / (answers.sum(axis=0) + right.sum(axis=0))


@pytest.mark.parametrize("problem_type", [SINGLE, MULTI])
def test_every_label_has_the_precision_or_the_recall_that_was_asked_for(problem_type):
    logits, right = random_set(problem_type)
    for what, place in (("precision", 0), ("recall", 1)):
        task = Config(problem_type=problem_type, fit_thresholds=what, fit_target=0.7)
        facts = fit_decisions.fit(task, Facts(labels=LABELS), logits.astype(np.float32), right)
        reached = scores_of(task, facts, logits, right)[place]
        possible = np.array(facts.thresholds) > 0 if what == "recall" else np.full(3, True)
        answered = np.array(facts.thresholds) < decisions.NEVER
        assert np.all(reached[possible & answered] >= 0.7)
        assert np.any(possible & answered)


def test_thresholds_of_several_labels_have_the_best_f1_that_there_is():
    logits, right = random_set(MULTI)
    task = Config(problem_type=MULTI, fit_thresholds="f1")
    facts = fit_decisions.fit(task, Facts(labels=LABELS), logits.astype(np.float32), right)
    probs = decisions.probabilities(logits.astype(np.float32), facts, MULTI).numpy()
    found = scores_of(task, facts, logits, right)[2]
    for label in range(3):
        best = max(
            2
            * (right[:, label] * (probs[:, label] >= t)).sum()
            / ((probs[:, label] >= t).sum() + right[:, label].sum())
            for t in probs[:, label]
        )
        assert found[label] == pytest.approx(best)


@pytest.mark.parametrize("num_labels", [2, 3])
def test_factors_raise_f1_and_never_leave_a_text_without_a_label(num_labels):
    logits, right = random_set(SINGLE)
    logits, right = logits[:, :num_labels], np.minimum(right, num_labels - 1)
    task = Config(fit_thresholds="f1")
    facts = Facts(labels=LABELS[:num_labels])
    fitted = fit_decisions.fit(task, facts, logits.astype(np.float32), right)
    name = "f1" if num_labels == 2 else "macro_f1"

    def score(facts):
        answers = np.array(chosen(decisions.probabilities(logits, facts, SINGLE), facts))
        assert (answers >= 0).all()
        return label_scores(right, answers, num_labels)[name]

    assert score(fitted) > score(facts) + 0.01
    if num_labels == 2:  # of two labels it is a threshold: there are no others
        probs = decisions.probabilities(logits, facts, SINGLE).numpy()[:, 1]
        every = [label_scores(right, (probs >= t).astype(int), 2)["f1"] for t in probs]
        assert score(fitted) >= max(every) - 0.01


COSTS = ((0.0, 1.0, 1.0), (8.0, 0.0, 1.0), (3.0, 1.0, 0.0))


def cost_of(costs, answers, right):
    return np.array(costs)[right, answers].mean()  # -1 is the last column


def test_costs_are_lowered_and_no_label_is_an_answer_that_costs():
    logits, right = random_set(SINGLE)
    plain = Facts(labels=LABELS)
    probs = decisions.probabilities(logits, plain, SINGLE)
    undecided = cost_of(COSTS, chosen(probs, plain), right)
    facts = fit_decisions.fit(
        Config(fit_thresholds="cost", costs=COSTS), plain, logits.astype(np.float32), right
    )
    decided = cost_of(COSTS, chosen(probs, facts), right)
    assert decided < undecided and not facts.thresholds
    with_none = tuple((*row, 0.3) for row in COSTS)
    facts = fit_decisions.fit(
        Config(fit_thresholds="cost", costs=with_none), plain, logits.astype(np.float32), right
    )
    answers = np.array(chosen(probs, facts))
    assert (answers < 0).any() and cost_of(with_none, answers, right) < decided


def test_costs_of_several_labels_are_the_least_that_there_are():
    logits, right = random_set(MULTI)
    task = Config(problem_type=MULTI, fit_thresholds="cost", costs=((0, 1), (4, 0)))
    facts = fit_decisions.fit(task, Facts(labels=LABELS), logits.astype(np.float32), right)
    probs = decisions.probabilities(logits, facts, MULTI).numpy()
    for label, threshold in enumerate(facts.thresholds):
        truth = right[:, label] > 0

        def cost(t, label=label, truth=truth):
            answered = probs[:, label] >= t
            return (answered & ~truth).sum() + 4 * (truth & ~answered).sum()

        assert cost(threshold) == min(cost(t) for t in [*probs[:, label], decisions.NEVER])


def test_what_cannot_be_reached_is_never_answered_and_said(caplog):
    logits = np.zeros((10, 2), np.float32)
    task = Config(fit_thresholds="precision", fit_target=0.9)
    facts = fit_decisions.fit(task, Facts(labels=("a", "b")), logits, np.array([0, 1] * 5))
    assert facts.thresholds[0] == decisions.NEVER
    assert "label 'a': no threshold has a precision of 0.9; it is never answered" in caplog.text


def test_a_temperature_that_makes_the_error_worse_says_so_and_is_not_kept():
    # Half of the answers are right with certainty, the other half wrong: the likelihood and the
    # error want other temperatures.
    found = calibration.Calibration(2.0, 0.01, 0.02, 5)
    assert found.is_worse and found.kept == 1.0 and "it makes the error WORSE" in str(found)
    good = calibration.Calibration(2.0, 0.02, 0.01, 5)
    assert good.kept == 2.0 and "WORSE" not in str(good)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"thresholds": (0.5,)}, "task.thresholds has 1 numbers for 3 labels"),
        ({"factors": (1.0, -1.0, 1.0)}, "task.factors is .* at least 0"),
        ({"top_k": 4}, "task.top_k is 4; the model has 3 labels"),
        ({"fit_thresholds": "best"}, "Known: f1, precision, recall, cost"),
        ({"fit_thresholds": "cost"}, "task.costs, a row for each right label"),
        ({"costs": ((0, 1), (1, 0))}, "task.costs, a row for each right label"),
        ({"fit_thresholds": "cost", "costs": ((0, 1), (1, 0))}, "expected a row for each right"),
        (
            {"fit_thresholds": "cost", "costs": COSTS, "problem_type": MULTI},
            r"expected \(\(right no",
        ),
        ({"fit_temperature": True, "problem_type": MULTI}, "one label per text"),
        ({"problem_type": REGRESSION, "labels": (), "reject_below": 0.5}, "no decision settings"),
    ],
)
def test_settings_with_which_nothing_can_be_decided_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


TEXTS = ["the hen", "", "a b c d e f", "é 🙂", "b c", "the cow sees"]
DECIDED = {
    SINGLE: {
        "temperature": 1.7,
        "factors": (1.0, 0.5, 0.9),
        "reject_below": 0.1,
        "top_k": 2,
    },
    MULTI: {"top_k": 1, "label_separator": "|"},
}


def logits_of(task, model):
    return np.concatenate([model(task.encode([text]))["logits"].numpy() for text in TEXTS])


@pytest.fixture(scope="module", params=[SINGLE, MULTI])
def exported(request, tmp_path_factory):
    """A model that decides, in every form: folder, SavedModel, LiteRT, ONNX."""
    folder = tmp_path_factory.mktemp("decided")
    task, model = make(problem_type=request.param, **DECIDED[request.param])
    logits = logits_of(task, model)
    probs = decisions.probabilities(logits, task.facts, request.param).numpy()
    middle = np.median(probs, axis=0) + 1e-4  # half of the texts get another answer, or none
    task = task.with_facts(dataclasses.replace(task.facts, thresholds=tuple(middle.tolist())))
    model_folder.save(str(folder / "model"), task, model, {})
    export_in_this_process(task, model, str(folder / "saved_model"), TEXTS)
    for form in ("litert", "onnx"):
        ids_model.export_ids_model(
            task, model, str(folder / form), format=form, precision="float32", samples=TEXTS
        )
    return folder, task, model


def test_every_form_of_a_model_gives_the_decided_answer(exported):
    folder, task, model = exported
    expected = task.answers(logits_of(task, model))
    answers = {}
    for form in ("model", "saved_model", "litert", "onnx"):
        answerer = answerers.load(str(folder / form))
        rows = [answerer.answer([[text]]) for text in TEXTS]
        answers[form] = [
            answerer.task.describe({name: values[0] for name, values in row.items()})
            for row in rows
        ]
    for form, described in answers.items():
        for row, one in zip(described, expected, strict=True):
            if task.problem_type == SINGLE:
                assert row["label"] == (None if one < 0 else task.labels[one]), form
            else:
                names = [name for name, is_one in zip(task.labels, one, strict=True) if is_one]
                assert row["labels"] == names, form
            best = max(row["probabilities"], key=row["probabilities"].get)
            assert len(row["top"]) == task.facts.top_k and row["top"][0]["label"] == best
    given = [str(row.get("label", row.get("labels"))) for row in answers["model"]]
    assert len(set(given)) > 1  # the decisions matter


def test_the_manifest_says_the_kind_of_answer_and_how_it_is_decided(exported):
    folder, task, _ = exported
    for form in ("saved_model", "litert", "onnx"):
        about = description.read(str(folder / form))
        assert about["problem_type"] == task.problem_type
        assert about["decision"]["thresholds"] == list(task.facts.thresholds)
        assert about["decision"]["top_k"] == task.facts.top_k


def test_the_script_for_small_models_decides_alike(exported):
    folder, task, _ = exported
    words = [f"--model={folder / 'onnx'}", *(f"--text={text}" for text in TEXTS)]
    output = run_in_process("scripts/ask_small_model.py", *words).stdout
    answerer = answerers.load(str(folder / "onnx"))
    for text, line in zip(TEXTS, output.splitlines(), strict=True):
        outputs = answerer.answer([[text]])
        row = answerer.task.describe({name: values[0] for name, values in outputs.items()})
        given, name = json.loads(line), "label" if "label" in row else "labels"
        assert given["text"] == text and given[name] == row[name]


def test_decide_writes_what_every_command_then_answers(tmp_path):
    task, model = make()
    folder = tmp_path / "model"
    model_folder.save(str(folder), task, model, {"eval": {"accuracy": 0.5}})
    texts = [" ".join(words) for words in itertools.product("abcd", "efgh")]
    rows = [f"{text},{label}" for text, label in zip(texts, itertools.cycle(["no", "yes"]))]
    (tmp_path / "dev.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    settings = {
        "config.task.fit_thresholds": "precision",
        "config.task.fit_target": "0.4",
        "config.task.top_k": 2,
        "config.task.reject_below": "0.2",
    }
    code, error = call("decide", model=folder, data=tmp_path / "dev.csv", **settings)
    assert code == 0, error
    decided = model_folder.load_task(str(folder))
    assert len(decided.facts.thresholds) == 3 and decided.facts.top_k == 2
    assert decided.config.task.fit_thresholds == "precision"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["eval"] == {"accuracy": 0.5} and "coverage" in metrics["decided"]
    scores = tmp_path / "scores.json"
    code, error = call("evaluate", model=folder, data=tmp_path / "dev.csv", output=scores)
    assert code == 0, error
    scores = json.loads(scores.read_text())
    assert scores["coverage"] == pytest.approx(metrics["decided"]["coverage"])
    code, error = call("decide", model=folder, data=tmp_path / "dev.csv")  # begins anew
    assert code == 0 and not model_folder.load_task(str(folder)).facts.thresholds
    code, error = call(
        "decide", model=folder, data=tmp_path / "dev.csv", **{"config.task.labels": "x"}
    )
    assert code == 1 and "a trained model keeps its settings" in error


def test_scores_of_decided_answers_count_no_label_as_wrong():
    task, _ = make()
    task = task.with_facts(dataclasses.replace(task.facts, reject_below=0.6))
    logits = np.log(np.array([[0.8, 0.1, 0.1], [0.4, 0.3, 0.3], [0.1, 0.8, 0.1]], np.float32))
    found = task.score({"logits": logits}, {"label_ids": np.array([0, 0, 2])})
    assert found["coverage"] == pytest.approx(2 / 3)
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert found["answered_accuracy"] == pytest.approx(1 / 2)
