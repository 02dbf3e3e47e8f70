"""keras-hub's other encoders against what bert_tf makes of their presets, and back."""

import keras_hub
import numpy as np
import pytest

from bert_tf import model_folder
from bert_tf.checkpoints import checkpoint as foreign
from bert_tf.checkpoints.parity import TOLERANCE
from tests.checkpoints.models import BATCH, VOCABULARY, outputs_of
from tests.tokenization import unigram_models

_SHAPE = {
    "num_layers": 2,
    "num_heads": 4,
    "hidden_dim": 16,
    "intermediate_dim": 24,
    "max_sequence_length": 16,
}
_NARROW = {"embedding_dim": 12}
# {encoder: further arguments of its backbone}
BACKBONES = {
    "Albert": {"vocabulary_size": 170, **_NARROW, "num_groups": 2, "num_inner_repetitions": 2},
    "DistilBert": {"vocabulary_size": 64},
    "Electra": {"vocab_size": 64, **_NARROW},
    "Roberta": {"vocabulary_size": 64},
}
KINDS = [
    "AlbertMaskedLM",
    "AlbertTextClassifier",
    "DistilBertMaskedLM",
    "DistilBertTextClassifier",
    "ElectraBackbone",
    "RobertaMaskedLM",
    "RobertaTextClassifier",
]
POSITIONS = np.tile(np.arange(7, dtype=np.int32), (2, 1))


def make_model(kind):
    """A model of keras-hub with random numbers everywhere."""
    (name,) = [name for name in BACKBONES if kind.startswith(name)]
    backbone = getattr(keras_hub.models, f"{name}Backbone")(**_SHAPE, **BACKBONES[name])
    options = {"num_classes": 3} if kind.endswith("Classifier") else {}
    model = backbone
    if not kind.endswith("Backbone"):
        model = getattr(keras_hub.models, kind)(backbone=backbone, preprocessor=None, **options)
    random = np.random.default_rng(0)
    for weight in model.weights:
        centre = 1.0 if weight.path.endswith("gamma") else 0.0
        weight.assign(random.normal(centre, 0.3, weight.shape))
    return model


def write_tokenizer(kind, folder):
    """A tokenizer of keras-hub."""
    if kind.startswith("Roberta"):
        tokens = ["<s>", "<pad>", "</s>", "<unk>", *"abcdefgh", "ab", "<mask>"]
        vocabulary = {token: i for i, token in enumerate(tokens)}
        tokenizer = keras_hub.models.RobertaTokenizer(vocabulary, merges=["a b"])
        tokenizer.save_to_preset(folder)
    elif kind.startswith("Albert"):
        content = unigram_models.model("albert").content
        keras_hub.models.AlbertTokenizer(proto=content).save_to_preset(folder)
    else:
        cls = getattr(keras_hub.models, kind.partition("B")[0] + "BertTokenizer", None)
        cls = cls or keras_hub.models.ElectraTokenizer
        cls(list(VOCABULARY.tokens), lowercase=True).save_to_preset(folder)


def call(model):
    """Its outputs by our names."""
    backbone = getattr(model, "backbone", model)
    inputs = {"token_ids": BATCH["input_ids"], "padding_mask": BATCH["input_mask"]}
    if any(tensor.name == "segment_ids" for tensor in backbone.inputs):
        inputs["segment_ids"] = BATCH["segment_ids"]
    outputs = backbone(inputs)
    found = {
        "sequence_output": outputs["sequence_output"] if isinstance(outputs, dict) else outputs
    }
    if type(model).__name__.endswith("MaskedLM"):
        found["masked_lm_logits"] = model({**inputs, "mask_positions": POSITIONS})
    elif model is not backbone:
        found["logits"] = model(inputs)
    return {name: np.asarray(value) for name, value in found.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_those_of_keras_hub_and_the_weights_come_back(tmp_path, kind):
    model = make_model(kind)
    there, back = str(tmp_path / "there"), str(tmp_path / "back")
    model.save_to_preset(there)
    write_tokenizer(kind, there)
    checkpoint = model_folder.read_checkpoint(there)
    found, expected = outputs_of(model_folder.build(checkpoint)[1]), call(model)
    is_token = BATCH["input_mask"][..., None] > 0  # RoBERTa's padding has another position here
    for name, values in expected.items():
        difference = np.abs(found[name] - values)
        if name != "logits":
            difference = np.where(is_token, difference, 0)
        assert difference.max() <= TOLERANCE, name
    foreign.write(checkpoint, back, "keras", allow_lossy=kind == "ElectraBackbone")
    returned = getattr(keras_hub.models, kind).from_preset(back, **_without_preprocessor(kind))
    for one, other in zip(model.weights, returned.weights, strict=True):
        if not (kind == "ElectraBackbone" and one.path.startswith("pooled_dense")):
            np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.path)


def _without_preprocessor(kind):
    return {} if kind.endswith("Backbone") else {"preprocessor": None}
