"""Order: complete, the same for any number of workers, and found again from a row count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data import hashing
from bert_tf.data.batches import order

BatchSlice = order.BatchSlice


def murmur3_of_bytes(data: bytes, seed: int) -> int:
    """MurmurHash3_x86_32 in plain Python, for data in whole words."""
    mask = 0xFFFFFFFF
    h = seed
    for i in range(0, len(data), 4):
        k = int.from_bytes(data[i : i + 4], "little") * 0xCC9E2D51 & mask
        k = ((k << 15 | k >> 17) & mask) * 0x1B873593 & mask
        h ^= k
        h = ((h << 13 | h >> 19) & mask) * 5 + 0xE6546B64 & mask
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & mask
    h = (h ^ h >> 13) * 0xC2B2AE35 & mask
    return h ^ h >> 16


def test_hash_equals_published_murmur3_vectors():
    assert murmur3_of_bytes(b"test", 0) == hashing.hash_u32(0, 0x74736574) == 0xBA6BD213
    assert hashing.hash_u32(0x9747B28C, 0x74736574) == 0x704B81DC
    assert hashing.hash_u32(1) == 0x514E28B7


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(-(2**62), 2**62), max_size=5))
def test_hash_equals_plain_python(seed, counters):
    data = b"".join((c & 0xFFFFFFFF).to_bytes(4, "little") for c in counters)
    assert int(hashing.hash_u32(seed, *counters)) == murmur3_of_bytes(data, seed)


def test_a_seed_of_more_than_32_bits_is_refused():
    for seed in [-1, 2**32]:
        with pytest.raises(ValueError, match="must be between 0"):
            hashing.hash_u32(seed, 1)


SHARDS = [7, 1, 5] + [3] * 17 + [2]  # two groups of shards


def first_rows(start_row, count, batch_slice, seed=3, shards=SHARDS):
    """The first `count` (epoch, example) pairs that a worker reads."""
    row_order, pairs, size = order.RowOrder(shards, seed), [], batch_slice.replica_batch_size
    for local_batch in range(-(-count // size)):
        for part in row_order.at(start_row + batch_slice.position(local_batch), size):
            pairs += [(part.epoch, example) for example in part.examples.tolist()]
    return pairs[:count]


def test_every_row_comes_exactly_once_an_epoch():
    total = sum(SHARDS)
    rows = first_rows(0, 3 * total, BatchSlice(1))
    for epoch in range(3):
        of_epoch = rows[epoch * total : (epoch + 1) * total]
        assert sorted(of_epoch) == [(epoch, row) for row in range(total)]


def test_epochs_and_seeds_have_different_orders():
    total = sum(SHARDS)
    rows = [row for _, row in first_rows(0, 2 * total, BatchSlice(1))]
    assert rows[:total] != rows[total:]
    assert rows[:total] != [row for _, row in first_rows(0, total, BatchSlice(1), seed=4)]
    assert rows[:total] != sorted(rows[:total])


def test_groups_hold_sixteen_shards_and_each_row_of_them_once():
    total, firsts = sum(SHARDS), np.cumsum([0] + SHARDS)
    groups = order.RowOrder(SHARDS, 3).at(total, total)
    assert [len(group.shards) for group in groups] == [16, 5]
    for group in groups:
        of_group = [firsts[shard] + i for shard in group.shards for i in range(SHARDS[shard])]
        assert sorted(group.rows) == list(range(len(of_group)))
        assert group.examples.tolist() == [of_group[row] for row in group.rows]


@settings(deadline=None)
@given(st.integers(0, 4 * sum(SHARDS)))
def test_starting_at_any_row_equals_skipping_to_it(start_row):
    everything = first_rows(0, start_row + 30, BatchSlice(1))
    assert first_rows(start_row, 30, BatchSlice(1)) == everything[start_row:]


def test_starting_late_opens_one_group(monkeypatch):
    opened = []
    original = order._permutation
    monkeypatch.setattr(order, "_permutation", lambda *args: opened.append(1) or original(*args))
    order.RowOrder([3] * 160, 0).at(470, 2)
    assert len(opened) == 1


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("start_row", [0, 17])
def test_global_batches_are_the_same_for_any_number_of_workers(workers, start_row):
    batches = np.array(first_rows(start_row, 40 * 8, BatchSlice(8))).reshape(40, 8, 2)
    parts = []
    for worker in range(workers):
        per_worker = 4 // workers
        part = first_rows(
            start_row, 40 * 2 * per_worker, BatchSlice(8, 4, worker * per_worker, per_worker)
        )
        parts.append(np.array(part).reshape(40, 2 * per_worker, 2))
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), batches)


def test_rows_in_memory_follow_the_order_of_shards():
    sizes = order.memory_shards(20_000)
    assert sizes == [8192, 8192, 3616]
    batch_slice = BatchSlice(12, 3, 1, 2)
    memory = order.MemoryOrder(20_000, 5, batch_slice, 19_000)
    rows = np.concatenate([memory.rows(batch) for batch in range(600)]).tolist()
    expected = first_rows(19_000, 600 * 4, batch_slice, seed=5, shards=sizes)
    assert rows == [row for _, row in expected]
    assert {epoch for epoch, _ in expected} == {0, 1}


def test_storage_order_ends_with_the_rows():
    storage = order.StorageOrder([7, 4])
    parts = [(p.shards.tolist(), p.rows.tolist(), p.examples.tolist()) for p in storage.at(5, 4)]
    assert parts == [([0], [5, 6], [5, 6]), ([1], [0, 1], [7, 8])]
    assert [p.examples.tolist() for p in storage.at(9, 4)] == [[9, 10]]
    assert storage.at(11, 4) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((10, 4), "cannot be divided by 4 replicas"),
        ((8, 4, 3, 2), "replicas 3 to 4 were requested; expected replicas within 0 to 3"),
        ((8, 4, -1, 1), "were requested"),
        ((0, 1), "at least 1"),
    ],
)
def test_impossible_batch_slices_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        BatchSlice(*arguments)


def test_an_empty_data_set_is_refused():
    with pytest.raises(ValueError, match="no rows"):
        order.MemoryOrder(0, 0, BatchSlice(1))


def test_permutation_has_no_visible_structure():
    rows = np.array([row for _, row in first_rows(0, 8192, BatchSlice(1), shards=[8192])])
    correlation = np.corrcoef(rows, np.arange(8192))[0, 1]
    neighbours = np.mean(np.abs(np.diff(rows)) == 1)
    assert abs(correlation) < 4 / np.sqrt(8192)
    assert neighbours < 0.002
