"""AdamW against NumPy, and which variables it decays."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import OptimizerConfig
from bert_tf.training.optimizers import AdamW, is_decayed


def numpy_adamw(weight, gradients, rates, decay, bias_correction, b1=0.9, b2=0.999, epsilon=1e-6):
    """Loshchilov and Hutter 2019, algorithm 2, in float64."""
    weight = weight.astype(np.float64)
    m = v = np.zeros_like(weight)
    for t, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        m = b1 * m + (1 - b1) * gradient
        v = b2 * v + (1 - b2) * gradient**2
        c1, c2 = (1 - b1**t, 1 - b2**t) if bias_correction else (1, 1)
        weight = weight - rate * ((m / c1) / (np.sqrt(v / c2) + epsilon) + decay * weight)
    return weight, m, v


@pytest.mark.parametrize("bias_correction", [False, True])
def test_ten_steps_equal_numpy(bias_correction):
    random = np.random.default_rng(0)
    paths = {"a/kernel": (4, 3), "a/bias": (3,)}
    start = {path: random.normal(size=shape).astype(np.float32) for path, shape in paths.items()}
    weights = {path: tf.Variable(value) for path, value in start.items()}
    config = OptimizerConfig(weight_decay=0.1, bias_correction=bias_correction)
    optimizer = AdamW(config, weights)
    gradients = {path: random.normal(size=(10, *shape)) for path, shape in paths.items()}
    rates = np.linspace(0.1, 0.01, 10)
    for step in range(10):
        optimizer.apply(
            [tf.constant(gradients[path][step], tf.float32) for path in paths],
            step=tf.constant(step + 1),
            learning_rate=tf.constant(rates[step], tf.float32),
        )
    for path, decay in (("a/kernel", 0.1), ("a/bias", 0.0)):
        weight, m, v = numpy_adamw(start[path], gradients[path], rates, decay, bias_correction)
        np.testing.assert_allclose(weights[path].numpy(), weight, atol=2e-6)
        np.testing.assert_allclose(optimizer.slots[f"{path}/m"].numpy(), m, atol=1e-6)
        np.testing.assert_allclose(optimizer.slots[f"{path}/v"].numpy(), v, atol=1e-6)


def test_biases_and_layer_norms_are_not_decayed():
    assert is_decayed("bert/encoder/layer_0/attention/self/query/kernel")
    assert is_decayed("bert/embeddings/word_embeddings")
    assert is_decayed("cls/seq_relationship/output_weights")
    assert not is_decayed("bert/encoder/layer_0/attention/self/query/bias")
    assert not is_decayed("bert/embeddings/LayerNorm/gamma")
    assert not is_decayed("cls/predictions/output_bias")


def test_no_weight_decay_decays_nothing():
    optimizer = AdamW(OptimizerConfig(weight_decay=0.0), {"a/kernel": tf.Variable([[1.0]])})
    assert optimizer.decayed == []
