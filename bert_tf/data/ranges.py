"""Index arithmetic for concatenated arrays; it replaces loops over rows."""

import numpy as np


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """int64 [n + 1]: where each of n concatenated arrays begins, and where the last one ends."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def ranges(begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """int64 [sum of lengths]: for each i, begins[i], ..., begins[i] + lengths[i] - 1."""
    offsets = offsets_of(lengths)
    return np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
