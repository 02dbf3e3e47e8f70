"""The numbers of the error analysis are those of scikit-learn, SciPy, or a loop written anew."""

import dataclasses
import json
import math

import numpy as np
import pytest
from sklearn import metrics

from bert_tf.analysis import comparison, errors, labels, numbers, paired, reliability, slices
from bert_tf.analysis import judged as judged_lib
from bert_tf.analysis import thresholds as thresholds_lib
from bert_tf.analysis.judged import NONE, Candidates, Confusion
from bert_tf.report import errors_page
from tests.analysis import made


@pytest.fixture(scope="module")
def judged():
    return made.of_labels()


def test_precision_recall_and_f1_are_those_of_scikit_learn(judged):
    found = labels.per_label(judged.items, judged.labels)
    expected = metrics.precision_recall_fscore_support(
        judged.items.expected, judged.items.given, labels=judged.labels, zero_division=0
    )
    for entry, *values in zip(found, *expected, strict=True):
        names = ("precision", "recall", "f1", "support")
        assert [entry[name] for name in names] == pytest.approx(values)
    for entry, average in zip(labels.averages(found), ("macro", "weighted"), strict=True):
        values = metrics.precision_recall_fscore_support(
            judged.items.expected, judged.items.given, average=average, zero_division=0
        )[:3]
        assert [entry[name] for name in ("precision", "recall", "f1")] == pytest.approx(values)


def test_items_that_are_not_there_count_for_neither_side():
    found = {one["label"]: one for one in labels.per_label(made.of_entities().items, ["LOC"])}
    assert (found["PER"]["support"], found["PER"]["answered"]) == (3, 3)
    assert found["PER"]["recall"] == found["PER"]["precision"] == 1 / 3
    assert found["LOC"]["recall"] == 0.5 and found["LOC"]["precision"] == 1.0
    assert found["ORG"]["answered"] == 1 and found["ORG"]["f1"] == 0.0
    assert NONE not in found


def test_reliability_bins_are_those_of_a_loop(judged):
    certain, is_right = judged.items.confidences, judged.items.is_right
    for entry in reliability.bins(certain, is_right):
        own = [
            (c, hit)
            for c, hit in zip(certain, is_right, strict=True)
            if entry["from"] < c <= entry["to"]
        ]
        assert entry["count"] == len(own)
        assert entry["confidence"] == pytest.approx(sum(c for c, _ in own) / len(own))
        assert entry["accuracy"] == pytest.approx(sum(hit for _, hit in own) / len(own))
    assert reliability.calibration_error(np.array([0.9, 0.9, 0.6]), np.array([1, 0, 1])) == (
        pytest.approx((2 * 0.4 + 0.4) / 3)
    )
    assert reliability.calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0.0


def test_threshold_curves_are_those_of_a_loop(judged):
    candidates = judged.candidates["good"]
    found = thresholds_lib.curve(candidates)
    for threshold, precision, recall, f1 in found["points"]:
        let_in = candidates.scores >= threshold
        hits = (let_in & candidates.is_right).sum()
        assert precision == hits / let_in.sum()
        assert recall == hits / candidates.num_expected
        assert f1 == pytest.approx(2 * hits / (let_in.sum() + candidates.num_expected))
    every = [
        metrics.f1_score(candidates.is_right, candidates.scores >= threshold)
        for threshold in candidates.scores
    ]
    assert found["best"]["f1"] == pytest.approx(max(every))
    nothing = Candidates(np.array([]), np.array([], bool), 3)
    assert thresholds_lib.curve(nothing) == {"points": [], "best": None}


def test_equal_scores_are_let_in_together():
    found = thresholds_lib.curve(Candidates(np.array([0.5, 0.5, 0.2]), np.array([1, 0, 0]), 1))
    assert found["best"] == pytest.approx(
        {"threshold": 0.5, "precision": 0.5, "recall": 1.0, "f1": 2 / 3}
    )


def test_slices_of_one_kind_hold_every_row_once_and_their_scores_are_those_of_the_rows(judged):
    asked = slices.Asked(
        words=("hardly",),
        columns={"genre": [f"g{n % 3}" for n in range(len(judged))]},
        known_words={"row", "word", "script", "alert", "x", *map(str, range(250))},
    )
    found = slices.cut(judged, asked)
    by = {one.by: sum(other.rows for other in found if other.by == one.by) for one in found}
    assert set(by) == {
        "length",
        "label",
        "unknown tokens",
        "words that training did not have",
        "word",
        "column genre",
    }
    assert all((counts == 1).all() for counts in by.values())
    scored = slices.scores(judged, found)
    for one, entry in zip(found, scored, strict=True):
        assert entry["score"] == pytest.approx(judged.is_right[one.rows].mean())
        assert entry["low"] <= entry["score"] <= entry["high"]
    genre = next(one for one in scored if one["slice"] == "g1")
    assert genre["rows"] == 100


def test_the_planted_word_is_the_hardest(judged):
    found = slices.hard_words(judged)
    assert found[0]["word"] == made.HARD
    assert found[0]["score"] < 0.4 < 0.7 < found[0]["others"]


def test_the_paired_bootstrap_agrees_with_resampling_row_by_row():
    one, other = made.of_labels(seed=1), made.of_labels(seed=2, accuracy=0.6)
    found = paired.compare(one.metric, one.counts, other.counts)
    generator, draws = np.random.default_rng(5), []
    for _ in range(1000):
        rows = generator.integers(0, len(one), len(one))
        draws.append(one.score(rows) - other.score(rows))
    assert found.difference == pytest.approx(one.score() - other.score())
    assert [found.low, found.high] == pytest.approx(np.percentile(draws, [2.5, 97.5]), abs=0.02)
    assert found.p_value < 0.01
    same = paired.compare(one.metric, one.counts, one.counts)
    assert same == (0.0, 0.0, 0.0, 1.0)
    assert found == paired.compare(one.metric, one.counts, other.counts)


def test_where_nothing_differs_few_tests_say_so():
    """Two runs of one accuracy: p is below 0.05 in about one of twenty cases."""
    small = [
        paired.compare(
            judged_lib.mean("accuracy"),
            *(
                np.stack([np.random.default_rng([n, side]).random(200) < 0.8, np.ones(200)], 1)
                for side in (0, 1)
            ),
        ).p_value
        < 0.05
        for n in range(200)
    ]
    assert 0.01 <= np.mean(small) <= 0.11


def test_scores_of_counts_that_add_up():
    entities = made.of_entities()
    assert entities.score() == pytest.approx(2 * 2 / (5 + 5))
    assert entities.score(np.array([1])) == 0.0
    off = made.of_numbers().numbers
    assert made.of_numbers().score() == pytest.approx(
        math.sqrt(metrics.mean_squared_error(off[:, 0], off[:, 1]))
    )
    assert entities.is_right.tolist() == [False, False, True]
    assert entities.said(True)[0] == "Rome: LOC; Paris: LOC; Ann Lee: PER"
    assert entities.said(False)[0] == "Rome: LOC; Paris: ORG; Ann: PER"


def test_a_regression_says_how_far_and_in_which_direction():
    found = numbers.analyse(made.of_numbers().numbers)
    off = np.diff(made.of_numbers().numbers)[:, 0]
    assert found["mean_error"] == pytest.approx(off.mean())
    assert found["mean_absolute_error"] == pytest.approx(np.abs(off).mean())
    assert sum(one["count"] for one in found["bins"]) == len(off)
    for distance, share in found["within"]:
        assert share == (np.abs(off) <= distance).mean()


def test_the_mistakes_of_numbers_are_those_that_are_wrong_the_furthest_off_first():
    judged = made.of_numbers()
    off = np.abs(np.diff(judged.numbers)[:, 0])
    expected = sorted(np.flatnonzero(~judged.items.is_right).tolist(), key=lambda row: -off[row])
    found = errors.confident_mistakes(judged)
    assert 0 < len(found) < len(judged) and found == expected[: errors.MOST_MISTAKES]


@pytest.mark.parametrize("make", [made.of_labels, made.of_entities, made.of_numbers])
def test_the_analysis_is_json_and_its_lists_are_in_order(make):
    judged = make()
    found = errors.analyse(judged)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    certain = [one["confidence"] for one in found["mistakes"] if one["confidence"] is not None]
    assert certain == sorted(certain, reverse=True)
    hits = [one["confidence"] for one in found["hits"]]
    assert hits == sorted(hits)
    assert sum(one["count"] for one in found["outcomes"]) == len(judged.items.outcomes)
    assert found["wrong_rows"] == (~judged.is_right).sum()


def test_two_runs_are_compared_row_by_row_through_their_files(judged):
    other = made.of_labels(seed=9, accuracy=0.95)
    records = [json.loads(line) for line in comparison.lines(other)]
    read = comparison.parse("work/other", "judged.jsonl", records)
    comparison.check_same(judged, read, "dev")
    found = comparison.compare(judged, read)
    mine, theirs = judged.is_right, other.is_right
    assert found["only_other"] == (~mine & theirs).sum()
    total = sum(found[key] for key in ("both_right", "only_this", "only_other", "neither"))
    assert total == len(judged)
    whole = found["table"][0]
    assert (whole["this"], whole["other"]) == pytest.approx((judged.score(), other.score()))
    assert whole["p_value"] < 0.05 and whole["high"] < 0
    assert found["lost"][0]["other"] == found["lost"][0]["expected"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-1], r"dev has 300 rows here and 299 in other\. Compare"),
        (lambda rows: [{**rows[0], "key": "x"}, *rows[1:]], r"dev holds another row at 2 than"),
        (lambda rows: [{**row, "counts": [1, 2, 3]} for row in rows], r"another task"),
        (lambda rows: [*rows[:3], {"label": 1}], r"judged\.jsonl:4: this is no line"),
        *(
            (
                lambda rows, bad=bad: [*rows, {**rows[0], "counts": bad}],
                r"judged\.jsonl:301: this is",
            )
            for bad in ([float("nan"), 1], [float("inf"), 1], [10**400, 1], [1e300, 1])
        ),
        (lambda rows: [7], r"judged\.jsonl:1: this is no line"),
        (lambda rows: [], r"judged\.jsonl: it is empty"),
    ],
)
def test_runs_that_do_not_fit_are_refused_in_one_line(judged, change, message):
    records = change([json.loads(line) for line in comparison.lines(judged)])
    with pytest.raises(ValueError, match=message) as error:
        comparison.check_same(judged, comparison.parse("other", "judged.jsonl", records), "dev")
    assert "\n" not in str(error.value)


def test_the_most_frequent_confusions_are_listed_and_many_labels_are_no_matrix():
    counts = np.diag(np.full(50, 9))
    counts[3, 4], counts[7, 1] = 5, 2
    judged = made.of_labels()
    names = [f"n{n}" for n in range(50)]
    many = dataclasses.replace(judged, confusion=Confusion("texts", names, counts))
    found = errors.analyse(many)["confusion"]
    assert found["counts"] is None
    assert found["pairs"] == [
        {"expected": "n3", "given": "n4", "count": 5},
        {"expected": "n7", "given": "n1", "count": 2},
    ]
    small = errors.analyse(judged)["confusion"]
    assert np.sum(small["counts"]) == len(judged)
    html = "".join(html for _, html in errors_page.sections(errors.analyse(many), "dev"))
    assert "n3" in html and 'class="matrix' not in html
