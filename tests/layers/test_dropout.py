"""Dropout is a function of its seed, with the rate that was asked for."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers import fused, philox
from bert_tf.layers.dropout import dropout, fold_in
from bert_tf.layers.philox import random_uint16

SEED = (3, 5)
COUNT = 200_000


def kept(rate, seed=SEED, count=COUNT):
    return dropout(tf.ones(count), rate, tf.constant(seed)).numpy() > 0


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_share_that_is_dropped_is_within_five_standard_deviations_of_the_rate(rate):
    dropped = COUNT - np.count_nonzero(kept(rate))
    assert abs(dropped - COUNT * rate) < 5 * np.sqrt(COUNT * rate * (1 - rate))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_is_kept_is_scaled_by_one_over_the_share_that_is_kept(dtype):
    x = tf.cast(np.random.default_rng(0).normal(size=(30, 40)), dtype)
    y = dropout(x, 0.25, tf.constant(SEED))
    assert y.dtype == x.dtype and y.shape == x.shape
    kept_places = y.numpy() != 0
    assert 0 < kept_places.mean() < 1
    expected = tf.cast(tf.cast(x, "float32") * (1 / 0.75), dtype).numpy()
    np.testing.assert_array_equal(y.numpy()[kept_places], expected[kept_places])


def test_neighbours_are_dropped_independently():
    mask = kept(0.5).astype(float) - 0.5
    for shift in (1, 2, 4, 16):
        assert abs((mask[shift:] * mask[:-shift]).mean() * 4) < 5 / np.sqrt(COUNT)


def test_no_seed_or_a_rate_of_zero_changes_nothing():
    x = tf.constant([1.0, 2.0])
    np.testing.assert_array_equal(dropout(x, 0.5, None), x)
    np.testing.assert_array_equal(dropout(x, 0.0, tf.constant(SEED)), x)


def test_what_is_dropped_is_zero_even_where_the_input_is_not_finite():
    y = dropout(tf.fill([1000], np.inf), 0.5, tf.constant(SEED)).numpy()
    assert set(y) == {0.0, np.inf}


def test_the_same_seed_gives_the_same_mask_and_another_seed_another():
    np.testing.assert_array_equal(kept(0.5), kept(0.5))
    assert np.mean(kept(0.5) == kept(0.5, seed=(3, 6))) == pytest.approx(0.5, abs=0.01)


def test_the_mask_is_a_known_one():
    # A checkpoint may be continued by a later version: the numbers must stay.
    assert "".join(map(str, kept(0.5, count=32).astype(int))) == "11000001110011110111110000111110"


def test_gradients_flow_only_through_what_is_kept():
    x = tf.Variable(tf.ones(100))
    with tf.GradientTape() as tape:
        y = dropout(x, 0.5, tf.constant(SEED))
    gradient = tape.gradient(y, x)
    np.testing.assert_array_equal(gradient, y)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_graph_and_xla_draw_the_same_mask(jit_compile):
    compiled = tf.function(
        lambda seed: dropout(tf.ones([7, 33]), 0.3, fold_in(seed, 4)), jit_compile=jit_compile
    )
    expected = dropout(tf.ones([7, 33]), 0.3, fold_in(tf.constant(SEED), 4))
    np.testing.assert_array_equal(compiled(tf.constant(SEED)), expected)


def test_every_device_draws_the_same_mask():
    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    assert len(devices) == 4
    masks = []
    for device in devices:
        with tf.device(device):
            mask = dropout(tf.ones([100]), 0.5, tf.constant(SEED))
        assert mask.device.endswith(device)
        masks.append(mask.numpy())
    for mask in masks[1:]:
        np.testing.assert_array_equal(mask, masks[0])


def test_fold_in_gives_another_seed_for_every_number_and_keeps_none():
    seeds = {tuple(fold_in(tf.constant(SEED), number).numpy()) for number in range(200)}
    assert len(seeds) == 200 and SEED not in seeds
    assert fold_in(None, 3) is None


def test_fold_in_takes_a_tensor_as_it_takes_a_number():
    seed = tf.constant(SEED)
    np.testing.assert_array_equal(fold_in(seed, tf.constant(7)), fold_in(seed, 7))
    other_order = fold_in(fold_in(seed, 2), 1)
    assert (fold_in(fold_in(seed, 1), 2).numpy() != other_order.numpy()).any()


@pytest.mark.parametrize("count", [1, 2, 7, 8, 1001])
def test_a_kernel_draws_the_numbers_of_tensorflow(count):
    @tf.function
    def draw(seed):
        with fused.kernels(True):
            return random_uint16(count, seed)

    for seed in ([0, 0], [3, 5], [-1, 2**31 - 1]):
        numbers = draw(tf.constant(seed))
        assert numbers.dtype == tf.uint16 and numbers.shape == [count]
        np.testing.assert_array_equal(numbers, random_uint16(count, tf.constant(seed)))


def test_a_kernel_carries_into_the_upper_half_of_the_counter():
    counter = tf.constant([2**64 - 2, 6], tf.uint64)
    numbers = philox._philox(4, tf.constant([9], tf.uint64), counter)
    after = philox._philox(2, tf.constant([9], tf.uint64), tf.constant([0, 7], tf.uint64))
    np.testing.assert_array_equal(numbers[2:], after)
    theirs = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[16], key=tf.constant([9], tf.uint64), counter=counter, alg=1, dtype=tf.uint32
    )
    np.testing.assert_array_equal(tf.reshape(numbers, [-1]), theirs)
