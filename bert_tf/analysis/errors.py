"""The whole error analysis of a scored set, as JSON values: what a report page shows.

Shapes: U rows, I items.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from bert_tf.analysis import labels, numbers, reliability, slices, thresholds
from bert_tf.analysis.judged import Confusion, Judged
from bert_tf.analysis.slices import Asked, Slice

FORMAT_VERSION = 1
MOST_MISTAKES, MOST_HITS = 200, 50  # that are shown
_MOST_CURVES = 30
_MOST_LABELS, _MOST_PAIRS = 40, 50  # of a matrix; of pairs that are listed
# Mistakes of a set whose words are coloured: after a training, and after a mere evaluation, which
# takes less time than to explain 50 answers.
COLOURED, FEW_COLOURED = 50, 4
_MOST_CHARACTERS = 800  # of a text that is shown


def analyse(judged: Judged, asked: Asked = Asked()) -> dict[str, Any]:  # noqa: B008 - immutable
    """What `report.json` holds of a set.

    Args:
      judged: what became of its rows.
      asked: what the user wants to have looked at besides.

    Returns:
      `unit`, `rows`, `wrong_rows`, `metric`, `score`; `outcomes`, and `by_label` where there are
      several kinds of faults; `labels` and their `averages`; `confusion`; `reliability`;
      `mistakes`, the most confident first, and `hits`, the least certain first; `slices` and
      `hard_words`; `thresholds`; `numbers` of a regression. Parts that a task does not have are
      None or empty.
    """
    items = judged.items
    entries = labels.per_label(items, judged.labels) if judged.labels else []
    return {
        "unit": judged.unit,
        "rows": len(judged),
        "wrong_rows": int(np.count_nonzero(~judged.is_right)),
        "metric": judged.metric.name,
        "lower_is_better": judged.metric.lower_is_better,
        "score": judged.score(),
        "outcomes": labels.outcome_counts(items, judged.outcomes),
        "by_label": (
            labels.outcomes_by_label(items, judged.outcomes)
            if judged.labels and len(judged.outcomes) > 2
            else []
        ),
        "labels": entries,
        "averages": labels.averages(entries) if entries else [],
        "confusion": judged.confusion and _confusion(judged.confusion),
        "reliability": _reliability(judged),
        "mistakes": shown(judged, confident_mistakes(judged)),
        "hits": shown(judged, _uncertain_hits(judged)),
        "slices": slices.scores(judged, slices.cut(judged, asked)),
        "hard_words": slices.hard_words(judged),
        "thresholds": _thresholds(judged),
        "numbers": None if judged.numbers is None else numbers.analyse(judged.numbers),
    }


def _confusion(confusion: Confusion) -> dict[str, Any]:
    """`what`, `labels`, `counts` (None for very many labels), and `pairs`, the most frequent."""
    names, counts = list(confusion.labels), np.array(confusion.counts)
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_PAIRS]
    places = [divmod(int(place), len(names)) for place in order if wrong.flat[place]]
    return {
        "what": confusion.what,
        "labels": names if len(names) <= _MOST_LABELS else [],
        "counts": counts.tolist() if len(names) <= _MOST_LABELS else None,
        "pairs": [
            {"expected": names[row], "given": names[column], "count": int(counts[row, column])}
            for row, column in places
        ],
    }


def _reliability(judged: Judged) -> dict[str, Any] | None:
    """Of the answers that were given and whose probability is known."""
    items = judged.items
    used = items.is_given & np.isfinite(items.confidences)
    if not used.any():
        return None
    confidences, is_right = items.confidences[used], items.is_right[used]
    return {
        "error": reliability.calibration_error(confidences, is_right),
        "answers": int(used.sum()),
        "mean_confidence": float(confidences.mean()),
        "accuracy": float(is_right.mean()),
        "bins": reliability.bins(confidences, is_right),
    }


def confident_mistakes(judged: Judged) -> list[int]:
    """Numbers of wrong items, the surest first; of a regression those that are furthest off."""
    wrong = np.flatnonzero(~judged.items.is_right)
    if judged.numbers is not None:
        off = np.abs(judged.numbers[wrong, 1] - judged.numbers[wrong, 0])
        return wrong[np.argsort(-off, kind="stable")][:MOST_MISTAKES].tolist()
    certain = np.nan_to_num(judged.items.confidences[wrong], nan=-1.0)
    return wrong[np.argsort(-certain, kind="stable")][:MOST_MISTAKES].tolist()


def _uncertain_hits(judged: Judged) -> list[int]:
    items = judged.items
    right = np.flatnonzero(items.is_right & items.is_given & np.isfinite(items.confidences))
    return right[np.argsort(items.confidences[right], kind="stable")][:MOST_HITS].tolist()


def shown(judged: Judged, numbers_of_items: Iterable[int]) -> list[dict[str, Any]]:
    """Items as the page lists them.

    Returns:
      Of each `row` (from 0), `place`, `text` (a long one is cut), `words`, `expected`, `given`,
      `has_label` (whether those are labels), `outcome` and `confidence` (None: not known).
    """
    items = judged.items
    found = []
    for number in numbers_of_items:
        row = int(items.rows[number])
        confidence = float(items.confidences[number])
        words = items.words[number] if items.words else ""
        expected, given = items.expected[number], items.given[number]
        found.append(
            {
                "row": row,
                "place": judged.places[row],
                "text": cut(judged.texts[row]),
                "words": words,
                "right_words": items.right_words[number] if items.right_words else words,
                "expected": expected,
                "given": given,
                "has_label": bool(judged.labels),
                "outcome": items.outcomes[number],
                "confidence": confidence if np.isfinite(confidence) else None,
            }
        )
    return found


def cut(text: str) -> str:
    """The text, or the beginning of a long one, as pages show it."""
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _thresholds(judged: Judged) -> list[dict[str, Any]]:
    """The curves of the labels that occur most."""
    names = sorted(judged.candidates, key=lambda name: -judged.candidates[name].num_expected)
    return [
        {"label": name, **thresholds.curve(judged.candidates[name])}
        for name in names[:_MOST_CURVES]
    ]


def all_slices(judged: Judged, asked: Asked) -> list[Slice]:
    """The whole set, and its slices."""
    return [Slice("all", "all", np.ones(len(judged), bool)), *slices.cut(judged, asked)]
