"""Records: what is written is read back, and what is damaged is named."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data.records import row_tables, tf_record_parts
from bert_tf.data.records import shards as records
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.row_tables import Rows

VOCAB_SIZE = 100


def make_manifest(shards=(), **changes):
    fields = {
        "objective": "next_sentence",
        "max_seq_length": 16,
        "max_examples_per_row": 2,
        "shard_size": 4,
        "seed": 0,
        "short_seq_prob": 0.1,
        "vocab_size": VOCAB_SIZE,
        "vocabulary_sha256": "aa",
        "tokenizer": {
            "kind": "wordpiece",
            "do_lower_case": True,
            "max_input_chars_per_word": 200,
        },
        "input_format": "auto",
        "inputs": [],
        "rows": sum(shard["rows"] for shard in shards),
        "shards": list(shards),
    }
    return Manifest(**fields | changes)


def make_rows(lengths, seed=0):
    """Rows of one or two examples; `lengths` holds a pair for each row, (n, 0) for one example."""
    lengths = np.array(lengths, np.int32).reshape(-1, 2)
    generator = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths.sum(axis=1))])
    return Rows(
        input_ids=generator.integers(0, VOCAB_SIZE, offsets[-1]).astype(np.int32),
        segment_ids=generator.integers(0, 2, offsets[-1]).astype(np.int8),
        offsets=offsets,
        next_sentence_labels=(generator.integers(0, 2, lengths.shape) * (lengths > 0)).astype(
            np.int32
        ),
        example_lengths=lengths,
        example_indices=generator.integers(0, 1 << 40, lengths.shape) * (lengths > 0),
    )


def assert_equal(rows, expected):
    for field in dataclasses.fields(Rows):
        np.testing.assert_array_equal(getattr(rows, field.name), getattr(expected, field.name))


@pytest.fixture
def data_set(tmp_path):
    """A folder with one shard of four rows."""
    rows = make_rows([(5, 0), (3, 4), (9, 7), (1, 0)])
    (entry,) = records.write_shards(str(tmp_path), [rows], 1)
    return str(tmp_path), make_manifest([entry]), rows


def read(folder, manifest, vocab_size=VOCAB_SIZE):
    return records.read_shard(folder, manifest, 0, vocab_size)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 7)), min_size=1, max_size=9))
def test_rows_are_read_back_as_written(tmp_path_factory, lengths):
    folder, rows = str(tmp_path_factory.mktemp("shard")), make_rows(lengths)
    (entry,) = records.write_shards(folder, [rows], 1)
    assert entry["file"] == "shard-00000-of-00001.tfrecord"
    assert_equal(read(folder, make_manifest([entry])), rows)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=9))
def test_records_split_from_the_bytes_of_a_file_are_those_tensorflow_reads(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("file") / "records"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for text in texts:
            writer.write(text)
    assert tf_record_parts.split(path.read_bytes()) == texts


def test_an_intact_shard_is_read_once_and_another_in_its_place_is_refused_on_request(
    data_set, monkeypatch
):
    folder, manifest, rows = data_set
    with monkeypatch.context() as patch:
        patch.delattr(records, "_read_verified")
        assert_equal(records.read_shard(folder, manifest, 0, VOCAB_SIZE, unchanged=True), rows)
    other = make_rows(rows.example_lengths, seed=1)
    list(records.write_shards(folder, [other], 1))
    assert_equal(read(folder, manifest), other)
    with pytest.raises(ValueError, match="shard-00000-of-00001.tfrecord has changed: its SHA-256"):
        records.read_shard(folder, manifest, 0, VOCAB_SIZE, unchanged=True)


def test_a_record_is_a_plain_example_without_padding(data_set):
    folder, manifest, rows = data_set
    raw = list(
        tf.data.TFRecordDataset(f"{folder}/{manifest.shards[0]['file']}").as_numpy_iterator()
    )
    features = tf.train.Example.FromString(raw[1]).features.feature
    values = {name: list(feature.int64_list.value) for name, feature in features.items()}
    assert values == {
        "input_ids": rows.input_ids[5:12].tolist(),
        "segment_ids": rows.segment_ids[5:12].tolist(),
        "next_sentence_labels": rows.next_sentence_labels[1].tolist(),
        "example_lengths": [3, 4],
        "example_indices": rows.example_indices[1].tolist(),
    }


def test_padded_rows_hold_the_tokens_and_zeros():
    rows = make_rows([(5, 0), (3, 4)])
    batch = rows.padded(np.array([1, 0, 1]), 8)
    assert batch["input_ids"].shape == batch["segment_ids"].shape == (3, 8)
    assert batch["input_ids"][1].tolist() == [*rows.input_ids[:5].tolist(), 0, 0, 0]
    assert batch["input_ids"][2].tolist() == [*rows.input_ids[5:].tolist(), 0]
    assert batch["example_lengths"].tolist() == [[3, 4], [5, 0], [3, 4]]


def test_concatenated_tables_are_the_rows_of_both():
    both = make_rows([(5, 0), (3, 4), (2, 2)])
    first, second = make_rows([(5, 0), (3, 4)]), make_rows([(2, 2)], seed=1)
    joined = row_tables.concatenate([first, second])
    np.testing.assert_array_equal(joined.offsets, both.offsets)
    np.testing.assert_array_equal(joined.input_ids[12:], second.input_ids)
    np.testing.assert_array_equal(joined.example_lengths, both.example_lengths)


def test_a_truncated_shard_is_named_with_the_record(data_set):
    folder, manifest, _ = data_set
    path = pathlib.Path(folder, manifest.shards[0]["file"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    with pytest.raises(ValueError, match=r"shard-00000-of-00001.tfrecord, record 3: truncated"):
        read(folder, manifest)
    damaged = bytearray(whole)
    damaged[30] ^= 1
    path.write_bytes(bytes(damaged))
    with pytest.raises(ValueError, match=r"record 0: truncated or damaged"):
        read(folder, manifest)


def test_a_missing_shard_and_a_wrong_number_of_records_are_named(data_set):
    folder, manifest, rows = data_set
    too_many = make_manifest([{**manifest.shards[0], "rows": 5}])
    with pytest.raises(
        ValueError, match="record 4: the file has 4 records, but the manifest says 5"
    ):
        read(folder, too_many)
    too_few = make_manifest([{**manifest.shards[0], "rows": 3}])
    with pytest.raises(ValueError, match="the file has 4 records, but the manifest says 3"):
        read(folder, too_few)
    missing = make_manifest([{**manifest.shards[0], "file": "other"}])
    with pytest.raises(ValueError, match="other is missing although the manifest lists it"):
        read(folder, missing)


def with_value(rows, name, index, value):
    """The rows with one number changed."""
    column = getattr(rows, name).astype(np.int32)
    column[index] = value
    return dataclasses.replace(rows, **{name: column})


@pytest.mark.parametrize(
    ("name", "index", "value", "message"),
    [
        ("input_ids", 13, 100, "record 2: token id 100 is outside the vocabulary of 100"),
        ("input_ids", 6, -1, "record 1: token id -1 is outside"),
        ("segment_ids", 6, 2, "record 1: segment_ids are not 0 or 1"),
        ("example_lengths", (2, 0), 8, "record 2: example_lengths do not add up"),
        ("next_sentence_labels", (3, 0), 7, "record 3: next_sentence_labels"),
    ],
)
def test_records_that_break_the_format_are_named(tmp_path, data_set, name, index, value, message):
    rows = with_value(data_set[2], name, index, value)
    (entry,) = records.write_shards(str(tmp_path), [rows], 1)
    with pytest.raises(ValueError, match=rf"shard-00000-of-00001.tfrecord, {message}"):
        read(str(tmp_path), make_manifest([entry]))


def test_a_row_that_is_too_long_is_named(tmp_path):
    (entry,) = records.write_shards(str(tmp_path), [make_rows([(5, 0), (9, 8)])], 1)
    with pytest.raises(ValueError, match="record 1: longer than 16 tokens"):
        read(str(tmp_path), make_manifest([entry]))


def test_a_row_of_too_many_examples_is_named(data_set):
    folder, manifest, _ = data_set
    with pytest.raises(ValueError, match="record 1: not 1 to 1 examples"):
        read(folder, dataclasses.replace(manifest, max_examples_per_row=1))


@pytest.mark.parametrize("content", [b"no protobuf", b"\n\x02"])
def test_a_record_that_is_no_example_is_named(tmp_path, data_set, content):
    good = list(records.serialize(data_set[2]))
    with tf.io.TFRecordWriter(str(tmp_path / "bad")) as writer:
        writer.write(good[0])
        writer.write(content)
    manifest = make_manifest([{"file": "bad", "rows": 2, "sha256": ""}])
    with pytest.raises(ValueError, match="bad, record 1: not"):
        read(str(tmp_path), manifest)


def test_a_manifest_is_read_back_as_saved(tmp_path):
    manifest = make_manifest(counts={"documents": 3})
    manifest.save(str(tmp_path))
    assert Manifest.load(str(tmp_path)) == manifest


def test_a_manifest_that_cannot_be_used_is_refused_with_a_hint(tmp_path):
    with pytest.raises(ValueError, match="no manifest.json.*create_pretraining_data.py"):
        Manifest.load(str(tmp_path))
    make_manifest().save(str(tmp_path))
    path = tmp_path / "manifest.json"
    fields = json.loads(path.read_text())
    cases = [
        ({**fields, "format_version": 5}, "format_version 5; this bert_tf reads up to 4"),
        ({k: v for k, v in fields.items() if k != "rows"}, r"wrong or missing fields \['rows'\]"),
        ([], "not a manifest of bert_tf"),
        ({}, "not a manifest of bert_tf"),
        ({**fields, "kind": "classification"}, "kind is 'classification'"),
    ]
    for content, message in cases:
        path.write_text(json.dumps(content))
        with pytest.raises(ValueError, match=message):
            Manifest.load(str(tmp_path))
    path.write_text("{")
    with pytest.raises(ValueError, match="not a manifest of bert_tf"):
        Manifest.load(str(tmp_path))


def test_data_for_another_model_are_refused_with_both_sides_named():
    manifest = make_manifest()
    manifest.check(vocabulary_sha256="aa", max_seq_length=16, needs_labels=True)
    for name, value, here in [
        ("vocabulary_sha256", "bb", "aa"),
        ("max_seq_length", 32, "16"),
    ]:
        with pytest.raises(ValueError, match=f"{name} = {here}, but the model has {value}"):
            manifest.check(**{name: value})
    without_labels = dataclasses.replace(manifest, objective="none")
    without_labels.check()
    with pytest.raises(ValueError, match="objective = none, which teaches no head"):
        without_labels.check(needs_labels=True)


def test_a_manifest_of_version_1_is_read(tmp_path):
    make_manifest().save(str(tmp_path))
    path = tmp_path / "manifest.json"
    fields = json.loads(path.read_text()) | {"format_version": 1}
    del fields["cross_documents"]
    path.write_text(json.dumps(fields))
    manifest = Manifest.load(str(tmp_path))
    assert manifest == dataclasses.replace(make_manifest(), format_version=1)
    path.write_text(json.dumps(fields | {"format_version": 2}))
    with pytest.raises(ValueError, match="wrong or missing fields .'cross_documents'"):
        Manifest.load(str(tmp_path))


def test_a_wordpiece_manifest_is_written_as_before_there_were_other_tokenizers(tmp_path):
    make_manifest().save(str(tmp_path))
    fields = json.loads((tmp_path / "manifest.json").read_text())
    assert fields["format_version"] == 3 and "tokenizer" not in fields
    assert fields["do_lower_case"] is True and fields["max_input_chars_per_word"] == 200
    assert Manifest.load(str(tmp_path)) == make_manifest()
    assert make_manifest().settings()["do_lower_case"] is True


def test_the_settings_of_another_tokenizer_stand_in_the_manifest_as_they_are(tmp_path):
    manifest = make_manifest(tokenizer={"kind": "my_company.tokens", "depth": 3})
    manifest.save(str(tmp_path))
    fields = json.loads((tmp_path / "manifest.json").read_text())
    assert fields["format_version"] == 4 and fields["tokenizer"]["depth"] == 3
    assert "do_lower_case" not in fields
    assert Manifest.load(str(tmp_path)) == manifest
