"""What layer-wise rates, freezing and unfreezing do to single weights."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config.experiment import OptimizerConfig
from bert_tf.layers import roles
from bert_tf.training.optimizers.layerwise import keep_top_random
from bert_tf.training.optimizers.optimizer import Optimizer
from bert_tf.training.optimizers.places import Place, places_of

WORDS = "bert/embeddings/word_embeddings"
NORM = "bert/embeddings/LayerNorm/gamma"
LOWER = "bert/encoder/layer_0/intermediate/dense/kernel"
UPPER = "bert/encoder/layer_1/intermediate/dense/kernel"
POOLER = "bert/pooler/dense/kernel"
HEAD = "classifier/kernel"
PATHS = [WORDS, NORM, LOWER, UPPER, POOLER, HEAD]
PLACES = {
    WORDS: Place("table", "embeddings", 0, 2),
    NORM: Place("scale", "embeddings", 0, 2),
    LOWER: Place("matrix", "block", 1, 2),
    UPPER: Place("matrix", "block", 2, 2),
    POOLER: Place("matrix", "pooler", 3, 2),
    HEAD: Place("matrix"),
}


def make(**config):
    weights = {path: tf.Variable([[1.0, 2.0]]) for path in PATHS}
    return weights, Optimizer(OptimizerConfig(**config), weights, PLACES)


def train(optimizer, steps, first=0, rate=0.1):
    for step in range(first, first + steps):
        gradients = [tf.constant([[1.0, -1.0]])] * len(optimizer.weights)
        step = tf.constant(step, tf.int64)
        gradients = optimizer.released(gradients, step)
        optimizer.apply(gradients, step=step, learning_rate=tf.constant(rate))


def has_moved(weight):
    return not np.array_equal(weight.numpy(), [[1.0, 2.0]])


def test_each_layer_learns_at_the_rate_of_the_one_above_it_times_the_decay():
    weights, optimizer = make(name="sgd", weight_decay=0.0, layer_decay=0.5)
    train(optimizer, 1)
    moved = [float(1.0 - weights[path][0, 0]) for path in PATHS]
    np.testing.assert_allclose(moved, [0.0125, 0.0125, 0.025, 0.05, 0.1, 0.1], rtol=1e-5)


@pytest.mark.parametrize("name", ["adamw", "lamb", "adafactor", "sgd", "muon"])
def test_what_is_frozen_has_no_slots_and_no_decay(name):
    weights, optimizer = make(
        name=name, freeze_embeddings=True, num_frozen_layers=1, weight_decay=0.5
    )
    train(optimizer, 2)
    assert {path for path in PATHS if has_moved(weights[path])} == {UPPER, POOLER, HEAD}
    assert optimizer.frozen == [WORDS, NORM, LOWER]
    assert optimizer.decayed == [UPPER, POOLER, HEAD]
    assert not any(slot.rsplit("/", 1)[0] in optimizer.frozen for slot in optimizer.slots)


def test_lower_layers_can_be_frozen_below_moving_embeddings():
    _, optimizer = make(num_frozen_layers=1)
    assert optimizer.frozen == [LOWER]


@pytest.mark.parametrize("name", ["adamw", "lamb", "adafactor", "muon"])
def test_unfreezing_goes_from_the_top_down_and_each_weight_starts_afresh(name):
    """Held weights and their slots do not change; released ones do what new ones would."""
    options = {"name": name, "bias_correction": True, "weight_decay": 0.5}
    weights, optimizer = make(unfreeze_every=2, **options)
    begins = {HEAD: 0, POOLER: 0, UPPER: 2, LOWER: 4, NORM: 6, WORDS: 6}
    for step in range(7):
        train(optimizer, 1, first=step)
        assert {path for path in PATHS if has_moved(weights[path])} == {
            path for path in PATHS if begins[path] <= step
        }
        held = [slot for path in PATHS if begins[path] > step for slot in slots_of(optimizer, path)]
        assert not any(slot.numpy().any() for slot in held)
    reference, fresh = make(**options)
    train(fresh, 3)
    np.testing.assert_array_equal(weights[LOWER].numpy(), reference[LOWER].numpy())


def slots_of(optimizer, path):
    return [slot for name, slot in optimizer.slots.items() if name.rsplit("/", 1)[0] == path]


class Model:
    """As much of a Keras model, and of its encoder, as an initializer sees."""

    def __init__(self):
        self.weights = []
        for path in PATHS:
            weight = roles.give(keras.Variable([[1.0, 2.0]]), PLACES[path].role)
            weight._path = path
            self.weights.append(weight)
        words, norm, lower, upper, pooler, _ = self.weights
        parts = [("embeddings", [words, norm]), ("block", [lower])]
        parts += [("block", [upper]), ("pooler", [pooler])]
        self.layers = [types.SimpleNamespace(parts=[_part(*part) for part in parts])]


def _part(kind, variables):
    return types.SimpleNamespace(kind=kind, variables=variables)


def test_a_place_is_found_by_the_parts_of_the_encoder():
    assert places_of(Model()) == PLACES


@pytest.mark.parametrize(
    ("num_layers", "random"), [(0, []), (1, [UPPER, POOLER]), (2, [LOWER, UPPER, POOLER])]
)
def test_the_top_layers_and_the_pooler_can_stay_random(num_layers, random):
    def fill(model):
        for weight in model.weights:
            weight.assign([[5.0, 5.0]])

    model = Model()
    keep_top_random(fill, num_layers)(model)
    assert [weight.path for weight in model.weights if has_moved(weight)] == [
        path for path in PATHS if path not in random
    ]
    assert keep_top_random(None, num_layers) is None


def test_the_log_lists_what_is_decayed_frozen_and_slow():
    _, optimizer = make(freeze_embeddings=True, layer_decay=0.5, unfreeze_every=10)
    assert optimizer.describe() == [
        f"weight decay on 4 variables: {LOWER}, {UPPER}, {POOLER}, {HEAD}",
        f"frozen are 2 variables: {WORDS}, {NORM}",
        f"learning rate x 0.25 from step 21 on for 1 variables: {LOWER}",
        f"learning rate x 0.5 from step 11 on for 1 variables: {UPPER}",
        f"learning rate x 1 from step 1 on for 2 variables: {POOLER}, {HEAD}",
    ]
    _, optimizer = make()
    assert len(optimizer.describe()) == 1


def test_more_frozen_layers_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="num_frozen_layers is 3, but the model has 2 layers"):
        make(num_frozen_layers=3)
