"""A long text is computed window by window, and needs no more memory than its windows in turn."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.tasks import blocks
from bert_tf.tasks.token_classification.tag_decoder import _stretches


@pytest.mark.parametrize("num_rows", [0, 1, 4, 5, 11])
def test_blocks_give_what_the_whole_gives(monkeypatch, num_rows):
    monkeypatch.setattr(blocks, "TOKENS_PER_BLOCK", 4 * 3)
    seen = []

    def model(batch):
        ids = batch["input_ids"]
        rows = tf.py_function(lambda n: seen.append(int(n)) or n, [tf.shape(ids)[0]], tf.int32)
        with tf.control_dependencies([rows]):
            return {"sum": tf.reduce_sum(ids, 1), "twice": 2.0 * batch["x"]}

    ids = np.arange(num_rows * 3, dtype=np.int32).reshape(num_rows, 3)
    x = np.random.default_rng(0).random((num_rows, 3, 2), np.float32)
    batch = {"input_ids": tf.constant(ids), "x": tf.constant(x)}
    found = tf.function(lambda b: blocks.in_blocks(model, b), autograph=False)(batch)
    np.testing.assert_array_equal(found["sum"], ids.sum(1))
    np.testing.assert_array_equal(found["twice"], 2 * x)
    assert max(seen) <= 4 and sum(seen) == num_rows


def test_stretches_are_the_characters_between():
    texts = ["grün 🙂 日本 Anna", "", "a"]
    start = tf.ragged.constant([[0, 5, 7], [], [0]], tf.int32)
    end = tf.ragged.constant([[4, 6, 9], [], [1]], tf.int32)
    found = _stretches(tf.constant(texts), start, end)
    assert [text.decode() for text in found.numpy()] == ["grün", "🙂", "日本", "a"]
