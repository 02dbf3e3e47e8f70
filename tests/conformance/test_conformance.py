"""What every layer and model must be able to do, whatever it computes."""

import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers.vectors import Vectors
from tests.conformance.goldens import GOLDENS
from tests.devices import strategy_of

pytestmark = pytest.mark.parametrize("golden", GOLDENS.values(), ids=GOLDENS)
SEED = (11, 22)


@pytest.fixture(scope="module")
def random_layers():
    """{class name: an instance with random weights}, which no test may change."""
    return {name: golden.make_random() for name, golden in GOLDENS.items()}


@pytest.fixture
def layer(golden, random_layers):
    return random_layers[golden.cls.__name__]


def variables(layer):
    return {weight.path: weight.value for weight in layer.weights}


def numpy_of(outputs):
    return {name: np.asarray(tf.cast(value, tf.float32)) for name, value in outputs.items()}


def floats_of(outputs):
    """Without the outputs that are whole numbers, such as sampled tokens."""
    return {name: value for name, value in outputs.items() if value.dtype.is_floating}


def assert_close(actual, expected, tolerance=1e-5):
    actual, expected = numpy_of(actual), numpy_of(expected)
    assert set(actual) == set(expected)
    for name in expected:
        np.testing.assert_allclose(
            actual[name], expected[name], rtol=tolerance, atol=tolerance, err_msg=name
        )


def differ(first, second):
    return any(np.abs(numpy_of(first)[n] - numpy_of(second)[n]).max() > 1e-3 for n in first)


def test_a_checkpoint_by_path_restores_everything(golden, layer, tmp_path):
    path = tf.train.Checkpoint(variables=variables(layer)).write(str(tmp_path / "weights"))
    copy = golden.make_random(seed=2)
    expected = golden.call(layer, golden.inputs)
    assert differ(golden.call(copy, golden.inputs), expected)
    tf.train.Checkpoint(variables=variables(copy)).read(path).assert_consumed()
    assert_close(golden.call(copy, golden.inputs), expected, tolerance=0)


def test_a_saved_model_computes_the_same(golden, layer, tmp_path):
    module = tf.Module()
    module.weights = list(variables(layer).values())  # lists of Keras layers are not tracked
    specs = {
        name: tf.TensorSpec(
            value.shape if name in golden.shared else (None, *value.shape[1:]), value.dtype
        )
        for name, value in golden.inputs.items()
    }
    module.serve = tf.function(lambda inputs: golden.call(layer, inputs), input_signature=[specs])
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    inputs = {name: tf.constant(value) for name, value in golden.inputs.items()}
    assert_close(loaded.serve(inputs), golden.call(layer, golden.inputs))
    first = {name: v if name in golden.shared else v[:1] for name, v in inputs.items()}
    assert_close(loaded.serve(first), golden.call(layer, first))


def loss_of(outputs):
    """A number to which all outputs contribute, and the elements of each differently."""
    values = list(floats_of(outputs).values())
    factors = [tf.sin(tf.range(value.shape[-1], dtype=tf.float32)) for value in values]
    products = [f * value for f, value in zip(factors, values, strict=True)]
    return tf.add_n([tf.reduce_sum(product) for product in products])


def outputs_and_gradients(golden, layer, inputs):
    with tf.GradientTape() as tape:
        outputs = golden.call(layer, inputs)
        loss = loss_of(outputs)
    weights = [weight.value for weight in layer.weights]
    gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
    return outputs, [tf.convert_to_tensor(gradient) for gradient in gradients]


def test_two_replicas_compute_what_one_device_does(golden, layer):
    two_replicas = strategy_of(2)
    expected_outputs, expected_gradients = outputs_and_gradients(golden, layer, golden.inputs)
    with two_replicas.scope():
        copy = golden.make_random()

    def half(name, context):
        value = golden.inputs[name]
        if name in golden.shared:
            return tf.constant(value)
        return tf.constant(np.split(value, 2)[context.replica_id_in_sync_group])

    inputs = {
        name: two_replicas.experimental_distribute_values_from_function(
            lambda context, name=name: half(name, context)
        )
        for name in golden.inputs
    }

    def replica_step(inputs):
        outputs, gradients = outputs_and_gradients(golden, copy, inputs)
        context = tf.distribute.get_replica_context()
        return outputs, context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)

    outputs, gradients = tf.function(lambda: two_replicas.run(replica_step, args=(inputs,)))()
    for name, expected in expected_outputs.items():
        halves = two_replicas.experimental_local_results(outputs[name])
        assert_close({name: tf.concat(halves, 0)}, {name: expected})
    for weight, gradient, expected in zip(copy.weights, gradients, expected_gradients, strict=True):
        scale = max(1.0, float(tf.norm(expected)))
        for replica in two_replicas.experimental_local_results(gradient):
            np.testing.assert_allclose(
                replica, expected, atol=1e-5 * scale, rtol=1e-4, err_msg=weight.path
            )


def test_mixed_bfloat16_computes_in_bfloat16_on_float32_variables(golden, layer):
    low = golden.make_random("mixed_bfloat16")
    assert {weight.dtype for weight in low.weights} == {"float32"}
    outputs, expected = golden.call(low, golden.inputs), golden.call(layer, golden.inputs)
    for name, value in floats_of(outputs).items():
        # Probabilities leave the softmax as they are; the vector of a text is float32.
        is_wide = name == "attention_probs" or golden.cls is Vectors
        assert value.dtype == ("float32" if is_wide else "bfloat16"), name
        error = numpy_of(outputs)[name] - numpy_of(expected)[name]
        scale = np.abs(numpy_of(expected)[name]).max()
        assert 0 < np.abs(error).max() < 0.05 * scale, name  # bfloat16 has 8 bits


def test_xla_computes_the_same_with_and_without_dropout(golden, layer):
    def run(inputs, seed):
        seeds = [None, seed] if golden.has_dropout else [None]
        return [golden.call(layer, inputs, dropout_seed=seed) for seed in seeds]

    inputs = {name: tf.constant(value) for name, value in golden.inputs.items()}
    seed = tf.constant(SEED)
    compiled = tf.function(run, jit_compile=True)(inputs, seed)
    for actual, expected in zip(compiled, run(inputs, seed), strict=True):
        assert_close(actual, expected)


def test_the_config_comes_back_through_json(golden, layer):
    config = layer.get_config()
    copy = golden.cls.from_config(json.loads(json.dumps(config)))
    if not copy.built:
        copy.build((None, golden.inputs[next(iter(golden.inputs))].shape[-1]))
    assert copy.get_config() == config == layer.get_config()
    assert [weight.path for weight in copy.weights] == [weight.path for weight in layer.weights]
    for weight, source in zip(copy.weights, layer.weights, strict=True):
        weight.assign(source)
    expected = golden.call(layer, golden.inputs)
    assert_close(golden.call(copy, golden.inputs), expected, tolerance=0)
