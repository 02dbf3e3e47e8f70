"""What Keras users do with a model works for every encoder: call, save, load, clone, fit."""

import dataclasses
import subprocess
import sys

import keras
import numpy as np
import pytest

from bert_tf import members
from bert_tf.config import DataConfig, ExperimentConfig, OptimizerConfig
from bert_tf.tasks import classification
from bert_tf.tasks.classification.task import ClassificationModel
from bert_tf.training.optimizers.keras_optimizer import KerasOptimizer
from bert_tf.training.optimizers.places import places_of
from tests.family import toy_encoder

ENCODERS = [*members.known("models"), toy_encoder.__name__]
_IDS = np.random.default_rng(0).integers(5, 40, (4, 8), np.int32)
BATCH = {"input_ids": _IDS, "input_mask": np.ones_like(_IDS), "segment_ids": np.zeros_like(_IDS)}
LABELS = np.array([0, 1, 0, 1])
# By the names that the encoders' own configuration files use.
_TINY = {
    "vocab_size": 50,
    **dict.fromkeys(["hidden_size", "dim", "embedding_size"], 8),
    **dict.fromkeys(["num_hidden_layers", "n_layers"], 1),
    **dict.fromkeys(["num_attention_heads", "n_heads"], 2),
    **dict.fromkeys(["intermediate_size", "hidden_dim"], 16),
    "max_position_embeddings": 34,
}
_FRESH = """
import sys, bert_tf, keras, numpy as np
bert_tf.register_keras_classes()
model = keras.models.load_model(sys.argv[1])
np.save(sys.argv[2], model(dict(np.load(sys.argv[3])))["logits"])
"""


def tiny_config(name, **changes):
    """A small config of any encoder, without dropout."""
    config_class = members.find("models", name).Config
    fields = [field.name for field in dataclasses.fields(config_class)]
    values = {field: _TINY[field] for field in fields if field in _TINY}
    rates = {field: 0.0 for field in fields if "dropout" in field and not field.startswith("use")}
    own = {} if name == toy_encoder.__name__ else values
    return config_class(**{**own, **rates, **changes})


@pytest.fixture(scope="module", params=ENCODERS)
def encoder(request):
    config = tiny_config(request.param)
    return config.encoder_class()(config)


def _inputs(encoder):
    return {name: rows for name, rows in BATCH.items() if name in encoder.config.inputs}


def _classifier(encoder):
    """A functional model around an encoder, with a head of Keras' own layers."""
    inputs = {name: keras.Input([8], dtype="int32", name=name) for name in _inputs(encoder)}
    first_BD = encoder(inputs)["sequence_output"][:, 0]
    return keras.Model(inputs, keras.layers.Dense(2)(first_BD))


def test_an_encoder_takes_a_batch_and_leaves_out_what_it_does_not_know(encoder):
    found = encoder({**BATCH, "label_ids": LABELS})["sequence_output"]
    np.testing.assert_array_equal(found, encoder(**_inputs(encoder))["sequence_output"])


def test_an_encoder_is_saved_loaded_cloned_and_summarised(encoder, tmp_path):
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    expected = encoder(BATCH)["sequence_output"]
    np.testing.assert_array_equal(loaded(BATCH)["sequence_output"], expected)
    assert [w.path for w in loaded.weights] == [w.path for w in encoder.weights]
    clone = keras.models.clone_model(encoder)
    assert [w.shape for w in clone.weights] == [w.shape for w in encoder.weights]
    lines = []
    encoder.summary(print_fn=lambda text, line_break=False: lines.append(text))
    assert f"{encoder.count_params():,}" in "\n".join(lines)


def test_a_model_around_an_encoder_is_fitted_saved_and_fitted_on(encoder, tmp_path):
    model = _classifier(encoder)
    config = OptimizerConfig(learning_rate=1e-2, layer_decay=0.9)
    model.compile(
        optimizer=KerasOptimizer(config, num_train_steps=8, places=places_of(model)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=encoder.name != "bert",  # compiling takes most of the time
    )
    rows = _inputs(encoder)
    before = encoder.weights[0].numpy()
    model.fit(rows, LABELS, verbose=0)
    assert not np.array_equal(before, encoder.weights[0])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(rows), model(rows))
    histories = [one.fit(rows, LABELS, verbose=0, epochs=2).history for one in (model, loaded)]
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], rtol=1e-5)
    assert keras.models.clone_model(model).count_params() == model.count_params()


def test_fit_drops_out():
    config = tiny_config("bert", hidden_dropout_prob=0.5)
    encoder = config.encoder_class()(config)
    without, *drawn = (
        encoder(BATCH, training=training)["sequence_output"] for training in (False, True, True)
    )
    assert not np.allclose(without, drawn[0]) and not np.allclose(*drawn)


def test_the_model_of_a_task_is_loaded_in_a_new_process(tmp_path):
    config = ExperimentConfig(
        model=tiny_config("bert"),
        data=DataConfig(max_seq_length=8),
        task=classification.Config(labels=("a", "b")),
    )
    model = ClassificationModel(config)
    paths = [str(tmp_path / name) for name in ("model.keras", "found.npy", "batch.npz")]
    model.save(paths[0])
    np.savez(paths[2], **BATCH)
    process = subprocess.run([sys.executable, "-c", _FRESH, *paths], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-1000:]
    np.testing.assert_allclose(np.load(paths[1]), model(BATCH)["logits"], rtol=1e-5, atol=1e-6)
