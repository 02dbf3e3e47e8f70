"""Batches for pretraining: the same for any number of workers, resumable, every example counted."""

import dataclasses
import itertools
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.records import row_tables
from bert_tf.data.records import shards as records
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.row_tables import Rows
from bert_tf.tokenization.vocabulary import Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from tests.data.fake_tokenizer import (
    TOKENIZER,
    VOCABULARY,
    build_data,
    make_dataset,
    sentences,
)

LENGTH, SLOTS = 24, 5
CLS, SEP = VOCABULARY.cls_id, VOCABULARY.sep_id


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Records in shards of 8 rows, more than one group of 16."""
    path = tmp_path_factory.mktemp("data")
    documents = ["\n".join(sentences(i, 131)) for i in range(4)]
    (path / "a.txt").write_text("\n\n".join(documents))
    folder = str(path / "records")
    manifest = build_data(str(path / "a.txt"), folder, max_seq_length=LENGTH, shard_size=8)
    assert len(manifest.shards) > 17 and manifest.shard_rows[-1] < 8
    return folder


def make(folder, batch_slice, **settings):
    return make_dataset(folder, batch_slice, max_predictions_per_seq=SLOTS, **settings)


def take(dataset, count):
    """The first batches, laid together: name -> array [count, B, ...]."""
    batches = list(dataset.take(count).as_numpy_iterator())
    return {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}


def assert_equal(batches, expected):
    assert batches.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(batches[name], expected[name], err_msg=name)


def unmasked(batch):
    """The rows of a batch [B, ...] with the masked tokens put back, as tuples."""
    ids = batch["input_ids"].copy()
    for row, slot in zip(*np.nonzero(batch["masked_lm_weights"]), strict=True):
        ids[row, batch["masked_lm_positions"][row, slot]] = batch["masked_lm_ids"][row, slot]
    return [tuple(row) for row in ids.tolist()]


def stored_rows(folder):
    manifest = Manifest.load(folder)
    tables = [
        records.read_shard(folder, manifest, shard, len(VOCABULARY))
        for shard in range(len(manifest.shards))
    ]
    table = row_tables.concatenate(tables)
    return [tuple(row) for row in table.padded(np.arange(len(table)), LENGTH)["input_ids"].tolist()]


def test_batches_have_the_names_types_and_static_shapes_of_the_design(folder):
    spec = make(folder, BatchSlice(8, 2, 0, 1)).element_spec
    i, f = tf.int32, tf.float32
    assert {name: (tuple(s.shape), s.dtype) for name, s in spec.items()} == {
        "input_ids": ((4, LENGTH), i),
        "input_mask": ((4, LENGTH), i),
        "segment_ids": ((4, LENGTH), i),
        "masked_lm_positions": ((4, SLOTS), i),
        "masked_lm_ids": ((4, SLOTS), i),
        "masked_lm_weights": ((4, SLOTS), f),
        "masked_lm_left_out": ((4,), i),
        "next_sentence_labels": ((4, 1), i),
        "next_sentence_weights": ((4, 1), f),
    }


def test_rows_are_laid_out_as_bert_expects_them(folder):
    batch = {name: values[0] for name, values in take(make(folder, BatchSlice(16)), 1).items()}
    for ids, mask, segments in zip(
        unmasked(batch), batch["input_mask"], batch["segment_ids"], strict=True
    ):
        size = int(mask.sum())
        assert mask.tolist() == [1] * size + [0] * (LENGTH - size)
        separators = [i for i, token in enumerate(ids) if token == SEP]
        assert ids[0] == CLS and len(separators) == 2 and separators[1] == size - 1
        assert set(ids[size:]) <= {0}
        first = separators[0] + 1
        assert segments.tolist() == [0] * first + [1] * (size - first) + [0] * (LENGTH - size)
    np.testing.assert_array_equal(batch["next_sentence_weights"], 1)


def test_an_epoch_reads_every_row_once_and_the_next_has_another_order_and_other_masks(folder):
    stored = stored_rows(folder)
    batches = make(folder, BatchSlice(1)).take(2 * len(stored)).batch(len(stored))
    first, second = (
        {name: values[:, 0] for name, values in epoch.items()}
        for epoch in batches.as_numpy_iterator()
    )
    assert sorted(unmasked(first)) == sorted(unmasked(second)) == sorted(stored)
    assert unmasked(first) != unmasked(second)
    masks = [
        dict(zip(unmasked(e), e["masked_lm_positions"].tolist(), strict=True))
        for e in (first, second)
    ]
    assert masks[0] != masks[1]


@pytest.mark.parametrize(("workers", "training"), [(2, True), (4, True), (2, False)])
def test_workers_together_read_the_batches_of_one(folder, workers, training):
    count = 9
    whole = take(make(folder, BatchSlice(8), training=training), count)
    per_worker = 4 // workers
    for worker in range(workers):
        first = worker * per_worker
        batch_slice = BatchSlice(8, 4, first, per_worker)
        part = take(make(folder, batch_slice, training=training), count * per_worker)
        for name, values in part.items():
            values = values.reshape(count, 2 * per_worker, *values.shape[2:])
            np.testing.assert_array_equal(
                values, whole[name][:, 2 * first : 2 * (first + per_worker)]
            )


@pytest.mark.parametrize("consumed", [8, 120, 128, 8 * 40])
def test_starting_at_a_row_continues_the_unbroken_run(folder, consumed):
    whole = take(make(folder, BatchSlice(8), whole_word=True), consumed // 8 + 4)
    resumed = take(make(folder, BatchSlice(8), whole_word=True, start_row=consumed), 4)
    assert_equal(resumed, {name: values[-4:] for name, values in whole.items()})


def test_a_dataset_gives_the_same_batches_each_time_and_another_seed_gives_others(folder):
    dataset = make(folder, BatchSlice(8))
    first = take(dataset, 5)
    assert_equal(take(dataset, 5), first)
    other = take(make(folder, BatchSlice(8), seed=1), 5)
    assert (first["input_ids"] != other["input_ids"]).any()


@pytest.mark.parametrize("replicas", [1, 4])
def test_evaluation_counts_every_example_once_and_all_replicas_get_equally_many(folder, replicas):
    stored = stored_rows(folder)
    batch_size = 32
    assert len(stored) % batch_size != 0
    per_replica = [
        list(
            make(folder, BatchSlice(batch_size, replicas, r, 1), training=False).as_numpy_iterator()
        )
        for r in range(replicas)
    ]
    expected = -(-len(stored) // batch_size)
    assert {len(batches) for batches in per_replica} == {expected}
    seen = []
    for batch in itertools.chain(*per_replica):
        counted = batch["next_sentence_weights"][:, 0] > 0
        seen += [row for row, real in zip(unmasked(batch), counted, strict=True) if real]
        assert batch["masked_lm_weights"][~counted].sum() == 0
        assert (batch["input_mask"].sum(axis=1) >= 1).all()
        assert (batch["input_ids"][~counted][:, 0] == CLS).all()
    assert sorted(seen) == sorted(stored)


def test_packed_rows_carry_the_inputs_that_keep_their_examples_apart(tmp_path):
    lengths = np.array([[4, 3, 0], [6, 0, 0]], np.int32)
    rows = Rows(
        input_ids=np.array([CLS, 6, SEP, SEP, CLS, 7, SEP, CLS, 8, 9, SEP, 5, SEP], np.int32),
        segment_ids=np.zeros(13, np.int8),
        offsets=np.array([0, 7, 13]),
        next_sentence_labels=np.array([[1, 0, 0], [1, 0, 0]], np.int32),
        example_lengths=lengths,
        example_indices=np.array([[0, 2, 0], [1, 0, 0]]),
    )
    manifest = Manifest(
        objective="next_sentence",
        max_seq_length=8,
        max_examples_per_row=3,
        shard_size=2,
        seed=0,
        short_seq_prob=0.1,
        vocab_size=len(VOCABULARY),
        vocabulary_sha256=VOCABULARY.sha256,
        tokenizer=TOKENIZER.settings(),
        input_format="auto",
        inputs=[],
        rows=2,
        shards=list(records.write_shards(str(tmp_path), [rows], 1)),
    )
    manifest.save(str(tmp_path))
    (batch,) = make(str(tmp_path), BatchSlice(3), training=False).as_numpy_iterator()
    assert batch["example_ids"].tolist() == [
        [1, 1, 1, 1, 2, 2, 2, 0],
        [1, 1, 1, 1, 1, 1, 0, 0],
        [1, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert batch["position_ids"].tolist() == [
        [0, 1, 2, 3, 0, 1, 2, 0],
        [0, 1, 2, 3, 4, 5, 0, 0],
        [0] * 8,
    ]
    assert batch["cls_positions"].tolist() == [[0, 4, 0], [0, 0, 0], [0, 0, 0]]
    assert batch["next_sentence_labels"].tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert batch["next_sentence_weights"].tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_shifted_rows_are_the_same_but_for_where_they_begin(folder):
    plain = take(make(folder, BatchSlice(8)), 30)
    shifted = take(make(folder, BatchSlice(8), position_range=LENGTH + 9), 30)
    resumed = take(make(folder, BatchSlice(8), position_range=LENGTH + 9, start_row=8 * 27), 3)
    positions = shifted["position_ids"]
    np.testing.assert_array_equal(resumed["position_ids"], positions[27:])
    begins = positions[..., :1]
    np.testing.assert_array_equal(positions, begins + np.arange(LENGTH))
    counts = np.bincount(begins.ravel())  # of 240 rows
    assert len(counts) == 10 and counts.min() > 10 and counts.max() < 40
    assert_equal({name: shifted[name] for name in plain}, plain)


def test_a_shift_is_that_of_the_row_whoever_reads_it_and_another_in_another_epoch(folder):
    settings = {"position_range": 100, "seed": 3}
    whole = take(make(folder, BatchSlice(8), **settings), 5)["position_ids"]
    part = take(make(folder, BatchSlice(8, 4, 1, 1), **settings), 5)["position_ids"]
    np.testing.assert_array_equal(part, whole[:, 2:4])
    rows = len(stored_rows(folder))
    batches = take(make(folder, BatchSlice(1), **settings), 2 * rows)
    texts = unmasked({name: values[:, 0] for name, values in batches.items()})
    begins = batches["position_ids"][:, 0, 0].tolist()
    epochs = [slice(rows), slice(rows, None)]
    first, second = (dict(zip(texts[e], begins[e], strict=True)) for e in epochs)
    assert first.keys() == second.keys() and first != second


@pytest.mark.parametrize(
    "settings", [{"position_range": LENGTH}, {"position_range": 100, "training": False}]
)
def test_rows_that_fill_the_range_and_evaluations_begin_at_0(folder, settings):
    assert "position_ids" not in make(folder, BatchSlice(8), **settings).element_spec


def damaged_copy(folder, tmp_path, change):
    """A copy of the data set with the bytes of shard 3 changed."""
    target = tmp_path / "copy"
    for name in tf.io.gfile.listdir(folder):
        target.mkdir(exist_ok=True)
        tf.io.gfile.copy(f"{folder}/{name}", str(target / name))
    shard = target / Manifest.load(folder).shards[3]["file"]
    shard.write_bytes(change(shard.read_bytes()))
    return str(target)


def test_a_truncated_shard_stops_the_reader_with_its_name(folder, tmp_path):
    copy = damaged_copy(folder, tmp_path, lambda content: content[:-5])
    with pytest.raises(tf.errors.OpError, match="DamagedError: .*shard-00003-of.*record 7: trunc"):
        list(make(copy, BatchSlice(8), training=False))


def test_an_id_outside_the_vocabulary_stops_the_reader_with_shard_and_record(folder, tmp_path):
    copy = damaged_copy(folder, tmp_path, lambda content: content)
    manifest = Manifest.load(copy)
    table = records.read_shard(copy, manifest, 3, len(VOCABULARY))
    table.input_ids[table.offsets[2] + 1] = len(VOCABULARY)
    name = manifest.shards[3]["file"]
    with tf.io.TFRecordWriter(f"{copy}/{name}") as writer:
        for record in records.serialize(table):
            writer.write(record)
    with pytest.raises(tf.errors.OpError, match=f"{name}, record 2: token id 20 is outside"):
        list(make(copy, BatchSlice(8), training=False))


def test_a_shard_that_is_whole_but_not_the_one_of_the_manifest_stops_the_reader(folder, tmp_path):
    copy = damaged_copy(folder, tmp_path, lambda content: content)
    shards = Manifest.load(copy).shards
    shutil.copy(f"{copy}/{shards[1]['file']}", f"{copy}/{shards[0]['file']}")
    with pytest.raises(tf.errors.OpError, match="shard-00000-of-.* has changed: its SHA-256"):
        list(make(copy, BatchSlice(8), training=False))


def test_data_of_another_vocabulary_are_refused(folder):
    other = Vocabulary([*VOCABULARY.tokens, "more"])
    with pytest.raises(ValueError, match=f"{VOCABULARY.sha256}, but the model has {other.sha256}"):
        make_dataset(folder, BatchSlice(8), WordPieceTokenizer(other))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"masked_lm_prob": 0.0}, "masked_lm_prob is 0.0"),
        ({"start_row": -1}, "start_row is -1"),
        ({"start_row": 8, "training": False}, "start_row is 8"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_settings_out_of_range_are_refused(folder, settings, message):
    with pytest.raises(ValueError, match=message):
        make(folder, BatchSlice(8), **settings)


def test_a_process_ends_while_an_iterator_is_alive(folder):
    program = f"""
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.batches.pretraining import make_pretraining_dataset
from bert_tf.data.masks.masking import Masker
from bert_tf.data.records.mixing import Mixture
from bert_tf.tokenization.tokenizer import Tokenizer
data, masker = Mixture.open({folder!r}), Masker(Tokenizer.from_folder({folder!r}))
iterator = iter(make_pretraining_dataset(data, masker, batch_slice=BatchSlice(8)))
for _ in range(50): next(iterator)
raise KeyError("the end")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=120)
    assert done.returncode == 1 and b"the end" in done.stderr


def test_a_manifest_without_rows_is_refused(folder, tmp_path):
    manifest = dataclasses.replace(Manifest.load(folder), rows=0, shards=[])
    manifest.save(str(tmp_path))
    with pytest.raises(ValueError, match="has no rows"):
        make(str(tmp_path), BatchSlice(8))
