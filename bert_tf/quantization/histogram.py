"""How often the values of an activation occur, and the range that suits them, in NumPy.

Shape suffixes: N bins, C candidates.
"""

import numpy as np

from bert_tf.config.quantization import CALIBRATIONS
from bert_tf.quantization.integers import HIGHEST, LOWEST, Range

_BINS = 4096
_STEPS = HIGHEST - LOWEST
_SHARES = np.geomspace(1.0, 0.02, 60)  # of the largest value, tried as an end of the range


class Histogram:
    """Counts values in bins of the same width around 0; the bins grow with the values.

    Attributes:
      low, high: the smallest and the largest value, at most and at least 0.
    """

    def __init__(self):
        self.low = self.high = 0.0
        self._reach = 2.0**-10  # the bins go from -reach to reach
        self._counts_N = np.zeros(_BINS, np.int64)

    def add(self, values: np.ndarray) -> None:
        """Counts finite values of any shape."""
        values = np.asarray(values, np.float32).reshape(-1)
        if not values.size:
            return
        self.low, self.high = min(self.low, values.min()), max(self.high, values.max())
        while max(self.high, -self.low) > self._reach:
            self._double()
        counts_N, _ = np.histogram(values, _BINS, (-self._reach, self._reach))
        self._counts_N += counts_N

    def _double(self) -> None:
        """Makes every bin twice as wide: each two become one, in the middle."""
        pairs = self._counts_N.reshape(-1, 2).sum(axis=1)
        quarter = _BINS // 4
        self._counts_N = np.pad(pairs, (quarter, quarter))
        self._reach *= 2

    @property
    def centres_N(self) -> np.ndarray:
        """The middle of each bin."""
        width = 2 * self._reach / _BINS
        return (np.arange(_BINS) + 0.5) * width - self._reach

    def range(self, method: str, percentile: float = 99.99) -> Range:
        """The range for int8.

        Args:
          method: "max": all values; "percentile": without the largest at both ends; "mse": the
            smallest mean squared error of the rounded values.
          percentile: for "percentile": this share of the values lies below the upper end, and above
            the lower end.

        Raises:
          ValueError: an unknown method.
        """
        if method not in CALIBRATIONS:
            raise ValueError(
                f"calibration is {method!r}; expected one of {', '.join(CALIBRATIONS)}."
            )
        if method == "percentile":
            return self._percentile(percentile / 100)
        if method == "mse":
            return self._least_error()
        return Range(float(self.low), float(self.high))

    def error(self, range_: Range) -> float:
        """The mean squared error of rounding with a range, of the mean square of the values."""
        total = (self._counts_N * self.centres_N**2).sum()
        return float(self._squared_error(range_.low, range_.high) / total) if total else 0.0

    def _percentile(self, share: float) -> Range:
        cumulated_N = np.cumsum(self._counts_N) / max(1, self._counts_N.sum())
        low = self.centres_N[np.searchsorted(cumulated_N, 1 - share)]
        high = self.centres_N[min(np.searchsorted(cumulated_N, share), _BINS - 1)]
        return Range(float(max(min(low, 0.0), self.low)), float(min(max(high, 0.0), self.high)))

    def _least_error(self) -> Range:
        low, high = self.low, self.high
        for _ in range(2):  # one end after the other, from all values inwards
            low = min(self.low * _SHARES, key=lambda end: self._squared_error(end, high))  # noqa: B023
            high = min(self.high * _SHARES, key=lambda end: self._squared_error(low, end))  # noqa: B023
        return Range(float(low), float(high))

    def _squared_error(self, low: float, high: float) -> float:
        if not high > low:
            return float((self._counts_N * self.centres_N**2).sum())
        scale = (high - low) / _STEPS
        zero = np.round(-low / scale)
        steps_N = np.clip(np.round(self.centres_N / scale) + zero, 0, _STEPS)
        missed_N = (steps_N - zero) * scale - self.centres_N
        # A bin's values lie all over it, so a step narrower than a bin gains nothing.
        return float((self._counts_N * missed_N**2).sum())
