"""LiteRT and ONNX: the same answers, at any batch and length, with the tokenizer in front."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.export import ids_model, litert, onnx_model
from bert_tf.export.ids import freeze, inputs_of
from bert_tf.inference import answerers
from tests.export.models import fuzzed, make

TEXTS = ["the hen sees the cow", "", "a b c", "a " * 100]
FORMS = [
    ("litert", "float32", 1e-5),
    ("litert", "dynamic_int8", 0.1),
    ("litert", "int8", 0.2),
    ("onnx", "float32", 1e-5),
    ("onnx", "int8", 0.1),
]


@pytest.fixture(scope="module")
def original():
    return make()


@pytest.fixture(scope="module", params=FORMS, ids=[f"{f}-{p}" for f, p, _ in FORMS])
def small(request, original, tmp_path_factory):
    """(folder, its answerer, largest difference of a probability) of each form."""
    form, precision, tolerance = request.param
    folder = tmp_path_factory.mktemp("small") / "model"
    is_static = (form, precision) == ("litert", "int8")
    ids_model.export_ids_model(
        *(make(calibrated_on=TEXTS) if is_static else original),
        str(folder),
        format=form,
        precision=precision,
        samples=TEXTS,
        metrics={},
    )
    return folder, answerers.load(str(folder)), tolerance


def probabilities(task, model, texts):
    return task.decode(model(task.encode(texts)), {})["probabilities"].numpy()


def test_answers_are_those_of_the_original(original, small):
    _, answerer, tolerance = small
    task, model = original
    expected = probabilities(task, model, TEXTS)
    for start, stop in ((0, 4), (0, 1), (3, 4), (1, 3)):
        answered = answerer.answer([TEXTS[start:stop]])
        np.testing.assert_allclose(answered["probabilities"], expected[start:stop], atol=tolerance)
    assert len(np.unique(expected.round(3), axis=0)) > 2  # the texts have different answers


def test_fuzzed_texts_are_answered_as_by_the_original(original, small):
    _, answerer, tolerance = small
    texts = fuzzed(64, seed=5)
    answered = answerer.answer([texts])["probabilities"]
    expected = probabilities(*original, tf.constant(texts))
    np.testing.assert_allclose(answered, expected, atol=2 * tolerance)


@pytest.mark.parametrize("small", [FORMS[1], FORMS[4]], ids=["litert", "onnx"], indirect=True)
def test_the_script_of_thirty_lines_asks_it(original, small):
    folder, _, tolerance = small
    words = [f"--model={folder}", *(f"--text={text}" for text in TEXTS[:3])]
    process = subprocess.run(
        [sys.executable, "scripts/ask_small_model.py", *words],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line) for line in process.stdout.splitlines()]
    assert [answer["text"] for answer in answers] == TEXTS[:3]
    answered = [list(answer["probabilities"].values()) for answer in answers]
    np.testing.assert_allclose(answered, probabilities(*original, TEXTS[:3]), atol=tolerance)


def test_the_script_says_how_it_is_called():
    process = subprocess.run(
        [sys.executable, "scripts/ask_small_model.py", "--model=no_such_folder", "--text=a"],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert "error: --model=no_such_folder: expected a folder made by export.py." in process.stderr


def test_masks_are_guessed_from_ids(tmp_path):
    task, model = make("pretraining")
    ids_model.export_ids_model(
        task, model, str(tmp_path / "m"), format="onnx", precision="float32", samples=TEXTS
    )
    texts = ["a [MASK] b [MASK]", "nothing to guess", "[MASK]"]
    expected = answerers.of_model(task, model).answer([texts])
    answered = answerers.load(str(tmp_path / "m"), "fill_mask").answer([texts])
    np.testing.assert_allclose(answered["probabilities"], expected["probabilities"], atol=1e-5)
    assert answered["tokens"].tolist() == expected["tokens"].tolist()


def test_the_mask_is_exact_in_full_int8():
    """What stands in the padding makes no difference at all."""
    task, model = make(calibrated_on=TEXTS)
    inputs = inputs_of(task.config.model)
    batch = {name: task.encode(TEXTS[:3])[name].numpy() for name in inputs}
    runner = litert.load(litert.convert(freeze(model, inputs), "int8"))
    filled = dict(batch, input_ids=np.where(batch["input_mask"] > 0, batch["input_ids"], 9))
    assert (filled["input_ids"] != batch["input_ids"]).any()
    np.testing.assert_allclose(runner(filled)["logits"], runner(batch)["logits"], atol=1e-3)


@pytest.mark.parametrize(
    ("convert", "precision", "message"),
    [
        (litert.convert, "int4", "LiteRT precision 'int4'; known: float32, dynamic_int8, int8"),
        (litert.convert, "int8", "the model has no ranges for int8: calibrate it"),
        (onnx_model.convert, "dynamic_int8", "ONNX precision 'dynamic_int8'; known: float32, int8"),
    ],
)
def test_a_form_that_cannot_be_made_is_refused(convert, precision, message, original):
    with pytest.raises(ValueError, match=message):
        convert(freeze(original[1], inputs_of(original[0].config.model)), precision)
