"""Hashes of stretches of tokens, of 64 bits: equal text has equal hashes. NumPy only.

The hash of a stretch is the sum, modulo 2**64, of a hash of each token and its place. So stretches
of any length are hashed in pieces, and all stretches of a block at once. Of a billion different
stretches, 0.03 pairs share a hash by chance.
"""

import numpy as np

from bert_tf.data.ranges import offsets_of


def mix(x: np.ndarray) -> np.ndarray:
    """uint64 -> uint64, one to one: the finalizer of SplitMix64 (Steele et al. 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def hash_places(tokens: np.ndarray, places: np.ndarray) -> np.ndarray:
    """What each token adds to the hash of the stretch that it is in.

    Args:
      tokens: int [T].
      places: int64 [T], where each stands in its stretch.

    Returns:
      uint64 [T].
    """
    token_bits = (tokens.astype(np.uint64) + np.uint64(1)) << np.uint64(40)
    return mix(mix(token_bits) + places.astype(np.uint64))


def hash_stretches(tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """uint64 [N]: the hash of each of the stretches that lie end to end; none may be empty."""
    if not len(lengths):
        return np.zeros(0, np.uint64)
    begins = offsets_of(lengths)[:-1]
    places = np.arange(len(tokens)) - np.repeat(begins, lengths)
    return np.add.reduceat(hash_places(tokens, places), begins)
