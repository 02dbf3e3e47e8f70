"""Where a regression is wrong: how far, in which direction, at which numbers.

Shapes: U rows.
"""

from typing import Any

import numpy as np

from bert_tf.analysis.judged import Metric

_NUM_BINS = 10
_MOST_POINTS = 500
_PERCENTILES = (50, 90, 95, 99)


def analyse(numbers_U2: np.ndarray) -> dict[str, Any]:
    """What is to be said of expected and given numbers.

    Args:
      numbers_U2: float, expected and given.

    Returns:
      `mean_absolute_error`, `root_mean_squared_error` and `mean_error` (above 0: the answers are
      too large); `within`, [distance, share of the answers that are off by no more]; `bins`, of
      rows of like answers: `from`, `to`, `count`, mean `given` and `expected`; `points`, some
      [expected, given].
    """
    expected_U, given_U = np.asarray(numbers_U2, np.float64).T
    off_U = given_U - expected_U
    distances = [float(np.percentile(np.abs(off_U), p)) for p in _PERCENTILES]
    step = -(-len(off_U) // _MOST_POINTS)
    return {
        "mean_absolute_error": float(np.abs(off_U).mean()),
        "root_mean_squared_error": float(np.sqrt((off_U**2).mean())),
        "mean_error": float(off_U.mean()),
        "within": [[distance, float(np.mean(np.abs(off_U) <= distance))] for distance in distances],
        "bins": _bins(expected_U, given_U),
        "points": np.stack([expected_U, given_U], axis=1)[::step].tolist(),
    }


def pearson(numbers_U2: np.ndarray) -> tuple[Metric, np.ndarray]:
    """Pearson's correlation as a function of counts that add up.

    Args:
      numbers_U2: float, expected and given.

    Returns:
      (the metric, float64 [U, 6] counts): the sums of both, of their squares and product, of ones.
    """
    # Shifted, which changes no correlation, so that the squares do not swamp the variances.
    x_U, y_U = (np.asarray(numbers_U2, np.float64) - np.mean(numbers_U2, axis=0)).T
    counts = np.stack([x_U, y_U, x_U**2, y_U**2, x_U * y_U, np.ones_like(x_U)], axis=1)
    return Metric("pearson", _correlation), counts


def _correlation(sums: np.ndarray) -> np.ndarray:
    x, y, xx, yy, xy, count = np.moveaxis(sums, -1, 0)
    spread = np.sqrt(np.maximum((count * xx - x**2) * (count * yy - y**2), 0))
    return np.divide(count * xy - x * y, spread, out=np.zeros_like(spread), where=spread > 0)


def _bins(expected_U: np.ndarray, given_U: np.ndarray) -> list[dict[str, Any]]:
    """Bins of equal width over the answers."""
    low, high = float(given_U.min()), float(given_U.max())
    width = (high - low) / _NUM_BINS or 1.0
    bin_U = np.clip(((given_U - low) / width).astype(int), 0, _NUM_BINS - 1)
    return [
        {
            "from": low + k * width,
            "to": low + (k + 1) * width,
            "count": int(np.count_nonzero(bin_U == k)),
            "given": float(given_U[bin_U == k].mean()),
            "expected": float(expected_U[bin_U == k].mean()),
        }
        for k in np.unique(bin_U).tolist()
    ]
