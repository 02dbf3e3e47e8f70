"""Scores against their formulas, written out."""

import numpy as np
import pytest

from bert_tf.tasks.classification import scores as metrics

_RNG = np.random.default_rng(0)


def test_binary_scores_are_their_formulas():
    labels, answers = _RNG.integers(0, 2, 200), _RNG.integers(0, 2, 200)
    tp, tn = np.sum(labels & answers), np.sum((1 - labels) & (1 - answers))
    fp, fn = np.sum((1 - labels) & answers), np.sum(labels & (1 - answers))
    scores = metrics.label_scores(labels, answers, 2)
    assert scores["accuracy"] == pytest.approx((tp + tn) / 200)
    assert scores["f1"] == pytest.approx(2 * tp / (2 * tp + fp + fn))
    root = np.sqrt(float((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))
    assert scores["matthews"] == pytest.approx((tp * tn - fp * fn) / root)


def test_one_answer_for_all_has_a_matthews_of_0_and_more_labels_have_no_f1():
    assert metrics.label_scores(np.array([0, 1, 1]), np.ones(3, int), 2)["matthews"] == 0
    assert "f1" not in metrics.label_scores(np.array([0, 1, 2]), np.array([0, 1, 1]), 3)


def test_correlations_are_their_formulas():
    targets, answers = _RNG.normal(size=50), _RNG.normal(size=50)
    answers += targets
    ranks = [np.argsort(np.argsort(values)) for values in (targets, answers)]
    scores = metrics.number_scores(targets, answers)
    assert scores["pearson"] == pytest.approx(np.corrcoef(targets, answers)[0, 1])
    assert scores["spearman"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert metrics.number_scores(targets, np.ones(50))["spearman"] == 0


def test_scores_of_sets_are_their_formulas():
    targets = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    answers = np.array([[1, 0, 0], [0, 0, 0], [0, 1, 1]])
    scores = metrics.label_set_scores(targets, answers)
    assert scores["micro_f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert scores["macro_f1"] == pytest.approx((1 + 1 + 0) / 3)
    assert scores["exact_match"] == pytest.approx(1 / 3)


def test_the_confusion_matrix_has_labels_in_rows():
    counts = metrics.confusion_matrix(np.array([0, 0, 2]), np.array([0, 1, 2]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]
