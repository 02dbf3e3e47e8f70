"""Scores of entities, as seqeval computes them: sentence by sentence, whole entities only."""

from collections.abc import Sequence


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
