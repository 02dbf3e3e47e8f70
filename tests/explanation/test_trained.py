"""What only a trained model can show: the word that decides is found, and the map is the model's.

One word of each text decides its label; all others are drawn.
"""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from bert_tf.explanation import faithfulness
from bert_tf.explanation.believer import Believer
from bert_tf.explanation.explainer import Explainer, Settings
from tests.explanation.tiny import LABELS, make_model
from tests.family.cases import BEASTS, BIRDS, VERBS

_PLANTED = {"owl": "no", "hen": "yes"}
_OTHERS = [word for word in (*BIRDS, *BEASTS, *VERBS) if word not in _PLANTED]
# Not gradient_x_input: behind a LayerNorm the slope along a word's own vector says little.
METHODS = ("integrated_gradients", "occlusion", "shapley")


def _texts(count, seed):
    generator = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(count):
        words = generator.choice(_OTHERS, generator.integers(5, 10)).tolist()
        planted = str(generator.choice(list(_PLANTED)))
        words[generator.integers(len(words))] = planted
        texts.append(" ".join(words))
        labels.append(LABELS.labels.index(_PLANTED[planted]))
    return texts, np.array(labels)


@pytest.fixture(scope="module")
def trained():
    task, model = make_model("bert", "labels", scale=0.1)
    texts, labels = _texts(256, seed=0)
    batch = {
        n: t for n, t in task.encode(tf.constant(texts)).items() if n != "num_truncated_tokens"
    }
    optimizer = keras.optimizers.Adam(5e-3)
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)
    def step(rows):
        part = {name: tf.gather(tensor, rows) for name, tensor in batch.items()}
        with tf.GradientTape() as tape:
            logits = model(part)["logits"]
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather(labels, rows), logits)
        variables = model.trainable_variables
        gradients = [
            tf.zeros_like(variable) if gradient is None else gradient
            for gradient, variable in zip(tape.gradient(loss, variables), variables, strict=True)
        ]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return tf.reduce_mean(loss)

    generator = np.random.default_rng(0)
    for _ in range(120):
        loss = step(tf.constant(generator.choice(len(texts), 32)))
    assert loss < 0.1
    return task, model


@pytest.fixture(scope="module")
def explained(trained):
    texts, labels = _texts(60, seed=1)
    explainer = Explainer(*trained, Settings(methods=METHODS, budget=64))
    found = explainer.explain([texts])
    assert [belief.answer for belief in found.cases.beliefs] == labels.tolist()
    return explainer, found, texts


def _top(found, texts, method):
    for case, parts in enumerate(found.parts[method]):
        word = found.cases.words[case][int(np.argmax(parts.weights))]
        yield texts[case][word.start : word.end]


@pytest.mark.parametrize("method", METHODS)
def test_the_word_that_decides_is_on_top(explained, method):
    _, found, texts = explained
    hits = [word in _PLANTED for word in _top(found, texts, method)]
    assert np.mean(hits) >= 0.95


def test_the_gap_is_below_2_percent(explained):
    _, found, _ = explained
    assert max(parts.about["gap"] for parts in found.parts["integrated_gradients"]) < 0.02


def test_integrated_gradients_beat_a_random_order(explained):
    explainer, found, _ = explained
    scores = faithfulness.means(faithfulness.measure(explainer.believer, found.cases, found.parts))
    ours, random = scores["integrated_gradients"], scores["random"]
    assert ours["comprehensiveness"] > random["comprehensiveness"] + 0.15
    assert ours["sufficiency"] < random["sufficiency"] - 0.15
    assert ours["contrast"] > 2.0 and abs(random["contrast"]) < 0.25 * ours["contrast"]


def test_the_word_that_decides_is_the_flip(explained):
    _, found, texts = explained
    flips = [(case, flip) for case, flip in enumerate(found.flips) if flip is not None]
    assert flips  # without any planted word one of the two answers has to be given
    for case, flip in flips:
        words = [found.cases.words[case][number] for number in flip.words]
        assert any(texts[case][word.start : word.end] in _PLANTED for word in words)


def test_rows_of_any_length_need_one_graph(trained):
    task, model = trained
    seen = []

    class Counting(Believer):
        def _believe(self, inputs, vectors_PSW):
            seen.append(vectors_PSW.shape.as_list())
            return super()._believe(inputs, vectors_PSW)

    explainer = Explainer(task, model, Settings(steps=2, most_steps=2, flips=False))
    explainer.believer = Counting(task, model)
    for texts in (["owl hen"], ["owl hen cow cow", "hen"], ["cow"]):
        explainer.explain([texts])
    assert len(seen) == 2 and all(shape[:2] == [None, None] for shape in seen)  # with gradients too


def test_other_weights_on_top_give_another_map(trained, explained):
    _, found, texts = explained
    task, model = trained
    explainer = Explainer(task, model, Settings(wanted="yes", flips=False))
    maps = explainer.explain([texts]).parts["integrated_gradients"]
    before = model.get_weights()
    generator = np.random.default_rng(3)
    last = {id(v) for v in [*model.encoder.blocks[-1].variables, *model.classifier.variables]}
    for variable in model.weights:
        if id(variable) in last and len(variable.shape) > 1:
            variable.assign(generator.normal(size=variable.shape) * 0.3)
    try:
        others = explainer.explain([texts]).parts["integrated_gradients"]
    finally:
        model.set_weights(before)
    ranks = [
        scipy.stats.spearmanr(a.weights, b.weights).statistic
        for a, b in zip(maps, others, strict=True)
    ]
    assert abs(np.mean(ranks)) < 0.5
    for case, belief in enumerate(found.cases.beliefs):
        if belief.name == "yes":
            same = found.parts["integrated_gradients"][case].weights
            np.testing.assert_allclose(maps[case].weights, same, atol=1e-3)
