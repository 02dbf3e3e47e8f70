"""Bootstrap over rows: how sure a score is, and whether one of two runs is better.

Reference: Efron and Tibshirani 1993, chapter 13 (percentile intervals); Berg-Kirkpatrick et al.
2012 (the paired test on one test set).

Shapes: U rows, C counts, R resamples.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bert_tf.analysis.judged import Metric

NUM_RESAMPLES = 1000
_SEED = 0
_ENDS = (2.5, 97.5)  # percentiles of an interval of 95 %
_MOST_DRAWS = 4_000_000  # in memory


class Difference(NamedTuple):
    """How much better the first of two runs is, on the same rows.

    Attributes:
      difference: its score less that of the other.
      low, high: an interval of 95 %.
      p_value: two-sided: how likely so large a difference would be if there were none.
    """

    difference: float
    low: float
    high: float
    p_value: float


def compare(
    metric: Metric,
    counts_UC: np.ndarray,
    other_UC: np.ndarray,
    num_resamples: int = NUM_RESAMPLES,
) -> Difference:
    """The paired bootstrap test of two runs on the same rows.

    Args:
      metric: of the counts.
      counts_UC, other_UC: of the two runs, row by row.
      num_resamples: R.
    """
    both = np.concatenate([counts_UC, other_UC], axis=1)
    width = counts_UC.shape[1]
    sums = np.concatenate(list(_resampled(both, num_resamples)))
    draws_R = metric.function(sums[:, :width]) - metric.function(sums[:, width:])
    seen = float(metric.function(counts_UC.sum(axis=0)) - metric.function(other_UC.sum(axis=0)))
    low, high = np.percentile(draws_R, _ENDS)
    # Both tails hold the draws of no difference; one more in each, so that p is never 0.
    tail = min(np.count_nonzero(draws_R <= 0), np.count_nonzero(draws_R >= 0))
    p_value = min(1.0, 2 * (tail + 1) / (num_resamples + 1))
    return Difference(seen, float(low), float(high), p_value)


def interval(metric: Metric, counts_UC: np.ndarray, num_resamples: int = 200) -> list[float]:
    """[low, high] of 95 % for the score of some rows."""
    sums = np.concatenate(list(_resampled(counts_UC, num_resamples)))
    return [float(end) for end in np.percentile(metric.function(sums), _ENDS)]


def _resampled(counts_UC: np.ndarray, num_resamples: int) -> Iterator[np.ndarray]:
    """The sums of resamples, float64 [r, C] a time. The same rows give the same numbers."""
    generator = np.random.default_rng(_SEED)
    # Rows of the same counts are drawn together: mostly there are few kinds of rows.
    kinds, numbers = np.unique(counts_UC, axis=0, return_counts=True)
    shares = numbers / numbers.sum()
    step = max(1, _MOST_DRAWS // len(kinds))
    for first in range(0, num_resamples, step):
        size = min(step, num_resamples - first)
        yield generator.multinomial(len(counts_UC), shares, size=size) @ kinds
