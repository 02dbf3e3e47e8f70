"""Packing: fewer rows, the same examples, the same masks, the same losses and gradients."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.config import experiment
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.examples import packing
from bert_tf.data.records.manifest import Manifest
from bert_tf.tasks.pretraining import Config
from bert_tf.tasks.task import make_task
from tests.data.fake_tokenizer import (
    VOCABULARY,
    build_data,
    make_dataset,
    sentences,
    tokenizer,
)

LENGTH, MOST, SLOTS = 48, 4, 24


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """(examples in rows of their own, the same packed), most of them short, in several shards."""
    path = tmp_path_factory.mktemp("data")
    documents = ["\n".join(sentences(i, 9 + 3 * i)) for i in range(12)]
    (path / "a.txt").write_text("\n\n".join(documents))
    for name, most in {"alone": 1, "packed": MOST}.items():
        build_data(
            str(path / "a.txt"),
            path / name,
            max_seq_length=LENGTH,
            short_seq_prob=0.9,
            shard_size=16,
            max_examples_per_row=most,
        )
    return str(path / "alone"), str(path / "packed")


def whole(folder):
    """The data set as one evaluation batch, without rows that only fill it up."""
    rows = Manifest.load(folder).rows
    (batch,) = make_dataset(
        folder,
        BatchSlice(rows),
        max_predictions_per_seq=SLOTS,
        training=False,
    )
    return batch


def examples_of(batch):
    """(index of nothing but itself): tokens, predicted tokens and label of every example."""
    batch = {name: value.numpy() for name, value in batch.items()}
    ids_BS = batch.get("example_ids", batch["input_mask"])
    found = []
    for row in range(len(ids_BS)):
        slots = batch["masked_lm_weights"][row] > 0
        positions = batch["masked_lm_positions"][row][slots]
        for number in range(1, ids_BS[row].max() + 1):
            own = ids_BS[row] == number
            predicted = batch["masked_lm_ids"][row][slots][own[positions]]
            label = batch["next_sentence_labels"][row, number - 1]
            found.append((*batch["input_ids"][row][own], -1, *predicted, -1, label))
    return sorted(tuple(map(int, example)) for example in found)


@given(st.lists(st.integers(1, 32), min_size=1, max_size=60), st.integers(1, 5))
def test_every_example_is_in_one_row_and_no_row_is_too_full(lengths, most):
    lengths = np.array(lengths)
    rows = packing.pack(lengths, 32, most)
    assert rows.shape[1] == most
    assert sorted(rows[rows >= 0].tolist()) == list(range(len(lengths)))
    assert (np.where(rows >= 0, lengths[rows], 0).sum(axis=1) <= 32).all()
    assert rows[:, 0].tolist() == sorted(rows[:, 0].tolist())


def test_pairs_that_fill_a_row_are_found():
    assert packing.pack(np.array([20, 5, 12, 27]), 32, 2).tolist() == [[0, 2], [1, 3]]


def test_packed_rows_hold_the_same_examples_with_the_same_masks_in_fewer_rows(folders):
    alone, packed = map(whole, folders)
    assert examples_of(packed) == examples_of(alone)
    assert len(packed["input_ids"]) < 0.75 * len(alone["input_ids"])
    tokens = Manifest.load(folders[1]).counts["row_tokens"]
    assert tokens == tf.reduce_sum(packed["input_mask"]).numpy()


def test_losses_and_gradients_of_packed_rows_are_those_of_the_examples(folders):
    alone, packed = map(whole, folders)
    config = experiment.ExperimentConfig(
        model=experiment.BertConfig(
            vocab_size=len(VOCABULARY),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=LENGTH,
            initializer_range=0.2,
        ),
        data=experiment.DataConfig(max_seq_length=LENGTH),
        task=Config(max_predictions_per_seq=SLOTS),
    )
    task = make_task(config, tokenizer())
    model = task.build_model()

    def losses_and_gradients(batch):
        with tf.GradientTape() as tape:
            losses = task.compute_loss(model(batch), batch)
            ratios = {name: value / weight for name, (value, weight) in losses.items()}
            total = tf.add_n(list(ratios.values()))
        weights = {name: float(weight) for name, (_, weight) in losses.items()}
        gradients = tape.gradient(total, [w.value for w in model.trainable_weights])
        return ratios, weights, [tf.convert_to_tensor(g).numpy() for g in gradients]

    expected, expected_weights, expected_gradients = losses_and_gradients(alone)
    losses, weights, gradients = losses_and_gradients(packed)
    assert weights == expected_weights
    for name, value in expected.items():
        assert float(losses[name]) == pytest.approx(float(value), abs=1e-5)
    for weight, got, wanted in zip(
        model.trainable_weights, gradients, expected_gradients, strict=True
    ):
        np.testing.assert_allclose(got, wanted, atol=1e-5, err_msg=weight.path)
