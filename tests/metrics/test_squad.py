"""Scores of answers, worked out by hand; against the official scripts: tests/garden."""

import pytest

from bert_tf.tasks.question_answering.scores import (
    answer_outcome,
    answer_scores,
    chinese_exact_match,
    chinese_f1,
)


def test_the_best_of_several_answers_counts():
    scores = answer_scores({"q": ["a red cat", "Cats"]}, {"q": "The cat, red!"})
    assert scores == {"exact_match": 0.0, "f1": 1.0}


@pytest.mark.parametrize(("threshold", "f1"), [(-9.0, 0.5), (1.0, 1.0), (9.0, 0.5)])
def test_the_threshold_decides_between_answer_and_none(threshold, f1):
    scores = answer_scores(
        {"has": ["cat"], "none": []},
        {"has": "cat", "none": "dog"},
        null_answers=True,
        null_odds={"has": 0.5, "none": 2.0},
        null_threshold=threshold,
    )
    assert scores["f1"] == f1
    assert (scores["best_f1"], scores["best_f1_threshold"]) == (1.0, 0.5)


def test_where_no_answer_is_best_the_threshold_lets_none_in():
    odds = {"a": -3.0, "b": 1.0}
    scores = answer_scores(
        {"a": [], "b": []}, {"a": "x", "b": "y"}, null_answers=True, null_odds=odds
    )
    assert scores["best_f1"] == 1.0 and scores["best_f1_threshold"] < -3.0


def test_chinese_answers_are_compared_by_ideographs():
    assert chinese_exact_match("2008年，北京", "2008年北京。") == 1.0
    # 4 units each (2008, 年, 北, 京); the longest common stretch has 3.
    assert chinese_f1("2008年北京", "2007年北京") == pytest.approx(0.75)
    assert chinese_f1("北京", "上海") == 0.0


@pytest.mark.parametrize(
    ("answers", "prediction", "metric", "outcome"),
    [
        (["the Rome"], "Rome!", "squad", "right"),
        (["Rome", "the old Rome"], "old Rome city", "squad", "too long"),
        (["the old Rome"], "old", "squad", "too short"),
        (["old Rome"], "new Rome", "squad", "shares words"),
        (["Rome"], "Paris", "squad", "elsewhere"),
        (["Rome"], "", "squad", "no answer given"),
        ([], "Rome", "squad", "answered, but there is none"),
        ([], "", "squad", "right"),
        (["《长城》"], "长城", "cmrc", "right"),
        (["长城"], "古长城", "cmrc", "too long"),
    ],
)
def test_what_is_wrong_with_an_answer_has_a_name(answers, prediction, metric, outcome):
    assert answer_outcome(answers, prediction, metric) == outcome
