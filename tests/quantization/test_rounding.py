"""Numbers as int8: our NumPy, TensorFlow's own ops, and what LiteRT computes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.export import litert_file
from bert_tf.export.ids import Weight, Weights
from bert_tf.layers import quantization
from bert_tf.layers.dense import Dense
from bert_tf.quantization import integers
from bert_tf.quantization.calibrate import Method, calibrate
from bert_tf.quantization.histogram import Histogram
from bert_tf.quantization.integers import Range

GENERATOR = np.random.default_rng(0)
VALUES = GENERATOR.standard_normal((40, 32)).astype(np.float32)
KERNEL = GENERATOR.standard_normal((32, 48)).astype(np.float32) * GENERATOR.uniform(0.1, 3, 48)
BIAS = GENERATOR.standard_normal(48).astype(np.float32)
INPUTS, OUTPUTS = Range(-2.5, 3.0), Range(-40.0, 30.0)


@pytest.mark.parametrize("range_", [Range(-1.0, 2.0), Range(0.0, 1.7), Range(-0.3, 0.0)])
def test_an_activation_is_rounded_as_by_tensorflows_op(range_):
    found = quantization.fake_quantize(VALUES, [range_.low, range_.high]).numpy()
    expected = tf.quantization.fake_quant_with_min_max_vars(VALUES, range_.low, range_.high)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    np.testing.assert_allclose(range_.dequantize(range_.quantize(VALUES)), found, atol=1e-6)


def test_the_range_0_to_0_leaves_numbers_as_they_are():
    np.testing.assert_array_equal(quantization.fake_quantize(VALUES, [0.0, 0.0]), VALUES)


def test_each_channel_of_a_kernel_has_its_own_scale():
    scales = [max(abs(column)) / 127 for column in KERNEL.T]
    integers_OI, scales_O = integers.quantize_channels(KERNEL.T)
    np.testing.assert_allclose(scales_O, scales, rtol=1e-6)
    np.testing.assert_array_equal(np.abs(integers_OI).max(axis=1), 127)
    found = quantization.fake_quantize_channels(tf.constant(KERNEL, tf.float32))
    np.testing.assert_allclose(found, (integers_OI * scales_O[:, None]).T, atol=1e-6)


def test_the_gradient_passes_through_the_rounding_and_clipped_values_move_the_range():
    values, range_2 = tf.constant([-5.0, -0.9, 0.3, 1.2, 7.0]), tf.constant([-1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch([values, range_2])
        total = tf.reduce_sum(quantization.fake_quantize(values, range_2) * [1.0, 2.0, 3.0, 4.0, 5])
    of_values, of_range = tape.gradient(total, [values, range_2])
    np.testing.assert_allclose(of_values, [0, 2, 3, 4, 0])
    np.testing.assert_allclose(of_range, [1, 5])
    kernel = tf.constant(KERNEL, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        total = tf.reduce_sum(quantization.fake_quantize_channels(kernel) * KERNEL)
    np.testing.assert_allclose(tape.gradient(total, kernel), KERNEL, rtol=1e-6)


@pytest.fixture(scope="module")
def dense():
    """A dense layer with ranges."""
    with quantization.with_ranges():
        layer = Dense(48)
        layer.build((None, 32))
    layer.kernel.assign(KERNEL)
    layer.bias.assign(BIAS)
    for variable, range_ in zip(layer.ranges.both, (INPUTS, OUTPUTS), strict=True):
        variable.assign([range_.low, range_.high])
    return layer


def test_litert_computes_the_integers_of_fake_quantisation_to_one_step(dense):
    weights = Weights()
    value = weights.add(Weight("kernel", (32, 48), dense.kernel.numpy, dense))

    @tf.function(input_signature=[tf.TensorSpec([None, 32])])
    def function(inputs):
        return tf.matmul(inputs, tf.constant(value, shape=(32, 48))) + BIAS

    concrete = function.get_concrete_function()
    content = tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()
    found = {}
    for name, ranges in (("static", (INPUTS, OUTPUTS)), ("dynamic", None)):
        runner = _runner(litert_file.fill(content, weights, lambda _, ranges=ranges: ranges))
        found[name] = runner(VALUES)
    assert np.abs(found["static"] - dense(VALUES).numpy()).max() <= 1.01 * OUTPUTS.scale
    assert len(np.unique(found["static"])) > 100
    with quantization.not_quantized():
        expected = dense(VALUES).numpy()
    assert 0 < np.abs(found["dynamic"] - expected).max() < 0.5


def _runner(content):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, VALUES.shape)
    interpreter.allocate_tensors()

    def run(values):
        interpreter.set_tensor(index, values)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    return run


def test_a_layer_without_ranges_has_the_graph_it_had():
    layer = Dense(4)
    layer.build((None, 3))
    assert layer.ranges is None and len(layer.weights) == 2
    graph = tf.function(layer.call).get_concrete_function(tf.TensorSpec([2, 3])).graph
    assert not {"Round", "ClipByValue"} & {node.type for node in graph.get_operations()}


@pytest.fixture(scope="module")
def histogram():
    """(histogram, values) of an activation with outliers, counted in pieces."""
    values = GENERATOR.standard_normal(20000).astype(np.float32)
    values[:2] = [14.0, -11.0]
    found = Histogram()
    for part in np.split(values[::-1], 10):
        found.add(part)
    return found, values


def test_ranges_by_maximum_and_percentile_are_numpys(histogram):
    found, values = histogram
    assert found.range("max") == Range(values.min(), values.max())
    chosen = found.range("percentile", 99.9)
    expected = np.percentile(values, [0.1, 99.9])
    np.testing.assert_allclose([chosen.low, chosen.high], expected, atol=0.05)  # three bins


def test_the_range_of_the_least_squared_error_is_that_of_a_search(histogram):
    found, values = histogram

    def error(low, high):
        range_ = Range(low, high)
        return ((range_.dequantize(range_.quantize(values)) - values) ** 2).mean()

    chosen = found.range("mse")
    shares = np.linspace(0.05, 1, 40)
    best = min(error(values.min() * a, values.max() * b) for a in shares for b in shares)
    assert error(chosen.low, chosen.high) < 1.1 * best
    assert error(chosen.low, chosen.high) < error(values.min(), values.max())
    share = error(chosen.low, chosen.high) / (values**2).mean()
    assert found.error(chosen) == pytest.approx(share, rel=0.15)


def test_layers_of_a_model_with_ranges_are_found_and_named():
    with quantization.with_ranges():
        layer = Dense(4, name="dense")
        layer.build((None, 3))
    model = keras.Sequential([layer])
    assert quantization.layers_with_ranges(model) == [layer]
    assert quantization.have_ranges(weight.path for weight in layer.weights)
    assert not quantization.is_range("bert/output_range/kernel")


def test_a_layer_with_outliers_stays_in_higher_precision():
    """One output of 32,768 is a hundred times larger than the others."""
    with quantization.with_ranges():
        layers = [Dense(8, name=name) for name in ("even", "uneven")]
        for layer in layers:
            layer.build((None, 8))
    for layer in layers:
        layer.kernel.assign(np.eye(8))
    layers[1].kernel.assign(np.diag([100.0] + 7 * [1.0]))

    class Model(keras.Model):
        def call(self, batch):
            return layers[1](layers[0](batch["values"]))

    model = Model()
    model.parts = layers
    values = np.clip(GENERATOR.standard_normal((4096, 8)), -2, 2).astype(np.float32)
    values[:, 0] = [2.0] + 4095 * [0.0]
    batch = {"values": tf.constant(values), "input_mask": np.ones((64, 64))}
    assert calibrate(model, [batch], Method("max")) == [layers[1].path]
    assert not layers[1].ranges.inputs.numpy().any()
    np.testing.assert_allclose(layers[0].ranges.inputs, [values.min(), values.max()])
    with pytest.raises(ValueError, match="no texts to calibrate on"):
        calibrate(model, [], Method())
