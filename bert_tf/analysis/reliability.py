"""Whether probabilities mean what they say.

Reference: Guo et al. 2017, section 2 (reliability diagram, expected calibration error); the bins of
Naeini et al. 2015.

Shapes: N answers, K bins.
"""

from typing import Any

import numpy as np

NUM_BINS = 15


def bins(confidences_N: np.ndarray, is_right_N: np.ndarray) -> list[dict[str, Any]]:
    """The bins that hold something.

    Args:
      confidences_N: the probability of each answer, in 0..1.
      is_right_N: bool, whether it is right.

    Returns:
      Of each bin `from` (exclusive), `to` (inclusive), `count`, mean `confidence`, `accuracy`.
    """
    confidences_N = np.asarray(confidences_N, np.float64)
    bin_N = np.clip(np.ceil(confidences_N * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)
    count_K = np.bincount(bin_N, minlength=NUM_BINS)
    sum_K = np.bincount(bin_N, weights=confidences_N, minlength=NUM_BINS)
    right_K = np.bincount(bin_N, weights=np.asarray(is_right_N, np.float64), minlength=NUM_BINS)
    return [
        {
            "from": k / NUM_BINS,
            "to": (k + 1) / NUM_BINS,
            "count": int(count_K[k]),
            "confidence": float(sum_K[k] / count_K[k]),
            "accuracy": float(right_K[k] / count_K[k]),
        }
        for k in np.flatnonzero(count_K)
    ]


def calibration_error(confidences_N: np.ndarray, is_right_N: np.ndarray) -> float:
    """Expected calibration error: the mean gap of confidence and accuracy over the bins."""
    found = bins(confidences_N, is_right_N)
    gaps = (abs(one["confidence"] - one["accuracy"]) * one["count"] for one in found)
    return sum(gaps) / max(len(confidences_N), 1)
