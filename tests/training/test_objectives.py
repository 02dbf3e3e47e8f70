"""Objectives train (next_sentence in all other tests), and heads without labels are refused."""

import pytest

from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.building import builder
from bert_tf.data.building.settings import DataSettings
from bert_tf.data.records.manifest import Manifest
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.training.loop import train


@pytest.fixture(scope="module")
def data(records, tmp_path_factory):
    """`data(objective)` -> a folder made from the text of `records`."""

    def make(objective):
        folder = str(tmp_path_factory.mktemp("data") / objective)
        text, tokenizer = f"{records}/../text.txt", Tokenizer.from_folder(records)
        settings = DataSettings(objective=objective, max_seq_length=32)
        builder.create_pretraining_data(text, tokenizer, folder, settings)
        return folder

    return make


@pytest.mark.parametrize("objective", ["sentence_order", "none"])
def test_an_objective_trains(objective, make_run, data, tmp_path):
    has_labels = objective != "none"
    task, config = make_run(
        task={"next_sentence": has_labels}, optimizer={"learning_rate": 3e-3}, num_train_steps=40
    )
    folder = data(objective)
    assert Manifest.load(folder).has_labels == has_labels
    first = task.make_dataset(folder, batch_slice_of(config), training=False)
    weights = next(iter(first))["next_sentence_weights"].numpy()
    assert weights.all() if has_labels else not weights.any()
    metrics = train(
        task, config, train_data=folder, eval_data=folder, work_dir=str(tmp_path)
    ).metrics
    assert ("next_sentence_loss" in metrics) == has_labels
    assert metrics["masked_lm_loss"] < 4.5  # untrained: ln 160 = 5.1


def test_a_head_for_pairs_needs_labels(make_run, data):
    task, config = make_run()
    with pytest.raises(ValueError, match="made with objective = none, which teaches no head"):
        task.make_dataset(data("none"), batch_slice_of(config), training=False)


def batch_slice_of(config):
    return BatchSlice(config.train.global_batch_size)
