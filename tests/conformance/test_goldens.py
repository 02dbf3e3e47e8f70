"""Every layer and model of the package is in the table, and really uses what it is given."""

import importlib
import inspect
import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf import layers, models, tasks
from tests.conformance.goldens import GOLDENS


def defined_classes():
    """Every Keras layer and model defined in bert_tf.layers, models and tasks."""
    for package in (layers, models, tasks):
        for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            module = importlib.import_module(info.name)
            for _, value in inspect.getmembers(module, inspect.isclass):
                if issubclass(value, keras.layers.Layer) and value.__module__ == info.name:
                    yield value


def test_every_layer_and_model_is_in_the_table():
    defined = set(defined_classes())
    bases = {base for cls in defined for base in cls.__mro__[1:]}  # tested in what derives of them
    assert defined - bases <= {golden.cls for golden in GOLDENS.values()} <= defined


@pytest.mark.parametrize("name", GOLDENS)
def test_the_table_knows_who_takes_a_dropout_seed(name):
    parameters = inspect.signature(GOLDENS[name].cls.call).parameters
    assert GOLDENS[name].has_dropout == ("dropout_seed" in parameters)


@pytest.mark.parametrize("name", GOLDENS)
def test_every_weight_has_an_influence_on_the_outputs(name):
    golden = GOLDENS[name]
    layer = golden.make_random()
    run = tf.function(lambda: golden.call(layer, golden.inputs))
    before = run()
    for weight in layer.weights:
        value = weight.numpy()
        weight.assign(value + np.random.default_rng(0).normal(size=value.shape))
        after = run()
        if not weight.path.endswith("key/bias"):  # adds the same to all scores of a query
            assert any(np.abs(after[n] - before[n]).max() > 1e-4 for n in before), weight.path
        weight.assign(value)
