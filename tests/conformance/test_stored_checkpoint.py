"""The stored checkpoints in tests/testdata load and compute the same, for ever."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

import bert_tf
from bert_tf import initial_weights, model_folder
from bert_tf.training.work_dir import checkpoint
from tests.testdata import make_checkpoint

FOLDERS = sorted((pathlib.Path(__file__).parents[1] / "testdata").glob("v*"))
pytestmark = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def expected_of(folder):
    return json.loads((folder / "expected.json").read_text())


def assert_outputs(model, expected):
    inputs = {name: tf.constant(value) for name, value in expected["inputs"].items()}
    outputs = model(inputs)
    assert set(outputs) == set(expected["outputs"])
    for name, value in expected["outputs"].items():
        np.testing.assert_allclose(outputs[name], value, atol=1e-6, rtol=1e-6, err_msg=name)


def test_the_model_folder_loads_and_computes_the_same(folder):
    model, tokenizer = bert_tf.load(str(folder / "model"))
    assert_outputs(model, expected_of(folder))
    assert len(tokenizer.vocabulary) == 20


def test_the_training_checkpoint_loads_whole_and_computes_the_same(folder):
    path, info = checkpoint.find_latest(str(folder / "checkpoints"))
    assert (info["step"], info["rows_consumed"]) == (2, 64)
    _, state = make_checkpoint.make_state()
    checkpoint.restore(path, state.variables())  # asserts that all of both sides match
    expected = expected_of(folder)
    assert_outputs(state.model, expected)
    assert (int(state.step), int(state.rows_consumed)) == (2, 64)
    assert make_checkpoint.sums(state.variables()) == pytest.approx(expected["sums"], rel=1e-12)


def test_its_weights_are_known_wherever_they_are_and_told_from_others(folder, tmp_path):
    identity = initial_weights.identity(str(folder / "model"))
    assert (
        initial_weights.identity(shutil.copytree(folder / "model", tmp_path / "copy")) == identity
    )
    task, state = make_checkpoint.make_state()
    model_folder.save(str(tmp_path / "other"), task, state.model, {})
    assert initial_weights.identity(str(tmp_path / "other")) != identity


def test_both_hold_the_same_weights(folder):
    model, _ = bert_tf.load(str(folder / "model"))
    path, _ = checkpoint.find_latest(str(folder / "checkpoints"))
    reader = tf.train.load_checkpoint(f"{path}/weights")
    for weight in model.weights:
        key = f"variables/{weight.path.replace('/', '.S')}/.ATTRIBUTES/VARIABLE_VALUE"
        np.testing.assert_array_equal(reader.get_tensor(key), weight.numpy())
