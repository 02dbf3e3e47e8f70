"""Batches of rows of similar length: little padding, and few static shapes.

The widths are chosen once for the data. A batch is cut to the smallest width that holds its longest
row. A window is `BATCHES_PER_WINDOW` global batches of the training order. Its rows are grouped by
the width that they need, in random order within a group, and divided into batches, which are then
shuffled. So global batch t is a function of (seed, t) alone: the same after a restart and on every
layout. Sorting by length would make no batch narrower, only its rows more similar. NumPy only.

Shapes: E examples, b rows of one replica's batch.
"""

import functools
from collections.abc import Sequence

import numpy as np

from bert_tf.data import hashing
from bert_tf.data.batches import order

BATCHES_PER_WINDOW = 32
_MULTIPLE = 8  # widths are multiples of it, as matrix units need


def row_lengths(input_mask: np.ndarray) -> np.ndarray:
    """Tokens of each row, int [E]. If a row has several sequences, the longest counts.

    Args:
      input_mask: int [E, S], or [E, C, S] for rows of C sequences.
    """
    lengths = input_mask.sum(axis=-1)
    return lengths.reshape(len(lengths), -1).max(axis=1)


def choose_widths(lengths: np.ndarray, max_seq_length: int, count: int) -> tuple[int, ...]:
    """Chooses the widths that give the fewest tokens over all rows.

    Each row is cut to the smallest width that holds it. There are at most `count` widths; the last
    is `max_seq_length`.

    Args:
      lengths: int [E], tokens of each row, at most `max_seq_length`.
      max_seq_length: S.
      count: at least 1.

    Raises:
      ValueError: `count` is less than 1.
    """
    if count < 1:
        raise ValueError(f"the number of widths is {count}; expected at least 1")
    candidates = np.unique([*range(_MULTIPLE, max_seq_length, _MULTIPLE), max_seq_length])
    below = np.searchsorted(np.sort(lengths), candidates, side="right")  # rows that fit
    # best[i]: the fewest tokens of the rows that fit candidate i, if it is the last width taken.
    best = candidates * below
    choices = [[(int(width),) for width in candidates]]
    for _ in range(count - 1):
        grown, chosen = best.copy(), list(choices[-1])
        for i in range(1, len(candidates)):
            costs = best[:i] + candidates[i] * (below[i] - below[:i])
            j = int(np.argmin(costs))
            if costs[j] < grown[i]:
                grown[i] = costs[j]
                chosen[i] = (*choices[-1][j], int(candidates[i]))
        best = grown
        choices.append(chosen)
    return choices[-1][-1]


def sorted_rows(lengths: np.ndarray) -> np.ndarray:
    """int64 [E]: all rows, longest first; rows of equal length in storage order."""
    return np.argsort(-lengths, kind="stable")


class BucketedRows:
    """The rows of each training batch, and the width to which they can be cut.

    Args:
      lengths: int [E], tokens of each row.
      seed: of the order, in [0, 2**32).
      batch_slice: which part of each global batch this worker reads.
      widths: ascending; the last holds every row.
      start_row: rows consumed so far, by all workers and through all epochs.

    Raises:
      ValueError: the last width is too small, or `start_row` is within a batch.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        seed: int,
        batch_slice: order.BatchSlice,
        widths: Sequence[int],
        start_row: int = 0,
    ):
        if lengths.max() > widths[-1]:
            raise ValueError(
                f"a row has {lengths.max()} tokens, but the largest width is {widths[-1]}"
            )
        if start_row % batch_slice.global_batch_size:
            raise ValueError(
                f"the run has read {start_row} rows, which is not a multiple of the global batch "
                f"size, {batch_slice.global_batch_size}: batches by length need the batch size "
                "with which the run began."
            )
        self._order = order.RowOrder(order.memory_shards(len(lengths)), seed)
        self._lengths, self._seed, self._widths = lengths, seed, widths
        self._slice = batch_slice
        self._first_batch = start_row // batch_slice.global_batch_size
        self._window = functools.lru_cache(2)(self._cut_window)

    def batch(self, local_batch: int) -> tuple[np.ndarray, int]:
        """The rows of a replica batch of this worker.

        Returns:
          int64 [b], the rows; the index of the width of the whole global batch.
        """
        position = self._slice.position(local_batch)
        global_batch, place = divmod(position, self._slice.global_batch_size)
        window, number = divmod(self._first_batch + global_batch, BATCHES_PER_WINDOW)
        rows = self._window(window)[number]
        width = int(self._width_of(rows).max())
        return rows[place : place + self._slice.replica_batch_size], width

    def _width_of(self, rows: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._widths, self._lengths[rows])

    def _cut_window(self, window: int) -> np.ndarray:
        """int64 [BATCHES_PER_WINDOW, B]: the batches of a window."""
        count = BATCHES_PER_WINDOW * self._slice.global_batch_size
        parts = self._order.at(window * count, count)
        rows = np.concatenate([part.examples for part in parts])
        rows = rows[np.argsort(self._width_of(rows), kind="stable")]
        numbers = np.arange(BATCHES_PER_WINDOW)
        keys = hashing.hash_u32(self._seed, window, numbers, hashing.STREAM_LENGTH_BUCKETS)
        return rows.reshape(BATCHES_PER_WINDOW, -1)[np.argsort(keys, kind="stable")]
