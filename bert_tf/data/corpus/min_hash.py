"""MinHash signatures of documents, and the pairs of documents to compare.

The share of equal numbers in two signatures estimates the Jaccard similarity of the two sets of
shingles (`WORDS_PER_SHINGLE` consecutive words; Broder 1997). Signatures are divided into bands;
two signatures with a common band are candidates (locality-sensitive hashing; Leskovec et al.,
"Mining of Massive Datasets", chapter 3).

Shapes: T tokens of a block, W words, U units (documents or sentences), H numbers of a signature.
"""

import numpy as np

from bert_tf.data.corpus.token_hashes import hash_places, mix

NUM_HASHES = 128
WORDS_PER_SHINGLE = 5
LOOKAHEAD = 1024  # tokens after a block that its last shingles can need
_BANDS = (32, 16, 8, 4, 2, 1)  # rows of a band
_LEAST_RECALL = 0.9
_MULTIPLIERS_H = mix(np.arange(1, NUM_HASHES + 1, dtype=np.uint64)) | np.uint64(1)
_SHIFTS_H = mix(np.arange(1001, NUM_HASHES + 1001, dtype=np.uint64))
_PLACES = mix(np.arange(2001, WORDS_PER_SHINGLE + 2001, dtype=np.uint64))


def rows_of_band(threshold: float) -> int:
    """The largest band that finds at least nine in ten pairs with a similarity of `threshold`."""
    return next(
        rows
        for rows in _BANDS
        if rows == 1 or 1 - (1 - threshold**rows) ** (NUM_HASHES // rows) >= _LEAST_RECALL
    )


def band_keys(signatures_UH: np.ndarray, rows: int) -> np.ndarray:
    """uint64 [U, bands]: one key for the `rows` numbers of each band."""
    bands = signatures_UH.astype(np.uint64).reshape(len(signatures_UH), -1, rows)
    places = np.arange(rows, dtype=np.uint64) << np.uint64(32)
    return mix(bands + places).sum(axis=-1, dtype=np.uint64)


def similarity(first_UH: np.ndarray, second_UH: np.ndarray) -> np.ndarray:
    """float64 [U]: the share of numbers that two signatures have in common."""
    return (first_UH == second_UH).mean(axis=1)


def block_signatures(
    tokens: np.ndarray, size: int, unit_T: np.ndarray, is_begin_T: np.ndarray, is_word_T: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Signatures of the parts of units in a block of tokens.

    Args:
      tokens: the block and up to `LOOKAHEAD` tokens after it.
      size: tokens of the block itself; only shingles that begin in it count.
      unit_T: int64, the unit of each token, ascending.
      is_begin_T: bool, the token is the first of its unit.
      is_word_T: bool, the token begins a word.

    Returns:
      int64 [U], units with a shingle that begins in the block; their signatures uint32 [U, H]. The
      caller takes the minimum with the signatures of the same unit in adjacent blocks. A unit of
      few words is one shingle.
    """
    starts_W = np.flatnonzero(is_word_T | is_begin_T)
    if not len(starts_W):
        return np.zeros(0, np.int64), np.zeros((0, NUM_HASHES), np.uint32)
    places = np.arange(len(tokens))
    places[starts_W[0] :] -= np.repeat(starts_W, np.diff(np.append(starts_W, len(tokens))))
    words_W = np.add.reduceat(hash_places(tokens, places), starts_W)
    unit_W = unit_T[starts_W]
    shingle_W, follows_W = mix(words_W + _PLACES[0]), np.ones(len(words_W), bool)
    for k in range(1, WORDS_PER_SHINGLE):
        follows_W = np.zeros(len(words_W), bool)
        follows_W[:-k] = unit_W[:-k] == unit_W[k:]
        there_W = np.flatnonzero(follows_W)
        shingle_W[there_W] += mix(words_W[there_W + k] + _PLACES[k])
    counts_W = (follows_W | is_begin_T[starts_W]) & (starts_W < size)
    shingles, unit = mix(shingle_W[counts_W]), unit_W[counts_W]
    if not len(unit):
        return np.zeros(0, np.int64), np.zeros((0, NUM_HASHES), np.uint32)
    firsts = np.flatnonzero(np.diff(unit, prepend=-1))
    signatures = np.empty((len(firsts), NUM_HASHES), np.uint32)
    for h in range(NUM_HASHES):
        numbers = ((shingles * _MULTIPLIERS_H[h] + _SHIFTS_H[h]) >> np.uint64(32)).astype(np.uint32)
        signatures[:, h] = np.minimum.reduceat(numbers, firsts)
    return unit[firsts], signatures
