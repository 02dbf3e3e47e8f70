"""Batches by length: every row once an epoch, little padding, a function of the step alone."""

import itertools

import numpy as np
import pytest

from bert_tf.data.batches.length_buckets import (
    BATCHES_PER_WINDOW,
    BucketedRows,
    choose_widths,
    sorted_rows,
)
from bert_tf.data.batches.order import BatchSlice

_LENGTHS = np.random.default_rng(0).integers(5, 100, 512)
_WIDTHS = (24, 48, 72, 100)


def batches(count, batch_slice=BatchSlice(8), start_row=0, lengths=_LENGTHS):  # noqa: B008
    rows = BucketedRows(lengths, 3, batch_slice, _WIDTHS, start_row)
    return [rows.batch(number) for number in range(count)]


def test_an_epoch_of_whole_windows_holds_every_row_once():
    assert len(_LENGTHS) % (8 * BATCHES_PER_WINDOW) == 0
    rows = np.concatenate([rows for rows, _ in batches(len(_LENGTHS) // 8)])
    assert sorted(rows) == list(range(len(_LENGTHS)))


def test_the_width_is_the_least_that_holds_the_longest_row():
    for rows, index in batches(100):
        longest = _LENGTHS[rows].max()
        assert longest <= _WIDTHS[index]
        assert index == 0 or longest > _WIDTHS[index - 1]


def test_little_is_padding_and_neighbours_are_not_alike():
    found = batches(64)
    used = sum(_LENGTHS[rows].sum() for rows, _ in found)
    assert used / sum(8 * _WIDTHS[index] for _, index in found) > 0.75
    widths = [index for _, index in found]
    assert sum(a != b for a, b in itertools.pairwise(widths)) > 32  # shuffled, not sorted


def test_within_a_width_rows_come_together_in_random_order():
    of_widest = [_LENGTHS[rows] for rows, index in batches(64) if index == 3]
    means = [found.mean() for found in of_widest[:-1]]  # the last has rows of the width below
    assert np.std(means) < 6  # sorted by length: 8, as of numbers spread over 72 to 100


def test_a_run_that_goes_on_sees_the_same_batches():
    whole = batches(60)
    later = batches(60 - 37, start_row=37 * 8)
    for (rows, width), (again, same) in zip(whole[37:], later, strict=True):
        np.testing.assert_array_equal(rows, again)
        assert width == same


@pytest.mark.parametrize(("replicas", "workers"), [(2, 1), (4, 2), (8, 8)])
def test_replicas_share_the_batches_of_one(replicas, workers):
    local = replicas // workers
    parts = [
        batches(40 * local, BatchSlice(8, replicas, worker * local, local))
        for worker in range(workers)
    ]
    for t, (rows, width) in enumerate(batches(40)):
        shares = [part for found in parts for part in found[t * local : (t + 1) * local]]
        np.testing.assert_array_equal(np.concatenate([share for share, _ in shares]), rows)
        assert {same for _, same in shares} == {width}


def test_another_batch_size_cannot_go_on_within_a_batch():
    with pytest.raises(ValueError, match="has read 20 rows.*multiple of the global batch size"):
        batches(1, start_row=20)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_chosen_widths_are_the_best_of_all(count):
    lengths = np.random.default_rng(count).integers(3, 41, 50)
    chosen = choose_widths(lengths, 40, count)

    def tokens(widths):
        return sum(min(w for w in widths if w >= length) for length in lengths)

    candidates = [8, 16, 24, 32]
    every = [(*some, 40) for n in range(count) for some in itertools.combinations(candidates, n)]
    assert chosen[-1] == 40
    assert len(chosen) <= count
    assert tokens(chosen) == min(tokens(widths) for widths in every)


def test_a_length_that_is_no_multiple_of_eight_is_the_last_width():
    assert choose_widths(np.array([3, 9, 30]), 30, 3) == (8, 16, 30)


def test_evaluation_reads_the_longest_first():
    assert sorted_rows(np.array([3, 9, 9, 1])).tolist() == [1, 2, 0, 3]
