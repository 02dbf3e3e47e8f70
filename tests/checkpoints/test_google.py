"""Checkpoints that google-research/bert's own code wrote, and what it computed with them.

Made by make_google_goldens.py: `release` has what a release has, `training` also the slots of
Google's optimizer after a step, and global_step.
"""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from bert_tf import model_folder
from bert_tf.checkpoints import checkpoint as foreign
from bert_tf.checkpoints.parity import TOLERANCE, outputs_of
from tests.checkpoints.models import assert_same_weights

GOLDEN = pathlib.Path(__file__).parents[1] / "testdata" / "google"
FOLDERS = ("release", "training")
OUTPUTS = {
    "hidden_states",
    "sequence_output",
    "pooled_output",
    "masked_lm_logits",
    "masked_lm_log_probs",
    "next_sentence_logits",
    "next_sentence_log_probs",
}


def read_expected(name):
    expected = json.loads((GOLDEN / name / "expected.json").read_text())
    return expected["inputs"], {k: np.array(v) for k, v in expected["outputs"].items()}


def compute(checkpoint, inputs):
    """The outputs of bert_tf, and the log-probabilities that Google has besides."""
    found = outputs_of(checkpoint, model_folder.build(checkpoint)[1], inputs)
    for head in ("masked_lm", "next_sentence"):
        logits = found[f"{head}_logits"].astype(np.float64)
        total = np.exp(logits).sum(axis=-1, keepdims=True)
        found[f"{head}_log_probs"] = logits - np.log(total)
    return found


def read_tensors(prefix):
    reader = tf.train.load_checkpoint(str(prefix))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.mark.parametrize("name", FOLDERS)
def test_outputs_are_those_that_googles_code_gave(name):
    inputs, expected = read_expected(name)
    found = compute(model_folder.read_checkpoint(str(GOLDEN / name)), inputs)
    assert set(expected) == OUTPUTS
    for output, values in expected.items():
        np.testing.assert_allclose(found[output], values, atol=TOLERANCE, rtol=0, err_msg=output)


@pytest.mark.parametrize("name", FOLDERS)
def test_parameters_come_back_bit_for_bit_as_google_wrote_them(tmp_path, name):
    foreign.write(foreign.read(str(GOLDEN / name)), str(tmp_path / "back"), "google")
    (index,) = (GOLDEN / name).glob("*.index")
    before = read_tensors(index.with_suffix(""))
    parameters = {
        key: value
        for key, value in before.items()
        if key != "global_step" and not key.endswith(("/adam_m", "/adam_v"))
    }
    after = read_tensors(tmp_path / "back" / "bert_model.ckpt")
    assert set(after) == set(parameters)
    for key, value in parameters.items():
        assert after[key].dtype == value.dtype
        np.testing.assert_array_equal(after[key], value, err_msg=key)


# Made by make_google_family_goldens.py: {folder: (outputs, what of the file is not read)}.
FAMILY = {
    "albert": ({"pooled_output", "masked_lm_logits", "next_sentence_logits"}, ()),
    "electra": ({"logits"}, ("generator/", "generator_predictions/")),
}


@pytest.mark.parametrize("name", FAMILY)
def test_albert_and_electra_give_what_googles_code_gave_and_come_back(tmp_path, name):
    """An ALBERT of two groups of two; an ELECTRA as it was trained, without a configuration."""
    outputs, left_out = FAMILY[name]
    inputs, expected = read_expected(name)
    checkpoint = model_folder.read_checkpoint(str(GOLDEN / name))
    found = outputs_of(checkpoint, model_folder.build(checkpoint)[1], inputs)
    assert set(expected) == {"sequence_output", *outputs}
    for output, values in expected.items():
        np.testing.assert_allclose(found[output], values, atol=TOLERANCE, rtol=0, err_msg=output)
    notes = {row.theirs: row.note for row in checkpoint.rows if not row.ours}
    before = read_tensors(GOLDEN / name / "bert_model.ckpt")
    assert notes == {n: "of the generator" for n in before if left_out and n.startswith(left_out)}
    foreign.write(checkpoint, str(tmp_path / "back"), "google")
    after = read_tensors(tmp_path / "back" / "bert_model.ckpt")
    assert set(after) == set(before) - set(notes)
    for key, value in after.items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)


def test_a_module_of_tensorflow_hub_is_read(tmp_path):
    """ALBERT's are saved models, whose variables have another name before theirs."""
    before = read_tensors(GOLDEN / "albert" / "bert_model.ckpt")
    prefix = str(tmp_path / "variables")
    names = [f"module/{name}" for name in before]
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(array) for array in before.values()],
    )
    for name in ("albert_config.json", "vocab.txt"):
        (tmp_path / name).write_bytes((GOLDEN / "albert" / name).read_bytes())
    assert_same_weights(foreign.read(prefix), foreign.read(str(GOLDEN / "albert")))


@pytest.mark.parametrize("name", FOLDERS)
def test_config_and_vocabulary_come_back(tmp_path, name):
    foreign.write(foreign.read(str(GOLDEN / name)), str(tmp_path / "back"), "google")
    before, after = (
        json.loads((folder / "bert_config.json").read_text())
        for folder in (GOLDEN / name, tmp_path / "back")
    )
    assert {key: after.get(key) for key in before} == before
    vocabulary = (GOLDEN / name / "vocab.txt").read_bytes()
    assert (tmp_path / "back" / "vocab.txt").read_bytes() == vocabulary


def test_every_parameter_is_matched_and_the_slots_are_named():
    release, training = (foreign.read(str(GOLDEN / name)) for name in FOLDERS)
    assert release.missing() == training.missing() == []
    assert all(row.ours == row.theirs and not row.note for row in release.rows)
    *same, left_out = training.rows
    assert [row.theirs for row in same] == [row.theirs for row in release.rows]
    count = 2 * len(release.rows) + 1
    assert left_out.theirs == f"{count} optimizer slots and counters"


@pytest.mark.parametrize("changes", [{"hidden_act": "gelu"}, {"layer_norm_eps": 1e-3}], ids=str)
def test_the_stored_outputs_tell_googles_maths_from_its_neighbours(changes):
    inputs, expected = read_expected("release")
    checkpoint = foreign.read(str(GOLDEN / "release"))
    for name, value in changes.items():
        setattr(checkpoint.config, name, value)
    found = compute(checkpoint, inputs)
    for output in OUTPUTS - {"hidden_states"}:
        assert np.abs(found[output] - expected[output]).max() > 3 * TOLERANCE, output


def test_every_parameter_has_an_influence_on_the_stored_outputs():
    inputs, expected = read_expected("release")
    checkpoint = foreign.read(str(GOLDEN / "release"))
    model = model_folder.build(checkpoint)[1]
    run = tf.function(lambda: model({name: tf.constant(value) for name, value in inputs.items()}))
    for weight in model.weights:
        value = weight.numpy()
        weight.assign(value + np.random.default_rng(0).normal(scale=0.1, size=value.shape))
        found = {name: output.numpy() for name, output in run().items()}
        weight.assign(value)
        if not weight.path.endswith("key/bias"):  # adds the same to all scores of a query
            moved = (np.abs(v - expected[k]).max() for k, v in found.items() if k in expected)
            assert max(moved) > 10 * TOLERANCE, weight.path
