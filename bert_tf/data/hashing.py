"""The counter-based hash: all orders, masks and cuts of the data are drawn from it."""

import numpy as np

# Streams: the last counter of every hash in bert_tf.data, so that no two uses share random numbers.
STREAM_SHARDS = 1
STREAM_ROWS = 2
STREAM_MASK_ORDER = 3
STREAM_MASK_KIND = 4
STREAM_MASK_TOKEN = 5
STREAM_IS_SHORT = 6
STREAM_SHORT_LENGTH = 7
STREAM_SPLIT = 8
STREAM_LABEL = 9
STREAM_OTHER_DOCUMENT = 10
STREAM_OTHER_DOCUMENT_LOW = 11
STREAM_OTHER_SENTENCE = 12
STREAM_CUT_FIRST = 13
STREAM_CUT_SECOND = 14
STREAM_COPY = 15
STREAM_SOURCE = 16
STREAM_MASK_NGRAM = 17
STREAM_POSITION_SHIFT = 18
STREAMS_SAMPLE = (19, 20)  # two numbers for each token that a generator draws
STREAM_LENGTH_BUCKETS = 32
STREAM_SPLIT_ROWS = 33
STREAM_PHASE = 34


def hash_u32(seed: int, *counters: int | np.ndarray) -> np.ndarray:
    """Hashes counters to uint32: MurmurHash3_x86_32 of the counters as 32-bit words (A. Appleby).

    Counters broadcast against each other. Only the low 32 bits of a counter count; pass a larger
    index as `*split_words(index)`. bert_tf.data.masks.masking has the same function in TF ops.

    Raises:
      ValueError: the seed is not in [0, 2**32).
    """
    h = np.asarray(check_seed(seed), np.uint32)
    with np.errstate(over="ignore"):
        for counter in counters:
            k = (np.asarray(counter).astype(np.int64) & 0xFFFFFFFF).astype(np.uint32)
            k = _rotate_left(k * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)
            h = _rotate_left(h ^ k, 13) * np.uint32(5) + np.uint32(0xE6546B64)
        h = h ^ np.uint32(4 * len(counters))
        h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
        h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
        return h ^ (h >> np.uint32(16))


def check_seed(seed: int) -> int:
    """Returns the seed, or raises ValueError if it does not fit the 32 bits of the hash."""
    if not 0 <= seed < 1 << 32:
        raise ValueError(f"the seed is {seed}; it must be between 0 and 2**32 - 1")
    return int(seed)


def _rotate_left(x: np.ndarray, bits: int) -> np.ndarray:
    return (x << np.uint32(bits)) | (x >> np.uint32(32 - bits))


def split_words(index: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The low and the high 32 bits of an index, as two counters."""
    index = np.asarray(index, np.int64)
    return index & 0xFFFFFFFF, index >> 32
