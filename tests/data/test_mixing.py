"""Mixtures: exact shares, and an order that depends on position and weights alone."""

import dataclasses
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.records import mixing
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.mixing import Mixture, Shares
from bert_tf.data.records.release_format import StaticMasks
from tests.data.fake_tokenizer import (
    build_data,
    make_dataset,
    sentences,
)

LENGTH, SLOTS = 24, 5
weight_lists = st.lists(st.integers(1, 10**9), min_size=1, max_size=6)


@settings(deadline=None, max_examples=200)
@given(weight_lists, st.integers(0, 10**8))
def test_every_data_set_has_its_share_of_the_rows_up_to_any_position(weights, position):
    counts = Shares(weights).counts(position + np.arange(50))
    np.testing.assert_array_equal(counts.sum(axis=1), position + np.arange(50))
    steps = np.diff(counts, axis=0)
    assert steps.min() >= 0 and (steps.sum(axis=1) == 1).all()
    exact = [(position * weight, sum(weights)) for weight in weights]
    for count, (numerator, total) in zip(counts[0].tolist(), exact, strict=True):
        assert abs(count * total - numerator) < max(1, len(weights) - 1) * total


@settings(deadline=None, max_examples=50)
@given(weight_lists, st.integers(0, 10**6), st.integers(0, 40), st.integers(0, 40))
def test_a_stretch_is_the_same_however_it_is_cut(weights, position, first, second):
    shares = Shares(weights)
    whole, before = shares.sources(position, first + second)
    parts = [shares.sources(position, first), shares.sources(position + first, second)]
    np.testing.assert_array_equal(whole, np.concatenate([sources for sources, _ in parts]))
    numbers = np.bincount(parts[0][0], minlength=len(weights))
    np.testing.assert_array_equal(parts[1][1], before + numbers)


def test_weights_stand_behind_the_names():
    assert mixing.parse("a:0.7,b:0.3") == (["a", "b"], [7, 3])
    assert mixing.parse("gs://x/a:1/3, /b/c:0.25") == (["gs://x/a", "/b/c"], [4, 3])
    assert mixing.parse("gs://x/a,b") == (["gs://x/a", "b"], None)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("a:0.7,b", "b has no weight"),
        ("a:0,b:1", "weight of a is 0; it must be above 0"),
        ("a:-1,b:1", "weight of a is -1"),
        ("a,b,a", "a occurs twice"),
        ("a:1e-12,b:1", "too many digits"),
        (",", "no data set was given"),
    ],
)
def test_weights_that_cannot_be_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        mixing.parse(data)


def build(path, name, seeds, **changes):
    (path / f"{name}.txt").write_text("\n\n".join("\n".join(sentences(s, 60)) for s in seeds))
    settings = {"max_seq_length": LENGTH, "shard_size": 8} | changes
    build_data(str(path / f"{name}.txt"), path / name, **settings)
    return str(path / name)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two data sets, the second without labels. With static masks, which are quick to read."""
    path = tmp_path_factory.mktemp("mixture")
    masks = {"static_masks": StaticMasks(max_predictions_per_seq=SLOTS)}
    return [
        build(path, "first", range(3), **masks),
        build(path, "second", range(10, 14), objective="none", **masks),
    ]


def make(data, batch_slice, **settings):
    return make_dataset(data, batch_slice, max_predictions_per_seq=SLOTS, **settings)


def take(data, batch_slice, count, **settings):
    batches = list(make(data, batch_slice, **settings).take(count).as_numpy_iterator())
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def originals(rows):
    """The rows with the masked tokens put back, as tuples."""
    ids = rows["input_ids"].copy()
    used = np.nonzero(rows["masked_lm_weights"])
    ids[used[0], rows["masked_lm_positions"][used]] = rows["masked_lm_ids"][used]
    return [tuple(row) for row in ids.tolist()]


def stored(folder):
    rows = take(folder, BatchSlice(1), Manifest.load(folder).rows, training=False)
    return originals(rows)


def test_a_mixture_reads_each_data_set_in_its_share(folders):
    rows = take(f"{folders[0]}:0.7,{folders[1]}:0.3", BatchSlice(10), 30)
    has_labels = rows["next_sentence_weights"][:, 0].reshape(30, 10)
    assert (has_labels.sum(axis=1) == 7).all()
    first, second = (set(stored(folder)) for folder in folders)
    is_first = has_labels.ravel() > 0
    found = np.array(originals(rows))
    assert {tuple(row) for row in found[is_first].tolist()} == first  # read twice in 210 rows
    assert {tuple(row) for row in found[~is_first].tolist()} <= second


def test_without_weights_an_epoch_reads_every_row_once(folders):
    data = ",".join(folders)
    mixture = Mixture.open(data)
    rows = originals(take(data, BatchSlice(1), 2 * mixture.rows))
    everything = sorted(stored(folders[0]) + stored(folders[1]))
    assert sorted(rows[: mixture.rows]) == sorted(rows[mixture.rows :]) == everything
    assert rows[: mixture.rows] != rows[mixture.rows :]


def test_evaluation_reads_every_row_once_whatever_the_weights(folders):
    data = f"{folders[0]}:0.01,{folders[1]}:1"
    rows = take(data, BatchSlice(16), 100, training=False)
    is_real = rows["input_mask"].sum(axis=1) > 1
    found = [row for row, real in zip(originals(rows), is_real, strict=True) if real]
    assert sorted(found) == sorted(stored(folders[0]) + stored(folders[1]))
    rows = Mixture.open(data).rows
    assert len(is_real) == 16 * -(-rows // 16) and is_real.sum() == rows


@pytest.mark.parametrize("consumed", [8, 200])
def test_a_mixture_goes_on_anywhere_and_workers_together_read_its_batches(folders, consumed):
    data = f"{folders[0]}:2,{folders[1]}:5"
    whole = take(data, BatchSlice(8), consumed // 8 + 4)
    resumed = take(data, BatchSlice(8), 4, start_row=consumed)
    for name, values in resumed.items():
        np.testing.assert_array_equal(values, whole[name][consumed:], err_msg=name)
    workers = [take(data, BatchSlice(8, 2, w, 1), 4, start_row=consumed) for w in (0, 1)]
    for name, values in resumed.items():
        parts = [worker[name].reshape(4, 4, *values.shape[1:]) for worker in workers]
        joined = np.concatenate(parts, axis=1).reshape(values.shape)
        np.testing.assert_array_equal(values, joined, err_msg=name)


def test_data_sets_with_equal_rows_get_masks_of_their_own(tmp_path):
    first = build(tmp_path, "first", range(3))
    shutil.copytree(first, tmp_path / "copy")
    num_rows = Manifest.load(first).rows
    rows = take(f"{first},{tmp_path / 'copy'}", BatchSlice(2), num_rows, training=False)
    ids, positions = originals(rows), rows["masked_lm_positions"]
    assert ids[::2] == ids[1::2] and num_rows > 50
    assert (positions[::2] != positions[1::2]).any(axis=1).mean() > 0.8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_seq_length": 20}, "max_seq_length is 24 there, 20 here"),
        ({"max_examples_per_row": 2}, "max_examples_per_row is 1 there, 2 here"),
        ({"objective": "sentence_order"}, "objective is next_sentence there, sentence_order"),
        ({"static_masks": None}, "static max_predictions_per_seq is 5 there, None here"),
    ],
)
def test_data_sets_that_cannot_share_a_batch_are_refused(folders, tmp_path, changes, message):
    dataclasses.replace(Manifest.load(folders[0]), **changes).save(str(tmp_path))
    with pytest.raises(ValueError, match=f"{tmp_path} cannot be mixed: {message}"):
        Mixture.open(f"{folders[1]},{folders[0]},{tmp_path}")


def test_the_identity_changes_with_data_and_weights_but_not_with_how_they_are_written(folders):
    a, b = folders
    same = {Mixture.open(data).identity for data in (f"{a}:0.7,{b}:0.3", f"{a}:7,{b}:3")}
    others = {Mixture.open(data).identity for data in (a, b, f"{a}:1,{b}:1", f"{b}:7,{a}:3")}
    assert len(same) == 1 and len(same | others) == 5
