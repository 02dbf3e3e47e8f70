"""Precision, recall and F1 of each label, and how often each outcome was.

Shapes: I items, L labels.
"""

import collections
from collections.abc import Sequence
from typing import Any

from bert_tf.analysis.judged import NONE, RIGHT, Items


def per_label(items: Items, labels: Sequence[str]) -> list[dict[str, Any]]:
    """One entry a label: `precision`, `recall`, `f1`, `support` and `answered`.

    Args:
      items: what was right and wrong.
      labels: of the model, in its order. Labels that only the items have come behind them.

    Returns:
      A ratio with nothing below it is 0, as scikit-learn's with `zero_division=0`. `support` is how
      often the label was expected, `answered` how often it was given.
    """
    support = collections.Counter(items.expected)
    answered = collections.Counter(items.given)
    hits = collections.Counter(
        given
        for given, outcome in zip(items.given, items.outcomes, strict=True)
        if outcome == RIGHT
    )
    names = dict.fromkeys([*labels, *sorted({*support, *answered} - {NONE})])
    return [
        {
            "label": name,
            "precision": hits[name] / max(answered[name], 1),
            "recall": hits[name] / max(support[name], 1),
            "f1": 2 * hits[name] / max(answered[name] + support[name], 1),
            "support": support[name],
            "answered": answered[name],
        }
        for name in names
    ]


def averages(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The `macro` mean over labels that occur, and the `weighted` one by support."""
    found = [entry for entry in entries if entry["support"] or entry["answered"]]
    total = sum(entry["support"] for entry in found)
    rows = []
    for name, weights in (
        ("macro mean", [1.0] * len(found)),
        ("weighted mean", [float(entry["support"]) for entry in found]),
    ):
        weight = sum(weights) or 1.0
        row: dict[str, Any] = {"label": name}
        for key in ("precision", "recall", "f1"):
            terms = (e[key] * w for e, w in zip(found, weights, strict=True))
            row[key] = sum(terms) / weight
        rows.append(row | {"support": total, "answered": sum(e["answered"] for e in found)})
    return rows


def outcome_counts(items: Items, outcomes: Sequence[str]) -> list[dict[str, Any]]:
    """`outcome`, `count` and `share` of each, in the order of `outcomes`."""
    counts = collections.Counter(items.outcomes)
    total = max(len(items.outcomes), 1)
    return [
        {"outcome": name, "count": counts[name], "share": counts[name] / total} for name in outcomes
    ]


def outcomes_by_label(items: Items, outcomes: Sequence[str]) -> list[dict[str, Any]]:
    """`label` and {outcome: count}: an item counts under what was expected, or else was given."""
    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    columns = zip(items.expected, items.given, items.outcomes, strict=True)
    for expected, given, outcome in columns:
        counts[expected if expected != NONE else given][outcome] += 1
    return [
        {"label": label, "counts": {name: counts[label][name] for name in outcomes}}
        for label in sorted(counts)
    ]
