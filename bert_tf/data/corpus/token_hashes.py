"""64-bit hashes of token spans: equal text has equal hashes. NumPy only.

The hash of a span is the sum, modulo 2**64, of a hash of each token and its place. So a span can be
hashed in pieces, and all spans of a block at once. Among a billion different spans, 0.03 pairs are
expected to share a hash.
"""

import numpy as np

from bert_tf.data.ranges import offsets_of


def mix(x: np.ndarray) -> np.ndarray:
    """uint64 -> uint64, one to one: the finalizer of SplitMix64 (Steele et al. 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def hash_places(tokens: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The summand of each token in the hash of its span.

    Args:
      tokens: int [T].
      places: int64 [T], the index of each token in its span.

    Returns:
      uint64 [T].
    """
    token_bits = (tokens.astype(np.uint64) + np.uint64(1)) << np.uint64(40)
    return mix(mix(token_bits) + places.astype(np.uint64))


def hash_stretches(tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """uint64 [N]: the hashes of N concatenated spans; none can be empty."""
    if not len(lengths):
        return np.zeros(0, np.uint64)
    begins = offsets_of(lengths)[:-1]
    places = np.arange(len(tokens)) - np.repeat(begins, lengths)
    return np.add.reduceat(hash_places(tokens, places), begins)
