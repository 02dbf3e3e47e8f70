"""keras-hub's own models against what bert_tf makes of their presets, and the other way round."""

import dataclasses
import json

import keras
import keras_hub
import numpy as np
import pytest

from bert_tf import model_folder
from bert_tf.checkpoints import checkpoint as foreign
from bert_tf.checkpoints.parity import TOLERANCE
from tests.checkpoints.models import BATCH, LETTERS, VOCABULARY, make_checkpoint, outputs_of
from tests.family.toy_tokenizer import ToyTokenizer

BACKBONE = {
    "vocabulary_size": 64,
    "num_layers": 2,
    "num_heads": 4,
    "hidden_dim": 32,
    "intermediate_dim": 48,
    "max_sequence_length": 16,
}
INPUTS = {
    "token_ids": BATCH["input_ids"],
    "padding_mask": BATCH["input_mask"],
    "segment_ids": BATCH["segment_ids"],
}
POSITIONS = np.tile(np.arange(7, dtype=np.int32), (2, 1))


def make_model(kind):
    """A model of keras-hub with random numbers everywhere."""
    hub = keras_hub.models
    backbone = hub.BertBackbone(**BACKBONE)
    tokenizer = hub.BertTokenizer(list(VOCABULARY.tokens), lowercase=True)
    if kind == "BertMaskedLM":
        preprocessor = hub.BertMaskedLMPreprocessor(tokenizer, sequence_length=12)
        model = hub.BertMaskedLM(backbone=backbone, preprocessor=preprocessor)
    elif kind == "BertTextClassifier":
        preprocessor = hub.BertTextClassifierPreprocessor(tokenizer, sequence_length=12)
        model = hub.BertTextClassifier(backbone=backbone, preprocessor=preprocessor, num_classes=3)
    else:
        model = backbone
    random = np.random.default_rng(0)
    for weight in model.weights:
        centre = 1.0 if weight.path.endswith("gamma") else 0.0
        weight.assign(random.normal(centre, 0.3, weight.shape))
    return model, tokenizer


def call(model):
    """Its outputs by our names."""
    backbone = getattr(model, "backbone", model)
    blocks = [backbone.get_layer(f"transformer_layer_{i}").output for i in range(2)]
    first = backbone.get_layer("embeddings_dropout").output
    found = dict(backbone(INPUTS))
    found["hidden_states"] = np.stack(
        keras.Model(backbone.inputs, [first, *blocks])(INPUTS, training=False)
    )
    if isinstance(model, keras_hub.models.BertMaskedLM):
        found["masked_lm_logits"] = model({**INPUTS, "mask_positions": POSITIONS})
    elif model is not backbone:
        found["logits"] = model(INPUTS)
    return {name: np.asarray(value) for name, value in found.items()}


KINDS = ("BertBackbone", "BertMaskedLM", "BertTextClassifier")


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_those_of_keras_hub_and_the_weights_come_back(tmp_path, kind):
    model, tokenizer = make_model(kind)
    there, back = str(tmp_path / "there"), str(tmp_path / "back")
    model.save_to_preset(there)
    if kind == "BertBackbone":
        tokenizer.save_to_preset(there)
    checkpoint = model_folder.read_checkpoint(there)
    found = outputs_of(model_folder.build(checkpoint)[1])
    for name, expected in call(model).items():
        np.testing.assert_allclose(found[name], expected, atol=TOLERANCE, rtol=0, err_msg=name)
    foreign.write(checkpoint, back, "keras")
    returned = getattr(keras_hub.models, kind).from_preset(back)
    for one, other in zip(model.weights, returned.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.path)


def test_what_is_lost_is_refused_unless_allowed(tmp_path):
    before = make_checkpoint()
    lost = foreign.losses(before, "keras")
    assert len(lost) == 3 and "next-sentence" in lost[2]
    rows = foreign.write(before, str(tmp_path / "there"), "keras", allow_lossy=True)
    without = {row.ours for row in rows if not row.theirs}
    assert without == {"cls/seq_relationship/output_weights", "cls/seq_relationship/output_bias"}
    assert foreign.read(str(tmp_path / "there")).task.name == "pretraining"


def test_a_tokenizer_of_another_kind_is_refused_before_anything_is_called_lossy(tmp_path):
    """Not first "Pass --allow_lossy", and then another refusal."""
    before = dataclasses.replace(make_checkpoint(), tokenizer=ToyTokenizer(LETTERS))
    with pytest.raises(ValueError, match="keras-hub's BertTokenizer is WordPiece"):
        foreign.write(before, str(tmp_path / "there"), "keras")


def edit(path, **changes):
    values = json.loads(path.read_text())
    values["config"] |= changes
    values["class_name"] = changes.get("class_name", values["class_name"])
    path.write_text(json.dumps(values))


BAD = {
    "other_class": ({"class_name": "GPT2Backbone"}, "expected a preset of .*'BertBackbone'"),
    "huge": ({"vocabulary_size": 2**30}, "files of the same model"),
    "nonsense": ({"num_layers": "two"}, "num_hidden_layers is 'two'"),
    "other_size": ({"intermediate_dim": 40}, "not the weights of this preset"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_presets_are_refused_with_a_reason(tmp_path, name):
    model, tokenizer = make_model("BertBackbone")
    model.save_to_preset(str(tmp_path))
    tokenizer.save_to_preset(str(tmp_path))
    changes, message = BAD[name]
    edit(tmp_path / "config.json", **changes)
    with pytest.raises(ValueError, match=message):
        foreign.read(str(tmp_path))


def test_a_preset_without_vocabulary_is_refused(tmp_path):
    make_model("BertBackbone")[0].save_to_preset(str(tmp_path))
    with pytest.raises(ValueError, match="the vocabulary is missing"):
        foreign.read(str(tmp_path))
