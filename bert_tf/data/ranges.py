"""Arrays of arrays laid end to end: the index arithmetic that replaces loops over rows."""

import numpy as np


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """Where each of the stretches begins, and where the last one ends: int64 [n + 1]."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def ranges(begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """begins[0]..begins[0]+lengths[0]-1, then the same for 1, and so on, as one int64 array."""
    offsets = offsets_of(lengths)
    return np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
