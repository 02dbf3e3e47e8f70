"""Static masks in the release's records: those of reading; read back from files of any origin."""

import dataclasses
import gzip

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.batches import order
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.records import manifest, tf_example_files
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.release_format import StaticMasks
from tests.data.fake_tokenizer import (
    build_data,
    make_dataset,
    sentences,
    tokenizer,
)

LENGTH, SLOTS = 24, 5
STATIC = StaticMasks(masked_lm_prob=0.2, max_predictions_per_seq=SLOTS, do_whole_word_mask=True)
V2_NAMES = {"input_ids": "input_word_ids", "segment_ids": "input_type_ids"}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_text("\n\n".join("\n".join(sentences(i, 60)) for i in range(4)))
    return str(path)


@pytest.fixture(scope="module")
def static(text, tmp_path_factory):
    """A folder with static masks, made with seed 3, in shards of 8 rows."""
    folder = str(tmp_path_factory.mktemp("static") / "data")
    build(text, folder, static_masks=STATIC)
    return folder


def build(text, folder, **changes):
    settings = {"max_seq_length": LENGTH, "shard_size": 8, "seed": 3} | changes
    return build_data(text, folder, **settings)


def batches_of(folder, **settings):
    settings = {"max_predictions_per_seq": SLOTS, "training": False} | settings
    dataset = make_dataset(folder, BatchSlice(16), **settings)
    batches = list(dataset.take(30).as_numpy_iterator())
    return {name: np.concatenate([b[name] for b in batches]) for name in batches[0]}


def assert_equal(batches, expected):
    assert batches.keys() <= expected.keys()
    for name in batches:
        np.testing.assert_array_equal(batches[name], expected[name], err_msg=name)


def examples_in(folder):
    """All records of a folder, as protocol buffers, in storage order."""
    files = [f"{folder}/{shard['file']}" for shard in Manifest.load(folder).shards]
    return [tf.train.Example.FromString(r.numpy()) for r in tf.data.TFRecordDataset(files)]


def write_examples(path, examples, names=None, **options):
    """A file as other programs write it: without a manifest, features by `names`."""
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(**options)) as writer:
        for example in examples:
            other = tf.train.Example()
            for name, feature in example.features.feature.items():
                other.features.feature[(names or {}).get(name, name)].CopyFrom(feature)
            writer.write(other.SerializeToString())


@pytest.mark.parametrize("max_ngram", [1, 3])
def test_static_masks_are_those_that_reading_draws_in_epoch_0(text, tmp_path, max_ngram):
    masks = dataclasses.replace(STATIC, max_ngram=max_ngram)
    build(text, str(tmp_path / "plain"))
    build(text, str(tmp_path / "static"), static_masks=masks)
    stored = batches_of(str(tmp_path / "static"))
    settings = {"masked_lm_prob": STATIC.masked_lm_prob, "whole_word": True}
    drawn = batches_of(str(tmp_path / "plain"), seed=3, max_ngram=max_ngram, **settings)
    assert_equal(stored, drawn)
    if max_ngram > 1:
        words = batches_of(str(tmp_path / "plain"), seed=3, **settings)
        assert (stored["input_ids"] != words["input_ids"]).any()
    counts = Manifest.load(str(tmp_path / "static")).counts
    assert counts["predictions"] == stored["masked_lm_weights"].sum() > 100


def test_data_from_before_there_were_ngrams_are_known_again(text, static, tmp_path):
    assert set(Manifest.load(static).static_masks) == {
        "masked_lm_prob",
        "max_predictions_per_seq",
        "do_whole_word_mask",
    }
    with pytest.raises(ValueError, match="different: static_masks"):
        build(text, static, static_masks=dataclasses.replace(STATIC, max_ngram=2))


def test_a_record_has_the_seven_features_padded_to_full_length(static):
    lengths = {"input_ids": LENGTH, "input_mask": LENGTH, "segment_ids": LENGTH}
    lengths |= dict.fromkeys(["masked_lm_positions", "masked_lm_ids", "masked_lm_weights"], SLOTS)
    for example in examples_in(static):
        features = example.features.feature
        kinds = {name: feature.WhichOneof("kind") for name, feature in features.items()}
        assert kinds.pop("masked_lm_weights") == "float_list"
        assert set(kinds.values()) == {"int64_list"}
        found = {name: len(getattr(f, f.WhichOneof("kind")).value) for name, f in features.items()}
        assert found == lengths | {"next_sentence_labels": 1}


def test_every_copy_of_the_text_gets_other_masks(text, tmp_path):
    folder = str(tmp_path / "data")
    build(text, folder, static_masks=STATIC, objective="none", dupe_factor=3)
    rows = batches_of(folder)
    count = Manifest.load(folder).rows // 3
    originals, masks = [], []
    for copy in range(3):
        part = {name: values[copy * count : (copy + 1) * count] for name, values in rows.items()}
        ids = part["input_ids"].copy()
        used = np.nonzero(part["masked_lm_weights"])
        ids[used[0], part["masked_lm_positions"][used]] = part["masked_lm_ids"][used]
        originals.append(ids)
        masks.append(part["masked_lm_positions"])
    np.testing.assert_array_equal(originals[0], originals[1])
    np.testing.assert_array_equal(originals[0], originals[2])
    for a, b in [(0, 1), (0, 2), (1, 2)]:
        assert (masks[a] != masks[b]).any(axis=1).mean() > 0.9


@pytest.mark.parametrize("case", ["as written", "second names", "gzip", "no labels"])
def test_files_without_a_manifest_are_read_as_the_folder_they_come_from(
    static, tmp_path, monkeypatch, case
):
    examples = examples_in(static)
    names = V2_NAMES if case == "second names" else {}
    options = {"compression_type": "GZIP"} if case == "gzip" else {}
    if case == "no labels":
        for example in examples:
            del example.features.feature["next_sentence_labels"]
    write_examples(tmp_path / "a.tfrecord", examples[:19], names, **options)
    write_examples(tmp_path / "b.tfrecord", examples[19:], names, **options)
    monkeypatch.setattr(order, "ROWS_PER_SHARD", 8)
    pattern, folder = str(tmp_path / "*.tfrecord"), str(tmp_path / "index")
    manifest = tf_example_files.index(pattern, tokenizer(), folder)
    assert manifest.rows == len(examples) and manifest.shard_rows[:3] == [8, 8, 3]
    expected = batches_of(static)
    if case == "no labels":
        assert not manifest.has_labels
        for name in ("next_sentence_labels", "next_sentence_weights"):
            expected[name] = np.zeros_like(expected[name])
    assert_equal(batches_of(folder), expected)
    shuffled = batches_of(folder, training=True, start_row=manifest.rows - 40)
    rows = {tuple(row) for row in expected["input_ids"].tolist()}
    assert {tuple(row) for row in shuffled["input_ids"].tolist()} <= rows


def test_an_index_is_made_once_and_a_changed_file_is_noticed(static, tmp_path, monkeypatch):
    file, folder = tmp_path / "a.tfrecord", str(tmp_path / "index")
    write_examples(file, examples_in(static))
    manifest = tf_example_files.index(str(file), tokenizer(), folder)
    with monkeypatch.context() as patch:
        patch.setattr(tf_example_files.tf_record_parts, "find", None)  # would fail if called
        assert tf_example_files.index(str(file), tokenizer(), folder) == manifest
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)
    with pytest.raises(tf.errors.OpError, match="records from 0 on: the file has changed"):
        batches_of(folder)
    with pytest.raises(ValueError, match="a.tfrecord, after record 0: truncated, damaged"):
        tf_example_files.index(str(file), tokenizer(), str(tmp_path / "another"))


def changed(example, name, position, value):
    copy = tf.train.Example()
    copy.CopyFrom(example)
    feature = copy.features.feature[name]
    values = getattr(feature, feature.WhichOneof("kind")).value
    if position is None:
        values.append(value)
    else:
        values[position] = value
    return copy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("input_ids", 2, 999), "record 5: a token id is outside the vocabulary of 20 tokens"),
        (("input_ids", None, 0), "record 5: not an example of 24 tokens and 5 predictions"),
        (("input_mask", 1, 0), "record 5: input_mask is not ones"),
        (("segment_ids", 1, 2), "record 5: segment_ids are not 0 or 1"),
        (("masked_lm_positions", 0, LENGTH), "record 5: a masked_lm_position is not in the text"),
        (("masked_lm_weights", 0, float("nan")), "record 5: masked_lm_weights are not finite"),
        (("next_sentence_labels", 0, 2), "record 5: next_sentence_labels are not 0 or 1"),
    ],
)
def test_a_record_that_breaks_the_format_is_named(static, tmp_path, change, message):
    examples = examples_in(static)
    examples[5] = changed(examples[5], *change)
    write_examples(tmp_path / "a.tfrecord", examples)
    with pytest.raises(ValueError, match=f"a.tfrecord, {message}"):
        tf_example_files.index(str(tmp_path / "a.tfrecord"), tokenizer(), str(tmp_path / "index"))
    assert not (tmp_path / "index" / manifest.MANIFEST).exists()


def test_files_of_another_kind_are_refused(text, tmp_path):
    build(text, str(tmp_path / "plain"))
    cases = {
        str(tmp_path / "plain" / "shard-00000*"): "; input_mask, .* are missing",
        text: "after record 0: truncated, damaged, or not a TFRecord file",
        str(tmp_path / "no*"): "no file matches",
    }
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"x" * 99)[:-9])
    cases[str(tmp_path / "cut.gz")] = "after record 0: truncated"
    for pattern, message in cases.items():
        with pytest.raises(ValueError, match=message):
            tf_example_files.index(pattern, tokenizer(), str(tmp_path / "index"))
    with pytest.raises(ValueError, match="a.txt has no manifest.json.*--vocab_file"):
        tf_example_files.open_mixture(text, None, str(tmp_path))


def test_an_evaluation_reads_static_masks_of_any_number(static):
    assert_equal(batches_of(static, max_predictions_per_seq=SLOTS + 3), batches_of(static))


def test_settings_that_do_not_fit_static_masks_are_refused(text, static, tmp_path):
    with pytest.raises(ValueError, match="one example a row"):
        build(text, str(tmp_path / "a"), static_masks=STATIC, max_examples_per_row=2)
    with pytest.raises(ValueError, match="max_predictions_per_seq = 5, but the config has 4"):
        batches_of(static, max_predictions_per_seq=4, training=True)
    with pytest.raises(ValueError, match="masked_lm_prob is 0"):
        build(text, str(tmp_path / "a"), static_masks=StaticMasks(masked_lm_prob=0))
