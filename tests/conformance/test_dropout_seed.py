"""Dropout of every layer and model that has it is a function of the seed it is given."""

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.goldens import GOLDENS

WITH_DROPOUT = {name: golden for name, golden in GOLDENS.items() if golden.has_dropout}


@pytest.mark.parametrize("golden", WITH_DROPOUT.values(), ids=WITH_DROPOUT)
def test_the_seed_decides_and_none_is_inference(golden):
    layer = golden.make_random()

    def run(seed):
        seed = None if seed is None else tf.constant(seed)
        outputs = golden.call(layer, golden.inputs, dropout_seed=seed)
        return {name: value.numpy() for name, value in outputs.items()}

    def equal(first, second):
        return all(np.array_equal(first[name], second[name]) for name in first)

    assert equal(run((1, 2)), run((1, 2)))
    assert not equal(run((1, 2)), run((1, 3)))
    assert not equal(run((1, 2)), run((2, 2)))
    assert equal(run(None), run(None))
    assert not equal(run(None), run((1, 2)))


@pytest.mark.parametrize("name", ["TransformerBlock", "BertEncoder", "PretrainingModel"])
def test_no_two_places_of_a_model_use_the_same_seed(name, monkeypatch):
    seeds = []

    def record(bits_of_shape):
        def stateless_uniform(shape, seed, **options):
            seeds.append(tuple(seed.numpy()))
            return bits_of_shape(shape, seed, **options)

        return stateless_uniform

    monkeypatch.setattr(tf.random, "stateless_uniform", record(tf.random.stateless_uniform))
    golden = GOLDENS[name]
    golden.call(golden.make_random(), golden.inputs, dropout_seed=tf.constant((1, 2)))
    blocks = 1 if name == "TransformerBlock" else 2
    embeddings = 0 if name == "TransformerBlock" else 1
    assert len(seeds) == 3 * blocks + embeddings
    assert len(set(seeds)) == len(seeds)
