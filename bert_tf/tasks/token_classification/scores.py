"""Scores of entities, as seqeval computes them: sentence by sentence, whole entities only."""

import collections
from collections.abc import Iterable, Sequence

# What can become of an entity; the last is one that is not there.
OUTCOMES = ("right", "other type", "other borders", "both other", "missed", "made up")
_Span = tuple[str, int, int]  # type, first word, word behind the last


def entity_scores(
    tags: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> dict[str, float]:
    """`precision`, `recall` and `f1` over all entities, and `f1_TYPE` of each type.

    Args:
      tags: of each sentence, valid in IOB2.
      predicted: the same, predicted.

    Reference: Tjong Kim Sang and De Meulder 2003; equal to conlleval for valid sequences.
    """
    from seqeval import metrics  # brings scikit-learn, which takes a second

    # Without an entity on either side seqeval warns and says 0.
    if not any(tag != "O" for rows in (tags, predicted) for row in rows for tag in row):
        return {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    report = metrics.classification_report(tags, predicted, output_dict=True, zero_division=0)
    names = {"precision": "precision", "recall": "recall", "f1": "f1-score"}
    scores = {name: float(report["micro avg"][key]) for name, key in names.items()}
    types = sorted(name for name in report if not name.endswith(" avg"))
    return {**scores, **{f"f1_{name}": float(report[name]["f1-score"]) for name in types}}


def entity_outcomes(
    sentences: Iterable[tuple[Sequence[_Span], Sequence[_Span]]],
) -> dict[str, dict[str, int]]:
    """{type: {outcome: how often}}: what became of the entities.

    Args:
      sentences: (expected, predicted) entities of each; those of one side do not overlap.

    Returns:
      An expected entity counts under its type: "right"; "other type" if one of the same borders
      was found; "other borders" if one of its type overlaps; "both other" if one of another type
      does; else "missed". A predicted one that overlaps none counts as "made up" under its own.
    """
    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    for expected, predicted in sentences:
        for span in expected:
            counts[span[0]][_outcome(span, predicted)] += 1
        for span in predicted:
            if not _overlapping(span, expected):
                counts[span[0]]["made up"] += 1
    return {kind: {name: counts[kind][name] for name in OUTCOMES} for kind in sorted(counts)}


def _outcome(span: _Span, predicted: Sequence[_Span]) -> str:
    if span in predicted:
        return "right"
    found = _overlapping(span, predicted)
    if any(other[1:] == span[1:] for other in found):
        return "other type"
    if any(other[0] == span[0] for other in found):
        return "other borders"
    return "both other" if found else "missed"


def _overlapping(span: _Span, others: Sequence[_Span]) -> list[_Span]:
    return [other for other in others if other[1] < span[2] and span[1] < other[2]]
