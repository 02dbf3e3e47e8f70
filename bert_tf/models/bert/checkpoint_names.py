"""BERT's tensors in the files of other projects.

Our variables have the names of google-research/bert. For each format this module has the rules, and
the settings of a BERT that the format cannot hold.
"""

from collections.abc import Collection, Mapping
from typing import Any

from bert_tf.models.bert.config import BertConfig
from bert_tf.models.checkpoint_names import (
    GardenNames,
    GoogleNames,
    HuggingFaceNames,
    KerasNames,
    Rule,
)
from bert_tf.models.checkpoint_rules import (
    BLOCK,
    KERAS_CONFIG,
    dense,
    garden_depth,
    garden_encoder,
    garden_functional,
    garden_params,
    garden_poolers,
    garden_pretrainer,
    garden_sizes,
    keras_block,
    keras_embeddings,
    keras_masked_lm_head,
    norm,
    same,
    torch_block,
    torch_dense,
    torch_embeddings,
    torch_norm,
    torch_scores,
)

_EMBEDDINGS, _LAYER = "bert/embeddings", "bert/encoder/layer_{i}"
_WORDS = f"{_EMBEDDINGS}/word_embeddings"
_TRANSFORM, _NEXT_SENTENCE = "cls/predictions/transform", "cls/seq_relationship"
_TANH_FORMS = ("gelu_new", "gelu_pytorch_tanh")


# Hugging Face's BertModel, and its classes with a head.

_HUGGING_FACE_RULES = [
    *torch_embeddings("embeddings", _EMBEDDINGS),
    *torch_block("encoder.layer.{i}", _LAYER),
    *torch_dense("pooler.dense", "bert/pooler/dense"),
    *torch_dense("cls.predictions.transform.dense", f"{_TRANSFORM}/dense"),
    *torch_norm("cls.predictions.transform.LayerNorm", f"{_TRANSFORM}/LayerNorm"),
    Rule("cls.predictions.bias", "cls/predictions/output_bias"),
    Rule("cls.predictions.decoder.weight", "cls/predictions/output_weights"),
    *torch_scores("cls.seq_relationship", _NEXT_SENTENCE),
    *torch_dense("classifier", "classifier"),
    *torch_scores("qa_outputs", "cls/squad"),
]


def _hugging_face_losses(config: BertConfig, heads: Collection[str]) -> list[str]:
    lost = []
    for name, unset in (("hidden_act", ""), ("layer_norm_eps", 0.0)):
        head, encoder = getattr(config, f"masked_lm_{name}"), getattr(config, name)
        if head not in (unset, encoder) and "masked_lm" in heads:
            lost.append(
                f"the masked-LM head has {name} {head!r}, the encoder {encoder!r}: Hugging Face "
                "has one value for both."
            )
    return lost


HUGGING_FACE = HuggingFaceNames(
    rules=_HUGGING_FACE_RULES,
    labels="classifier.bias",
    losses=_hugging_face_losses,
    prefix="bert.",
    classes={
        "embedding": ("BertModel", True),
        "pretraining": ("BertForPreTraining", True),
        "masked_lm": ("BertForMaskedLM", False),
        "classification": ("BertForSequenceClassification", True),
        "token_classification": ("BertForTokenClassification", False),
        "question_answering": ("BertForQuestionAnswering", False),
        "multiple_choice": ("BertForMultipleChoice", True),
    },
    older={".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"},
    ignored=dict.fromkeys(
        ("embeddings.position_ids", "embeddings.token_type_ids"), "a buffer, not a weight"
    ),
    copies={"cls.predictions.decoder.bias": "cls.predictions.bias"},
    tied={"cls.predictions.decoder.weight": "embeddings.word_embeddings.weight"},
    to_config=BertConfig.published,
)

# google-research/bert. Only the classifier of run_classifier.py has another path.

_GOOGLE_KEYS = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "initializer_range",
)


def _google_activation(name: str) -> str:
    """Google's name: its `gelu` is the tanh form."""
    return "gelu" if name in _TANH_FORMS else name


def _google_config(config: BertConfig) -> dict[str, Any]:
    values = {name: getattr(config, name) for name in _GOOGLE_KEYS}
    return {**values, "hidden_act": _google_activation(config.hidden_act)}


def _google_losses(config: BertConfig, heads: Collection[str]) -> list[str]:
    del heads
    lost = []
    for name in ("hidden_act", "masked_lm_hidden_act"):
        if getattr(config, name) == "gelu":
            lost.append(f"{name} is the exact gelu; Google's is the tanh form (up to 5e-4 apart).")
    head = config.masked_lm_hidden_act or config.hidden_act
    if _google_activation(head) != _google_activation(config.hidden_act):
        lost.append("the masked-LM head has another activation than the encoder.")
    for name in ("layer_norm_eps", "masked_lm_layer_norm_eps"):
        if getattr(config, name) not in (0.0, 1e-12):
            lost.append(f"{name} is {getattr(config, name)}; Google's is 1e-12.")
    return lost


GOOGLE = GoogleNames(
    rules=[
        *same(f"{_EMBEDDINGS}/{kind}_embeddings" for kind in ("word", "position", "token_type")),
        *norm(f"{_EMBEDDINGS}/LayerNorm", f"{_EMBEDDINGS}/LayerNorm"),
        *same(f"{_LAYER}/{name}" for name in BLOCK),
        *dense("bert/pooler/dense", "bert/pooler/dense"),
        *dense(f"{_TRANSFORM}/dense", f"{_TRANSFORM}/dense"),
        *norm(f"{_TRANSFORM}/LayerNorm", f"{_TRANSFORM}/LayerNorm"),
        *same(["cls/predictions/output_bias"]),
        *same(f"{_NEXT_SENTENCE}/output_{name}" for name in ("weights", "bias")),
        *same(f"cls/squad/output_{name}" for name in ("weights", "bias")),
        Rule("output_weights", "classifier/kernel", transposed=True),
        Rule("output_bias", "classifier/bias"),
    ],
    labels="output_bias",
    losses=_google_losses,
    config_file="bert_config.json",
    to_config=_google_config,
)

# Model Garden's BertEncoder and BertEncoderV2, and BertPretrainerV2 around them. The rules have the
# names of BertEncoderV2; the functional BertEncoder counts its layers.


def _garden_config(shapes: Mapping[str, tuple[int, ...]], source: str) -> BertConfig:
    """The config: sizes from {name in the rules: shape}, other settings as in Model Garden."""
    sizes = garden_sizes(shapes, source)
    del sizes["embedding_size"]  # a BERT's is its hidden_size
    depth = garden_depth(shapes)
    return BertConfig(num_hidden_layers=depth, hidden_act="gelu_new", **sizes).check(source)


GARDEN = GardenNames(
    rules=[
        *garden_encoder(_EMBEDDINGS, _LAYER),
        *garden_poolers("_pooler_layer", "bert/pooler/dense"),
        *garden_pretrainer(_WORDS),
    ],
    losses=_google_losses,
    marks=("_embedding_norm_layer/gamma",),
    aliases=lambda names: garden_functional(has_projection=False),
    infer=_garden_config,
    params=garden_params(masked_lm_activation=("mlm_activation", "masked_lm_hidden_act")),
)

# keras-hub's BertBackbone has fixed settings: tanh GELU in the encoder, exact GELU in the masked-LM
# head, epsilon 1e-12 in the encoder and 1e-5 in that head.

_HEAD_EPSILON = 1e-5


def _keras_losses(config: BertConfig, heads: Collection[str]) -> list[str]:
    lost = []
    if config.hidden_act not in _TANH_FORMS:
        lost.append(f"hidden_act is {config.hidden_act!r}; keras-hub's encoder has tanh gelu.")
    if config.layer_norm_eps != 1e-12:
        lost.append(f"layer_norm_eps is {config.layer_norm_eps}; keras-hub's encoder has 1e-12.")
    if "masked_lm" in heads:
        activation = config.masked_lm_hidden_act or config.hidden_act
        if activation != "gelu":
            lost.append(f"the masked-LM head has {activation!r}; keras-hub's has the exact gelu.")
        epsilon = config.masked_lm_layer_norm_eps or config.layer_norm_eps
        if epsilon != _HEAD_EPSILON:
            lost.append(f"the masked-LM head has epsilon {epsilon}; keras-hub's has 1e-5.")
    if not config.use_pooler:
        lost.append("there is no pooler; keras-hub always has one, with random initial weights.")
    return lost


KERAS = KerasNames(
    rules=[
        *keras_embeddings(_EMBEDDINGS),
        *keras_block("transformer_layer_{i}", _LAYER),
        *dense("pooled_dense", "bert/pooler/dense"),
        *keras_masked_lm_head(),
        *dense("logits", "classifier"),
    ],
    labels="logits/bias",
    losses=_keras_losses,
    backbone="BertBackbone",
    tasks={"pretraining": "BertMaskedLM", "classification": "BertTextClassifier"},
    tokenizer="BertTokenizer",
    config={
        **KERAS_CONFIG,
        "num_segments": "type_vocab_size",
    },
    equal={"attention_probs_dropout_prob": "hidden_dropout_prob"},
    fixed={
        "hidden_act": "gelu_new",
        "masked_lm_hidden_act": "gelu",
        "masked_lm_layer_norm_eps": _HEAD_EPSILON,
    },
)

CHECKPOINT_NAMES = {
    "hugging_face": HUGGING_FACE,
    "google": GOOGLE,
    "garden": GARDEN,
    "keras": KERAS,
}
