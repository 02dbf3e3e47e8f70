"""Every optimizer against NumPy, in the loop's form and in Keras', and what it leaves alone."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config.experiment import OptimizerConfig
from bert_tf.layers import roles
from bert_tf.training.optimizers.keras_optimizer import KerasOptimizer
from bert_tf.training.optimizers.optimizer import Optimizer
from bert_tf.training.optimizers.places import Place

PATHS = {"layer_0/kernel": (4, 3), "layer_0/bias": (3,)}
PLACES = {
    "layer_0/kernel": Place("matrix", "block", 1, 1),
    "layer_0/bias": Place("bias", "block", 1, 1),
}
DECAY = {"layer_0/kernel": 0.1, "layer_0/bias": 0.0}
STEPS = 10


def numpy_adamw(w, gradients, rates, decay, b1=0.9, b2=0.999, epsilon=1e-6, correct=False):
    """Loshchilov and Hutter 2019, algorithm 2, in float64."""
    m = v = np.zeros_like(w)
    for t, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        m = b1 * m + (1 - b1) * gradient
        v = b2 * v + (1 - b2) * gradient**2
        c1, c2 = (1 - b1**t, 1 - b2**t) if correct else (1, 1)
        w = w - rate * ((m / c1) / (np.sqrt(v / c2) + epsilon) + decay * w)
    return w, {"m": m, "v": v}


def numpy_lamb(w, gradients, rates, decay, b1=0.9, b2=0.999, epsilon=1e-6):
    """You et al. 2020, algorithm 2; what is not decayed has no trust ratio."""
    m = v = np.zeros_like(w)
    for t, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        m = b1 * m + (1 - b1) * gradient
        v = b2 * v + (1 - b2) * gradient**2
        update = (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + epsilon) + decay * w
        ratio = np.sqrt((w**2).sum()) / np.sqrt((update**2).sum()) if decay else 1.0
        w = w - rate * ratio * update
    return w, {"m": m, "v": v}


def numpy_adafactor(w, gradients, rates, decay, relative=False):
    """Shazeer and Stern 2018, algorithms 4 and 5 with sums, as they are written there."""
    r = c = v = 0.0
    for t, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        beta = 1 - t**-0.8
        squared = gradient**2 + 1e-30
        if w.ndim == 2:
            r = beta * r + (1 - beta) * squared.sum(axis=1, keepdims=True)
            c = beta * c + (1 - beta) * squared.sum(axis=0, keepdims=True)
            v = r @ c / r.sum()
        else:
            v = beta * v + (1 - beta) * squared
        u = gradient / np.sqrt(v)
        u = u / max(1.0, np.sqrt((u**2).mean()))
        size = max(1e-3, np.sqrt((w**2).mean())) if relative else 1.0
        w = w - rate * size * u - rate * decay * w
    if w.ndim == 2:
        return w, {"vr": r[:, 0] / w.shape[1], "vc": c[0] / w.shape[0]}
    return w, {"v": v}


def numpy_sgd(w, gradients, rates, decay):
    for gradient, rate in zip(gradients, rates, strict=True):
        w = w - rate * (gradient + decay * w)
    return w, {}


def numpy_muon(w, gradients, rates, decay):
    """Jordan et al. 2024, with the five rounds in float64; a weight outside of blocks: AdamW."""
    if w.ndim < 2:
        return numpy_adamw(w, gradients, rates, decay)
    m = np.zeros_like(w)
    for gradient, rate in zip(gradients, rates, strict=True):
        m = 0.95 * m + 0.05 * gradient
        x = 0.95 * m + 0.05 * gradient
        x = x / np.linalg.norm(x)
        for _ in range(5):
            x = 3.4445 * x - 4.775 * x @ x.T @ x + 2.0315 * x @ x.T @ x @ x.T @ x
        w = w - rate * (0.2 * np.sqrt(max(w.shape)) * x + decay * w)
    return w, {"m": m}


CASES = {
    "adamw": (numpy_adamw, {}, {}),
    "adamw, corrected": (numpy_adamw, {"bias_correction": True}, {"correct": True}),
    "lamb": (numpy_lamb, {"name": "lamb"}, {}),
    "adafactor": (numpy_adafactor, {"name": "adafactor"}, {}),
    "adafactor, relative": (
        numpy_adafactor,
        {"name": "adafactor", "relative_step": True},
        {"relative": True},
    ),
    "sgd": (numpy_sgd, {"name": "sgd"}, {}),
    "muon": (numpy_muon, {"name": "muon"}, {}),
}
# Muon's direction is computed in bfloat16: in ten steps of 0.1 x 0.2 x 2 x about 0.5.
ABSOLUTE = {"muon": 5e-3}


@pytest.fixture(scope="module")
def problem():
    """(start weights, gradients of ten steps): growing, so that Adafactor clips its updates."""
    random = np.random.default_rng(0)
    start = {p: random.normal(size=shape).astype(np.float32) for p, shape in PATHS.items()}
    scale = np.geomspace(0.1, 10, STEPS)
    gradients = {
        path: random.normal(size=(STEPS, *shape)) * scale.reshape(-1, *([1] * len(shape)))
        for path, shape in PATHS.items()
    }
    return start, gradients


def expected(case, problem, rates):
    function, _, options = CASES[case]
    start, gradients = problem
    return {
        path: function(start[path].astype(np.float64), gradients[path], rates, decay, **options)
        for path, decay in DECAY.items()
    }


def assert_near(variable, weight, case):
    np.testing.assert_allclose(variable.numpy(), weight, rtol=1e-5, atol=ABSOLUTE.get(case, 2e-6))


def config_of(case, **changes):
    return OptimizerConfig(weight_decay=0.1, clip_norm=0.0, **CASES[case][1], **changes)


def test_lamb_takes_no_more_than_the_decay_from_a_weight_that_no_gradient_has_reached():
    weights = {"pooler/kernel": tf.Variable(np.ones((3, 4), np.float32))}
    optimizer = Optimizer(config_of("lamb"), weights, {"pooler/kernel": Place("matrix")})
    for step in range(STEPS):
        options = {"step": tf.constant(step, tf.int64), "learning_rate": tf.constant(0.1)}
        optimizer.apply([tf.zeros((3, 4))], **options)
    np.testing.assert_allclose(weights["pooler/kernel"], 0.99**STEPS, rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_ten_steps_equal_numpy(case, problem):
    start, gradients = problem
    weights = {path: tf.Variable(value) for path, value in start.items()}
    optimizer = Optimizer(config_of(case), weights, PLACES)
    rates = np.linspace(0.1, 0.01, STEPS)
    for step in range(STEPS):
        optimizer.apply(
            [tf.constant(gradients[path][step], tf.float32) for path in PATHS],
            step=tf.constant(step, tf.int64),
            learning_rate=tf.constant(rates[step], tf.float32),
        )
    seen = set()
    for path, (weight, slots) in expected(case, problem, rates).items():
        assert_near(weights[path], weight, case)
        for name, value in slots.items():
            seen.add(f"{path}/{name}")
            slot = optimizer.slots[f"{path}/{name}"].numpy()
            np.testing.assert_allclose(slot, value, rtol=1e-5, atol=1e-6)
    assert set(optimizer.slots) == seen


@pytest.mark.parametrize("case", CASES)
def test_the_keras_optimizer_makes_the_same_steps(case, problem):
    start, gradients = problem
    config = config_of(case, learning_rate=0.1, warmup_proportion=0.0)
    optimizer = KerasOptimizer(config, num_train_steps=STEPS, places=PLACES)
    optimizer = KerasOptimizer.from_config(optimizer.get_config())  # as saving does
    with keras.name_scope("layer_0"):
        variables = [keras.Variable(start[p], name=p.removeprefix("layer_0/")) for p in PATHS]
    assert [variable.path for variable in variables] == list(PATHS)
    for step in range(STEPS):
        of_step = [tf.constant(gradients[path][step], tf.float32) for path in PATHS]
        optimizer.apply_gradients(zip(of_step, variables, strict=True))
    rates = 0.1 * (1 - np.arange(STEPS) / STEPS)
    for variable, (weight, _) in zip(
        variables, expected(case, problem, rates).values(), strict=True
    ):
        assert_near(variable, weight, case)


def test_keras_fits_with_it_and_clips():
    """A line through points: `fit` compiles the update; the first step is as long as the clip."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="dense")])
    config = OptimizerConfig(
        name="sgd", learning_rate=1.0, schedule="constant", warmup_proportion=0.0, clip_norm=0.5
    )
    model.compile(optimizer=KerasOptimizer(config, num_train_steps=40), loss="mse")
    x = np.tile(np.linspace(-1, 1, 8)[:, None], (40, 1))
    before = np.concatenate([w.ravel() for w in model.get_weights()])
    first = model.train_on_batch(x[:8], 3 * x[:8] + 10)
    after = np.concatenate([w.ravel() for w in model.get_weights()])
    assert np.linalg.norm(after - before) == pytest.approx(0.5, rel=0.02)  # and a little decay
    model.fit(x, 3 * x + 10, batch_size=8, verbose=0, shuffle=False)
    assert model.evaluate(x, 3 * x + 10, verbose=0) < 0.1 * first


def test_lamb_moves_a_weight_of_zeros_and_keeps_still_without_a_gradient():
    """The trust ratio is 1 where a norm is 0."""
    weights = {"a/kernel": tf.Variable([[0.0, 0.0]]), "b/kernel": tf.Variable([[1.0, 2.0]])}
    places = dict.fromkeys(weights, Place("matrix"))
    optimizer = Optimizer(OptimizerConfig(name="lamb", weight_decay=0.0), weights, places)
    zero = tf.constant(0, tf.int64)
    optimizer.apply([tf.ones((1, 2)), tf.zeros((1, 2))], step=zero, learning_rate=tf.constant(0.1))
    # Kept from decay, the second kernel has no update at all.
    np.testing.assert_allclose(weights["a/kernel"].numpy(), [[-0.1, -0.1]], rtol=1e-4)
    np.testing.assert_array_equal(weights["b/kernel"].numpy(), [[1.0, 2.0]])


@pytest.mark.parametrize("shape", [(64, 64), (32, 128), (128, 32)])
def test_an_update_of_muon_is_nearly_orthogonal_and_has_the_size_that_was_asked_for(shape):
    random = np.random.default_rng(0)
    u, _, vt = np.linalg.svd(random.normal(size=shape), full_matrices=False)
    gradient = u * np.geomspace(1, 30, min(shape)) @ vt
    weight = tf.Variable(tf.zeros(shape))
    config = OptimizerConfig(name="muon", weight_decay=0.0, update_rms=0.5)
    Optimizer(config, {"layer_0/kernel": weight}, PLACES).apply(
        [tf.constant(gradient, tf.float32)],
        step=tf.constant(0, tf.int64),
        learning_rate=tf.constant(0.1),
    )
    update = weight.numpy() / -0.1 / (0.5 * np.sqrt(max(shape)))
    in_its_basis = u.T @ update @ vt.T
    singular_values = np.linalg.svd(update, compute_uv=False)
    assert singular_values.min() > 0.6
    assert singular_values.max() < 1.3
    assert np.abs(in_its_basis - np.diag(np.diag(in_its_basis))).max() < 0.05
    assert np.sqrt((weight.numpy() ** 2).mean()) == pytest.approx(0.1 * 0.5, rel=0.2)


def test_muon_moves_the_matrices_of_the_blocks_and_adamw_all_else():
    places = {
        "encoder/layer_0/kernel": Place("matrix", "block", 1, 2),
        "encoder/layer_1/kernel": Place("matrix", "block", 2, 2),
        "encoder/layer_0/table": Place("table", "block", 1, 2),
        "encoder/layer_0/bias": Place("bias", "block", 1, 2),
        "encoder/layer_0/gamma": Place("scale", "block", 1, 2),
        "embeddings/words": Place("table", "embeddings", 0, 2),
        "embeddings/kernel": Place("matrix", "embeddings", 0, 2),
        "pooler/kernel": Place("matrix", "pooler", 3, 2),
        "head/kernel": Place("matrix"),
    }
    paths = list(places)
    weights = {path: tf.Variable(tf.ones((2, 2))) for path in paths}
    optimizer = Optimizer(OptimizerConfig(name="muon"), weights, places)
    assert optimizer.orthogonalized == paths[:2]
    assert {path for path in paths if f"{path}/v" not in optimizer.slots} == set(paths[:2])
    assert all(f"{path}/m" in optimizer.slots for path in paths)


def test_adafactor_needs_rows_and_columns_where_adam_needs_two_matrices():
    weights = {"a/kernel": tf.Variable(tf.ones((30, 20))), "a/bias": tf.Variable(tf.ones(20))}
    places = {"a/kernel": Place("matrix"), "a/bias": Place("bias")}

    def size(name):
        slots = Optimizer(OptimizerConfig(name=name), weights, places).slots
        return sum(int(tf.size(slot)) for slot in slots.values())

    sizes = {name: size(name) for name in ("adamw", "adafactor", "sgd")}
    assert sizes == {"adamw": 2 * 620, "adafactor": 30 + 20 + 20, "sgd": 0}


def test_biases_and_scales_are_not_decayed():
    weights = {role: tf.Variable([[1.0]]) for role in roles.ROLES}
    places = {role: Place(role) for role in roles.ROLES}
    optimizer = Optimizer(OptimizerConfig(weight_decay=0.1), weights, places)
    assert optimizer.decayed == ["matrix", "table"]


def test_a_variable_without_a_role_is_an_error_that_says_how_to_give_one():
    variable = keras.Variable([1.0], name="lonely")
    with pytest.raises(ValueError, match="lonely has no role.*roles.add_weight"):
        roles.role_of(variable)
    assert roles.role_of(roles.give(variable, roles.SCALE)) == "scale"
    with pytest.raises(ValueError, match="role of lonely is 'gamma'; expected one of matrix"):
        roles.give(variable, "gamma")


@pytest.mark.parametrize(
    "config", [{"name": "muon"}, {"layer_decay": 0.9}, {"num_frozen_layers": 1}]
)
def test_the_keras_optimizer_asks_for_the_places_where_it_needs_them(config):
    optimizer = KerasOptimizer(OptimizerConfig(**config), num_train_steps=1)
    with pytest.raises(ValueError, match="depends on the parts.*places=places_of"):
        optimizer.build([keras.Variable([[1.0]])])


def test_no_weight_decay_decays_nothing():
    weights, places = {"a/kernel": tf.Variable([[1.0]])}, {"a/kernel": Place("matrix")}
    optimizer = Optimizer(OptimizerConfig(weight_decay=0.0), weights, places)
    assert optimizer.decayed == []


def test_the_config_of_the_keras_optimizer_is_checked():
    config = dataclasses.asdict(OptimizerConfig(name="adamax"))
    with pytest.raises(ValueError, match="optimizer.name is 'adamax'; expected one of adamw, lamb"):
        KerasOptimizer(config, num_train_steps=1)
