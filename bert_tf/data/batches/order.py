"""The order in which rows are read: a pure function of (seed, epoch). NumPy only.

Each epoch permutes the shards, divides them into groups of `SHARDS_PER_GROUP`, and permutes all
rows of a group together. Positions count through the epochs: p = epoch x rows + position in the
epoch. To find position p, the number of rows in each shard is enough; to read on from p, one group
is opened. Global batch t of B rows has the positions [start + tB, start + (t+1)B) for any number of
workers. Each worker takes its replicas' part of every batch.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from bert_tf.data.hashing import (
    STREAM_ROWS,
    STREAM_SHARDS,
    check_seed,
    hash_u32,
    split_words,
)

ROWS_PER_SHARD = 8192
SHARDS_PER_GROUP = 16


@dataclasses.dataclass(frozen=True)
class BatchSlice:
    """The part of each global batch that one worker reads.

    Attributes:
      global_batch_size: rows of a batch over all replicas of all workers.
      num_replicas: replicas of all workers together.
      first_replica: the first of this worker's replicas.
      local_replicas: how many replicas this worker has.

    Raises:
      ValueError: the batch cannot be divided or the replicas do not exist.
    """

    global_batch_size: int
    num_replicas: int = 1
    first_replica: int = 0
    local_replicas: int = 1

    def __post_init__(self) -> None:
        if self.num_replicas < 1 or self.global_batch_size < 1:
            raise ValueError(f"batch size and number of replicas must be at least 1: {self}")
        if self.global_batch_size % self.num_replicas:
            raise ValueError(
                f"the global batch size of {self.global_batch_size} cannot be divided by "
                f"{self.num_replicas} replicas; choose a multiple of {self.num_replicas}"
            )
        last = self.first_replica + self.local_replicas
        if self.first_replica < 0 or self.local_replicas < 1 or last > self.num_replicas:
            raise ValueError(
                f"replicas {self.first_replica} to {last - 1} were requested; "
                f"expected replicas within 0 to {self.num_replicas - 1}"
            )

    @property
    def replica_batch_size(self) -> int:
        """Rows of a batch on one replica."""
        return self.global_batch_size // self.num_replicas

    def position(self, local_batch: int) -> int:
        """The position, from the first batch, at which this worker's batch `local_batch` begins.

        The batches of a worker's replicas alternate: those of one global batch are consecutive.
        """
        batch, replica = divmod(local_batch, self.local_replicas)
        replica += self.first_replica
        return batch * self.global_batch_size + replica * self.replica_batch_size


@dataclasses.dataclass(frozen=True)
class GroupSlice:
    """Some rows of one group, in the order in which they are used.

    Attributes:
      epoch: the epoch in which they are read.
      shards: int64 [<= 16], the shards of the group in the epoch's order.
      rows: int64 [n], indices into the concatenated rows of those shards.
      examples: int64 [n], the same rows as indices into the whole data set in storage order.
      next_position: the position after the last row of the whole group.
    """

    epoch: int
    shards: np.ndarray
    rows: np.ndarray
    examples: np.ndarray
    next_position: int


class RowOrder:
    """The rows of a data set in the order of training, by their position over all epochs.

    Args:
      shard_rows: the number of rows of each shard, in storage order.
      seed: of the order, in [0, 2**32).

    Raises:
      ValueError: there are no rows or the seed is out of range.
    """

    def __init__(self, shard_rows: Sequence[int], seed: int):
        self._shard_rows = np.asarray(shard_rows, np.int64)
        self._seed = check_seed(seed)
        self._num_rows = int(self._shard_rows.sum())
        if self._num_rows == 0:
            raise ValueError("the data set has no rows. Expected at least one.")
        self._epoch = functools.lru_cache(2)(self._arrange_epoch)
        self._group = functools.lru_cache(2)(self._permute_group)

    def at(self, position: int, count: int) -> list[GroupSlice]:
        """The rows at `position` to `position + count - 1`, one slice for each group."""
        slices = []
        while count > 0:
            part = self._slice(position, count)
            slices.append(part)
            position += len(part.rows)
            count -= len(part.rows)
        return slices

    def _slice(self, position: int, count: int) -> GroupSlice:
        epoch, in_epoch = divmod(position, self._num_rows)
        groups, ends = self._epoch(epoch)
        number = int(np.searchsorted(ends, in_epoch, side="right"))
        examples, permutation = self._group(epoch, number)
        begin = in_epoch - (int(ends[number]) - len(permutation))
        rows = permutation[begin : begin + count]
        next_position = epoch * self._num_rows + int(ends[number])
        return GroupSlice(epoch, groups[number], rows, examples[rows], next_position)

    def _arrange_epoch(self, epoch: int) -> tuple[list[np.ndarray], np.ndarray]:
        """The groups of an epoch and the positions in the epoch where they end."""
        groups = _groups(len(self._shard_rows), self._seed, epoch)
        return groups, np.cumsum([self._shard_rows[shards].sum() for shards in groups])

    def _permute_group(self, epoch: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        examples = _group_examples(self._shard_rows, self._epoch(epoch)[0][number])
        return examples, _permutation(examples, self._seed, epoch)


class StorageOrder:
    """The rows of a data set in storage order, once. Has the interface of `RowOrder`."""

    def __init__(self, shard_rows: Sequence[int]):
        self._ends = np.cumsum(np.asarray(shard_rows, np.int64))

    def at(self, position: int, count: int) -> list[GroupSlice]:
        """The rows at `position` to `position + count - 1`, without those beyond the end."""
        slices = []
        stop = min(position + count, int(self._ends[-1]))
        while position < stop:
            shard = int(np.searchsorted(self._ends, position, side="right"))
            end = int(self._ends[shard])
            examples = np.arange(position, min(stop, end))
            first = int(self._ends[shard - 1]) if shard else 0
            slices.append(GroupSlice(0, np.array([shard]), examples - first, examples, end))
            position = min(stop, end)
        return slices


class MemoryOrder:
    """The order of `RowOrder` for rows in memory (as if in shards of `ROWS_PER_SHARD`).

    Args:
      num_rows: number of rows.
      seed: of the order, in [0, 2**32).
      batch_slice: which part of each global batch this worker reads.
      start_row: rows consumed so far, by all workers and through all epochs.

    Raises:
      ValueError: there are no rows or the seed is out of range.
    """

    def __init__(self, num_rows: int, seed: int, batch_slice: BatchSlice, start_row: int = 0):
        self._order = RowOrder(memory_shards(num_rows), seed)
        self._batch_slice, self._start_row = batch_slice, start_row

    def rows(self, local_batch: int) -> np.ndarray:
        """int64 [replica_batch_size]: the rows of this worker's replica batch `local_batch`."""
        position = self._start_row + self._batch_slice.position(local_batch)
        parts = self._order.at(position, self._batch_slice.replica_batch_size)
        return np.concatenate([part.examples for part in parts])


def memory_shards(num_rows: int, rows_per_shard: int = ROWS_PER_SHARD) -> list[int]:
    """The number of rows in each shard, if `num_rows` rows are divided into shards."""
    full, rest = divmod(num_rows, rows_per_shard)
    return [rows_per_shard] * full + [rest] * (rest > 0)


def _groups(num_shards: int, seed: int, epoch: int) -> list[np.ndarray]:
    shards = _argsort_hash(np.arange(num_shards, dtype=np.int64), seed, epoch, STREAM_SHARDS)
    return [shards[i : i + SHARDS_PER_GROUP] for i in range(0, num_shards, SHARDS_PER_GROUP)]


def _group_examples(shard_rows: np.ndarray, shards: np.ndarray) -> np.ndarray:
    firsts = np.cumsum(shard_rows) - shard_rows
    return np.concatenate([firsts[shard] + np.arange(shard_rows[shard]) for shard in shards])


def _permutation(examples: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    return _argsort_hash(examples, seed, epoch, STREAM_ROWS)


def _argsort_hash(indices: np.ndarray, seed: int, epoch: int, stream: int) -> np.ndarray:
    low, high = split_words(indices)
    return np.argsort(hash_u32(seed, epoch, low, high, stream), kind="stable")
