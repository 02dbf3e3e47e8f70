"""Precision, recall and F1 of the answers that a threshold lets in.

Shapes: N candidates, T thresholds.
"""

from typing import Any

import numpy as np

from bert_tf.analysis.judged import Candidates

_NUM_POINTS = 51


def curve(candidates: Candidates) -> dict[str, Any]:
    """How precision and recall change with the threshold; a candidate at it is let in.

    Returns:
      `points`, [threshold, precision, recall, F1] for thresholds from 0 to 1, without those at
      which nothing is let in; `best`, the `threshold` with the best `f1` of all that can be told
      apart, with `precision` and `recall`.
    """
    scores_N = np.asarray(candidates.scores, np.float64)
    order = np.argsort(-scores_N, kind="stable")
    scores_N = scores_N[order]
    hits_N = np.cumsum(np.asarray(candidates.is_right, np.float64)[order])
    if not len(scores_N):
        return {"points": [], "best": None}
    ends = np.flatnonzero(np.append(scores_N[1:] != scores_N[:-1], True))
    f1_N = 2 * hits_N / (np.arange(1, len(scores_N) + 1) + candidates.num_expected)
    best = int(ends[np.argmax(f1_N[ends])])
    points = []
    for threshold in np.linspace(0.0, 1.0, _NUM_POINTS):
        let_in = int(np.searchsorted(-scores_N, -threshold, side="right"))
        if let_in:
            points.append([float(threshold), *_rates(hits_N, let_in, candidates.num_expected)])
    names = ("precision", "recall", "f1")
    rates = _rates(hits_N, best + 1, candidates.num_expected)
    found = {"threshold": float(scores_N[best]), **dict(zip(names, rates, strict=True))}
    return {"points": points, "best": found}


def _rates(hits_N: np.ndarray, let_in: int, num_expected: int) -> list[float]:
    hits = float(hits_N[let_in - 1])
    return [hits / let_in, hits / max(num_expected, 1), 2 * hits / (let_in + num_expected)]
