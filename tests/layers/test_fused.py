"""A compiled kernel gives the numbers and gradients of the same function as it stands."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers import activations, attention, dense, dropout, fused
from bert_tf.tasks import losses

RANDOM = np.random.default_rng(0)
SEED = tf.constant([1, 2])


def floats(*shape):
    return tf.constant(RANDOM.normal(size=shape), tf.float32)


FUNCTIONS = {
    "gelu": (activations.gelu, [floats(5, 64)]),
    "gelu_tanh": (activations.gelu_tanh, [floats(5, 64)]),
    "LayerNorm": (
        lambda x, gamma, beta: dense._normalize(x, gamma, beta, epsilon=1e-12),
        [floats(3, 5, 32), floats(32), floats(32)],
    ),
    "softmax": (
        lambda scores, bias: attention._softmax(scores, bias, scale=0.3),
        [floats(2, 3, 7, 7), tf.constant([[0.0] * 5 + [attention.MASKED] * 2])],
    ),
    "softmax of 12": (
        lambda scores, bias: attention._softmax(scores, bias, scale=0.3),
        [3.0 * floats(2, 3, 12, 12), tf.constant([[0.0] * 10 + [attention.MASKED] * 2])],
    ),
    "dropout, odd size": (lambda x: dropout.dropout(x, 0.3, SEED), [floats(5, 7, 3)]),
    "cross entropy": (
        lambda logits: losses.weighted_cross_entropy(
            logits, tf.constant([[1, 0], [6, 2]]), tf.constant([[1.0, 0.0], [2.0, 0.5]])
        ),
        [100.0 * floats(2, 2, 7)],
    ),
}


def run(function, arguments, *, are_on):
    @tf.function
    def both(*tensors):
        with fused.kernels(are_on), tf.GradientTape() as tape:
            tape.watch(tensors)
            result = function(*tensors)
            loss = tf.reduce_sum(tf.sin(tf.cast(result, tf.float32)))
        return result, tape.gradient(loss, tensors)

    names = {op.type for op in both.get_concrete_function(*arguments).graph.get_operations()}
    assert any("PartitionedCall" in name for name in names) == are_on
    return both(*arguments)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("bfloat16", 2e-2)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_kernel_gives_the_same_result_and_gradients(name, dtype, tolerance):
    function, arguments = FUNCTIONS[name]
    arguments = [tf.cast(arguments[0], dtype), *arguments[1:]]
    expected, expected_gradients = run(function, arguments, are_on=False)
    result, gradients = run(function, arguments, are_on=True)
    pairs = [(expected, result), *zip(expected_gradients, gradients, strict=True)]
    for one, other in pairs:
        assert one.dtype == other.dtype and one.shape == other.shape
        one, other = tf.cast(one, tf.float32).numpy(), tf.cast(other, tf.float32).numpy()
        np.testing.assert_allclose(other, one, rtol=tolerance, atol=tolerance * np.abs(one).max())


def test_the_cross_entropy_of_scores_that_would_overflow_is_that_of_tensorflow():
    logits, labels = tf.constant([[1e4, -1e4, 0.0], [-3e38, 3e38, 1.0]]), tf.constant([1, 1])
    expected = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    found = [losses.weighted_cross_entropy(logits, labels, tf.one_hot(i, 2)) for i in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_kernels_are_off_outside_and_after_an_error():
    with pytest.raises(ZeroDivisionError), fused.kernels(True):
        raise ZeroDivisionError
    run(activations.gelu, [floats(2, 2)], are_on=False)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("bfloat16", 4e-3)])
def test_the_gradient_of_a_bias_is_the_sum_of_the_rows(dtype, tolerance):
    inputs, kernel, bias = (tf.cast(t, dtype) for t in (floats(7, 300, 5), floats(5, 9), floats(9)))
    upstream = 1.0 + floats(7, 300, 9)  # 2,100 rows: rounded after each, bfloat16 stops near 256
    expected = tf.cast(upstream, dtype).numpy().astype(np.float64).sum(axis=(0, 1))
    with fused.kernels(True), tf.GradientTape() as tape:
        tape.watch(bias)
        outputs = dense.project(inputs, kernel, bias)
    found = tape.gradient(outputs, bias, tf.cast(upstream, dtype)).numpy()
    np.testing.assert_allclose(found.astype(np.float64), expected, rtol=tolerance)
