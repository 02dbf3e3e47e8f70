"""Scores of answers against the official scripts of SQuAD, which Model Garden carries."""

import random

import pytest
from official.nlp.tools import squad_evaluate_v1_1, squad_evaluate_v2_0

from bert_tf.tasks.question_answering.scores import answer_scores

WORDS = [
    "the",
    "The",
    "a",
    "cat",
    "Cat's",
    "sat,",
    "on",
    "mat.",
    "été",
    "—",
    "!",
    "3,5",
    "  ",
    "狗",
]


def text_of(generator):
    return " ".join(generator.choices(WORDS, k=generator.randint(1, 4)))


@pytest.fixture(scope="module")
def cases():
    """({id: answers}, {id: prediction}, {id: odds}); a third of the questions have no answer."""
    generator = random.Random(0)
    answers, predictions = {}, {}
    for number in range(300):
        name = str(number)
        texts = [text_of(generator) for _ in range(generator.randint(1, 3))]
        answers[name] = texts if number % 3 else []
        predictions[name] = generator.choice([*texts, text_of(generator), ""])
    # The official script counts from the threshold 0 on.
    odds = {name: 0.001 + generator.random() * (2 - bool(answers[name])) for name in answers}
    return answers, predictions, odds


def as_dataset(answers):
    qas = [
        {"id": name, "answers": [{"text": text} for text in texts]}
        for name, texts in answers.items()
    ]
    return [{"paragraphs": [{"qas": qas}]}]


def test_scores_of_squad_1_are_the_official_ones(cases):
    answers = {name: texts for name, texts in cases[0].items() if texts}
    expected = squad_evaluate_v1_1.evaluate(as_dataset(answers), cases[1])
    found = answer_scores(answers, cases[1])
    assert 0.2 < found["exact_match"] < 0.9 and 0.2 < found["f1"] < 0.9
    assert found["exact_match"] == pytest.approx(expected["exact_match"])
    assert found["f1"] == pytest.approx(expected["final_f1"])


def test_scores_and_best_thresholds_of_squad_2_are_the_official_ones(cases):
    answers, predictions, odds = cases
    expected = squad_evaluate_v2_0.evaluate(as_dataset(answers), predictions, odds)
    found = answer_scores(
        answers, predictions, null_answers=True, null_odds=odds, null_threshold=1.0
    )
    pairs = {
        "exact_match": "exact",
        "f1": "f1",
        "has_answer_f1": "HasAns_f1",
        "no_answer_accuracy": "NoAns_exact",
        "best_exact_match": "final_exact",
        "best_f1": "final_f1",
    }
    for ours, theirs in pairs.items():
        assert found[ours] == pytest.approx(expected[theirs] / 100), ours
    assert found["best_f1_threshold"] == expected["final_f1_thresh"]
    assert found["best_exact_match_threshold"] == expected["final_exact_thresh"]
    assert found["f1"] > 0.2 and found["best_f1_threshold"] > 0
