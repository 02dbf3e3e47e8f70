"""Damaged records: an error that names them, or rows that count nothing and keep their places."""

import dataclasses
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config.experiment import BertConfig, ExperimentConfig
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.records import damaged, shards
from bert_tf.data.records.manifest import Manifest
from bert_tf.tasks.task import make_task
from tests.data.fake_tokenizer import (
    TOKENIZER,
    VOCABULARY,
    build_data,
    make_dataset,
    sentences,
    tokenizer,
)

LENGTH, SLOTS, PER_SHARD = 32, 6, 8


@pytest.fixture(scope="module", params=[1, 3])
def whole(request, tmp_path_factory):
    """Records in a few shards of eight rows; with one example in a row, and with up to three."""
    path = tmp_path_factory.mktemp("data")
    documents = ["\n".join(sentences(i, 40)) for i in range(4)]
    (path / "a.txt").write_text("\n\n".join(documents))
    build_data(
        str(path / "a.txt"),
        path / "records",
        max_seq_length=LENGTH,
        short_seq_prob=0.5,
        shard_size=PER_SHARD,
        max_examples_per_row=request.param,
    )
    return path / "records"


@pytest.fixture
def folder(whole, tmp_path):
    return pathlib.Path(shutil.copytree(whole, tmp_path / "copy"))


def frames(path):
    """Where the frame of each record begins, and the length of the record."""
    data, place, found = path.read_bytes(), 0, []
    while place < len(data):
        length = int.from_bytes(data[place : place + 8], "little")
        found.append((place, length))
        place += 16 + length
    return found


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))


def damage_record(path):
    """Of eight records the third cannot be read."""
    flip(path, frames(path)[2][0] + 20)
    return [2]


def damage_frame(path):
    """Nobody knows where the fifth begins, nor any behind it."""
    flip(path, frames(path)[4][0])
    return [4, 5, 6, 7]


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-5])
    return [7]


def cut_between_records(path):
    path.write_bytes(path.read_bytes()[: frames(path)[6][0]])
    return [6, 7]


def write_nonsense(path):
    """Frames that are whole: one record is no example, one has a token that does not exist."""
    contents = [bytes(r.numpy()) for r in tf.data.TFRecordDataset(str(path))]
    example = tf.train.Example.FromString(contents[5])
    example.features.feature["input_ids"].int64_list.value[1] = len(VOCABULARY)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number, content in enumerate(contents):
            writer.write({0: b"nonsense", 5: example.SerializeToString()}.get(number, content))
    return [0, 5]


def empty(path):
    path.write_bytes(b"")
    return list(range(PER_SHARD))


DAMAGE = [damage_record, damage_frame, cut_off, cut_between_records, write_nonsense, empty]


def test_the_checksum_is_crc_32c():
    """The check value of the algorithm, and one of RFC 3720, appendix B.4."""
    texts = [b"123456789", b"", bytes(32), b"123456789"]
    assert [hex(x) for x in damaged.crc32c(texts)] == [
        "0xe3069283",
        "0x0",
        "0x8a9136aa",
        "0xe3069283",
    ]


@pytest.mark.parametrize("damage", DAMAGE)
def test_good_records_stay_in_their_places_and_bad_ones_count_nothing(folder, damage, caplog):
    manifest = Manifest.load(str(folder))
    expected = shards.read_shard(str(folder), manifest, 1, len(VOCABULARY))
    bad = damage(folder / manifest.shards[1]["file"])
    with pytest.raises(ValueError, match=rf"shard-00001-of-\d+.tfrecord, record {bad[0]}"):
        shards.read_shard(str(folder), manifest, 1, len(VOCABULARY))
    with caplog.at_level("WARNING"):
        found = damaged.read_shard(str(folder), manifest, 1, TOKENIZER)
    assert f"left out {len(bad)} of {PER_SHARD} records ({bad[0]}" in caplog.text
    rows = np.arange(PER_SHARD)
    found, expected = found.padded(rows, LENGTH), expected.padded(rows, LENGTH)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        values[bad] = 0
        if name == "input_ids":
            values[bad, 0] = VOCABULARY.cls_id
        np.testing.assert_array_equal(found[name], values)


def test_a_missing_shard_and_another_file_are_errors_all_the_same(folder):
    manifest = Manifest.load(str(folder))
    file = folder / manifest.shards[0]["file"]
    fewer = [{**manifest.shards[0], "rows": 5}]
    with pytest.raises(ValueError, match="has 8 records, but the manifest says 5"):
        damaged.read_shard(str(folder), dataclasses.replace(manifest, shards=fewer), 0, TOKENIZER)
    flip(file, frames(file)[7][0] + 20)
    with pytest.raises(ValueError, match="shard-00000"):
        damaged.read_shard(str(folder), dataclasses.replace(manifest, shards=fewer), 0, TOKENIZER)
    file.unlink()
    with pytest.raises(ValueError, match="is missing"):
        damaged.read_shard(str(folder), manifest, 0, TOKENIZER)


def take(folder, part, count, **settings):
    dataset = make_dataset(str(folder), part, max_predictions_per_seq=SLOTS, **settings)
    batches = list(dataset.take(count).as_numpy_iterator())
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


@pytest.mark.parametrize("whole", [3], indirect=True)
def test_other_rows_are_untouched_on_every_layout_and_after_every_resume(whole, folder):
    manifest = Manifest.load(str(folder))
    bad = damage_frame(folder / manifest.shards[1]["file"])
    rows = manifest.rows // 4 * 4
    before = take(whole, BatchSlice(4), rows // 4)
    with pytest.raises(tf.errors.OpError, match="shard-00001-of-.*record 4"):
        take(folder, BatchSlice(4), rows // 4)
    after = take(folder, BatchSlice(4), rows // 4, skip_damaged=True)
    skipped = after.pop("is_skipped") > 0
    assert len(bad) - 3 <= skipped.sum() <= len(bad)
    for name, values in after.items():
        np.testing.assert_array_equal(values[~skipped], before[name][~skipped])
    assert not after["masked_lm_weights"][skipped].any()
    assert not after["next_sentence_weights"][skipped].any()
    for part, start in ((BatchSlice(4, 2, 0, 2), 0), (BatchSlice(4), 12)):
        count = (rows - start) // part.replica_batch_size
        again = take(folder, part, count, skip_damaged=True, start_row=start)
        for name, values in after.items():
            np.testing.assert_array_equal(again[name], values[start:])


def test_a_training_reports_the_share_that_was_lost_and_only_then():
    task = make_task(ExperimentConfig(model=BertConfig(vocab_size=60)), tokenizer())
    batch = {
        "masked_lm_ids": tf.zeros((4, 2), tf.int32),
        "masked_lm_weights": tf.constant([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]),
        "masked_lm_left_out": tf.constant([3, 0, 0, 2]),
        "next_sentence_labels": tf.zeros((4, 1), tf.int32),
        "next_sentence_weights": tf.ones((4, 1)),
        "is_skipped": tf.constant([0, 0, 1, 0]),
    }
    outputs = {"masked_lm_logits": tf.zeros((4, 2, 60)), "next_sentence_logits": tf.zeros((4, 2))}

    def reported(batch):
        losses = task.compute_loss(outputs, batch)
        return task.ratios(task.stack({**losses, **task.compute_metrics(outputs, batch)}).numpy())

    assert reported(batch)["predictions_left_out"] == pytest.approx(5 / 10)
    assert reported(batch)["rows_skipped"] == pytest.approx(1 / 4)
    del batch["is_skipped"]
    batch["masked_lm_left_out"] *= 0
    assert not {"predictions_left_out", "rows_skipped"} & reported(batch).keys()
