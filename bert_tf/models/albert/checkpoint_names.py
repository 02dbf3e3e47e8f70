"""ALBERT's tensors in the files of other projects.

Our variables have the names of BERT's variables in google-research/bert.
"""

from collections.abc import Collection, Mapping
from typing import Any

from bert_tf.models.albert.config import AlbertConfig
from bert_tf.models.checkpoint_names import (
    GardenNames,
    GardenParams,
    GoogleNames,
    HuggingFaceNames,
    KerasNames,
    Rule,
)
from bert_tf.models.checkpoint_rules import (
    KERAS_CONFIG,
    dense,
    for_each,
    garden_block,
    garden_poolers,
    garden_pretrainer,
    garden_sizes,
    keras_block,
    keras_embeddings,
    keras_masked_lm_head,
    norm,
    same,
    torch_dense,
    torch_embeddings,
    torch_norm,
    torch_scores,
)

_EMBEDDINGS, _BLOCK = "albert/embeddings", "albert/encoder/group_{i}_inner_{j}"
_PROJECT = "albert/embedding_hidden_mapping_in"
_TRANSFORM, _SENTENCE_ORDER = "cls/predictions/transform", "cls/seq_relationship"
_TANH_FORMS = ("gelu_new", "gelu_pytorch_tanh")

_TORCH_BLOCK = "encoder.albert_layer_groups.{i}.albert_layers.{j}"
_TORCH_LAYERS = {
    "attention.query": "attention/self/query",
    "attention.key": "attention/self/key",
    "attention.value": "attention/self/value",
    "attention.dense": "attention/output/dense",
    "ffn": "intermediate/dense",
    "ffn_output": "output/dense",
}
_TORCH_NORMS = {
    "attention.LayerNorm": "attention/output/LayerNorm",
    "full_layer_layer_norm": "output/LayerNorm",
}


def _hugging_face_losses(config: AlbertConfig, heads: Collection[str]) -> list[str]:
    epsilon = config.masked_lm_layer_norm_eps
    if "masked_lm" in heads and epsilon not in (0.0, config.layer_norm_eps):
        return [
            f"the masked-LM head has layer_norm_eps {epsilon}, the encoder "
            f"{config.layer_norm_eps}: Hugging Face has one value for both."
        ]
    return []


HUGGING_FACE = HuggingFaceNames(
    rules=[
        *torch_embeddings("embeddings", _EMBEDDINGS),
        *torch_dense("encoder.embedding_hidden_mapping_in", _PROJECT),
        *for_each(torch_dense, _TORCH_LAYERS, f"{_TORCH_BLOCK}.", f"{_BLOCK}/"),
        *for_each(torch_norm, _TORCH_NORMS, f"{_TORCH_BLOCK}.", f"{_BLOCK}/"),
        *torch_dense("pooler", "albert/pooler/dense"),
        *torch_dense("predictions.dense", f"{_TRANSFORM}/dense"),
        *torch_norm("predictions.LayerNorm", f"{_TRANSFORM}/LayerNorm"),
        Rule("predictions.bias", "cls/predictions/output_bias"),
        Rule("predictions.decoder.weight", "cls/predictions/output_weights"),
        *torch_scores("sop_classifier.classifier", _SENTENCE_ORDER),
        *torch_dense("classifier", "classifier"),
        *torch_scores("qa_outputs", "cls/squad"),
    ],
    labels="classifier.bias",
    losses=_hugging_face_losses,
    prefix="albert.",
    classes={
        "embedding": ("AlbertModel", True),
        "pretraining": ("AlbertForPreTraining", True),
        "masked_lm": ("AlbertForMaskedLM", False),
        "classification": ("AlbertForSequenceClassification", True),
        "token_classification": ("AlbertForTokenClassification", False),
        "question_answering": ("AlbertForQuestionAnswering", False),
        "multiple_choice": ("AlbertForMultipleChoice", True),
    },
    classifier_dropout="classifier_dropout_prob",
    ignored=dict.fromkeys(
        ("embeddings.position_ids", "embeddings.token_type_ids"), "a buffer, not a weight"
    ),
    copies={"predictions.decoder.bias": "predictions.bias"},
    tied={"predictions.decoder.weight": "embeddings.word_embeddings.weight"},
    to_config=AlbertConfig.published,
)

# google-research/albert. A release of TF-Hub has `module/` before every name.

_GOOGLE_BLOCK = "bert/encoder/transformer/group_{i}/inner_group_{j}"
_GOOGLE_LAYERS = {
    "attention_1/self/query": "attention/self/query",
    "attention_1/self/key": "attention/self/key",
    "attention_1/self/value": "attention/self/value",
    "attention_1/output/dense": "attention/output/dense",
    "ffn_1/intermediate/dense": "intermediate/dense",
    "ffn_1/intermediate/output/dense": "output/dense",
}
_GOOGLE_NORMS = {"LayerNorm": "attention/output/LayerNorm", "LayerNorm_1": "output/LayerNorm"}
_GOOGLE_KEYS = (
    "vocab_size",
    "embedding_size",
    "hidden_size",
    "num_hidden_layers",
    "num_hidden_groups",
    "inner_group_num",
    "num_attention_heads",
    "intermediate_size",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "initializer_range",
)


def _google_config(config: AlbertConfig) -> dict[str, Any]:
    hidden_act = "gelu" if config.hidden_act in _TANH_FORMS else config.hidden_act
    return {**{key: getattr(config, key) for key in _GOOGLE_KEYS}, "hidden_act": hidden_act}


def _google_losses(config: AlbertConfig, heads: Collection[str]) -> list[str]:
    lost = []
    if config.hidden_act == "gelu":
        lost.append("hidden_act is the exact gelu; Google's is the tanh form (up to 5e-4 apart).")
    for name in ("layer_norm_eps", "masked_lm_layer_norm_eps"):
        if getattr(config, name) not in (0.0, 1e-12):
            lost.append(f"{name} is {getattr(config, name)}; Google's is 1e-12.")
    if config.embedding_size == config.hidden_size:
        lost.append("the layer between embeddings and blocks; Google has it only if widths differ.")
    if "masked_lm" in heads and not config.tie_word_embeddings:
        lost.append("the masked-LM head has a separate table; Google's is tied.")
    return lost


GOOGLE = GoogleNames(
    rules=[
        *(
            Rule(f"bert/embeddings/{kind}_embeddings", f"{_EMBEDDINGS}/{kind}_embeddings")
            for kind in ("word", "position", "token_type")
        ),
        *norm("bert/embeddings/LayerNorm", f"{_EMBEDDINGS}/LayerNorm"),
        *dense("bert/encoder/embedding_hidden_mapping_in", _PROJECT),
        *for_each(dense, _GOOGLE_LAYERS, f"{_GOOGLE_BLOCK}/", f"{_BLOCK}/"),
        *for_each(norm, _GOOGLE_NORMS, f"{_GOOGLE_BLOCK}/", f"{_BLOCK}/"),
        *dense("bert/pooler/dense", "albert/pooler/dense"),
        *dense(f"{_TRANSFORM}/dense", f"{_TRANSFORM}/dense"),
        *norm(f"{_TRANSFORM}/LayerNorm", f"{_TRANSFORM}/LayerNorm"),
        *same(["cls/predictions/output_bias"]),
        *same(f"{_SENTENCE_ORDER}/output_{name}" for name in ("weights", "bias")),
        Rule("output_weights", "classifier/kernel", transposed=True),
        Rule("output_bias", "classifier/bias"),
    ],
    labels="output_bias",
    losses=_google_losses,
    config_file="albert_config.json",
    to_config=_google_config,
)

# Model Garden's AlbertEncoder, and BertPretrainerV2 around it. Its layers are counted, the one that
# widens the embeddings among them.

_GARDEN_LAYER = "layer_with_weights-{}"
_GARDEN_TYPES, _GARDEN_NORM, _GARDEN_PROJECT, _GARDEN_BLOCK, _GARDEN_POOLER = map(
    _GARDEN_LAYER.format, range(2, 7)
)


def _garden_config(shapes: Mapping[str, tuple[int, ...]], source: str) -> AlbertConfig:
    """The config: sizes from {name in the rules: shape}, other settings as in Model Garden."""
    sizes = garden_sizes(shapes, source, block=_GARDEN_BLOCK, types=_GARDEN_TYPES)
    return AlbertConfig(**sizes).check(source)


def _garden_losses(config: AlbertConfig, heads: Collection[str]) -> list[str]:
    lost = [
        sentence.replace("Google", "Model Garden") for sentence in _google_losses(config, heads)
    ]
    for name in ("num_hidden_groups", "inner_group_num"):
        if getattr(config, name) != 1:
            lost.append(f"{name} is {getattr(config, name)}; Model Garden's ALBERT has one block.")
    return lost


GARDEN = GardenNames(
    rules=[
        Rule("_embedding_layer/embeddings", f"{_EMBEDDINGS}/word_embeddings"),
        Rule("_position_embedding_layer/embeddings", f"{_EMBEDDINGS}/position_embeddings"),
        Rule(f"{_GARDEN_TYPES}/embeddings", f"{_EMBEDDINGS}/token_type_embeddings"),
        *norm(_GARDEN_NORM, f"{_EMBEDDINGS}/LayerNorm"),
        *dense(_GARDEN_PROJECT, _PROJECT),
        *garden_block(_GARDEN_BLOCK, "albert/encoder/group_0_inner_0"),
        *garden_poolers(_GARDEN_POOLER, "albert/pooler/dense"),
        *garden_pretrainer(f"{_EMBEDDINGS}/word_embeddings"),
    ],
    losses=_garden_losses,
    marks=(f"{_GARDEN_PROJECT}/kernel", f"{_GARDEN_POOLER}/kernel"),
    aliases=lambda names: {
        _GARDEN_LAYER.format(0): "_embedding_layer",
        _GARDEN_LAYER.format(1): "_position_embedding_layer",
    },
    hidden="num_hidden_layers, because all layers share one block",
    infer=_garden_config,
    params=GardenParams(
        types=("albert",),
        sizes={
            "vocab_size": "vocab_size",
            "embedding_width": "embedding_size",
            "hidden_size": "hidden_size",
            "num_attention_heads": "num_attention_heads",
            "intermediate_size": "intermediate_size",
            "max_position_embeddings": "max_position_embeddings",
            "type_vocab_size": "type_vocab_size",
        },
        others={
            "num_layers": "num_hidden_layers",
            "dropout_rate": "hidden_dropout_prob",
            "attention_dropout_rate": "attention_probs_dropout_prob",
            "initializer_range": "initializer_range",
        },
        activation=("hidden_activation", "hidden_act"),
        masked_lm_activation=("mlm_activation", ""),
    ),
)

# keras-hub's AlbertBackbone: tanh GELU, epsilon 1e-12, and 1e-5 in the masked-LM head.

_HEAD_EPSILON = 1e-5


def _keras_losses(config: AlbertConfig, heads: Collection[str]) -> list[str]:
    lost = []
    if config.hidden_act not in _TANH_FORMS:
        lost.append(f"hidden_act is {config.hidden_act!r}; keras-hub's ALBERT has tanh gelu.")
    if config.layer_norm_eps != 1e-12:
        lost.append(f"layer_norm_eps is {config.layer_norm_eps}; keras-hub's encoder has 1e-12.")
    epsilon = config.masked_lm_layer_norm_eps or config.layer_norm_eps
    if "masked_lm" in heads and epsilon != _HEAD_EPSILON:
        lost.append(f"the masked-LM head has epsilon {epsilon}; keras-hub's has 1e-5.")
    if config.num_hidden_layers % config.num_hidden_groups:
        lost.append(
            f"num_hidden_groups is {config.num_hidden_groups}; keras-hub's divides the "
            f"{config.num_hidden_layers} layers."
        )
    if not config.use_pooler:
        lost.append("there is no pooler; keras-hub always has one, with random initial weights.")
    return lost


KERAS = KerasNames(
    rules=[
        *keras_embeddings(_EMBEDDINGS),
        *dense("embedding_projection", _PROJECT),
        *keras_block("group_{i}_inner_layer_{j}", _BLOCK),
        *dense("pooled_dense", "albert/pooler/dense"),
        *keras_masked_lm_head(),
        *dense("logits", "classifier"),
    ],
    labels="logits/bias",
    losses=_keras_losses,
    backbone="AlbertBackbone",
    tasks={"pretraining": "AlbertMaskedLM", "classification": "AlbertTextClassifier"},
    tokenizer="AlbertTokenizer",
    config={
        **KERAS_CONFIG,
        "num_groups": "num_hidden_groups",
        "num_inner_repetitions": "inner_group_num",
        "embedding_dim": "embedding_size",
        "num_segments": "type_vocab_size",
    },
    equal={"attention_probs_dropout_prob": "hidden_dropout_prob"},
    fixed={"masked_lm_layer_norm_eps": _HEAD_EPSILON},
)

CHECKPOINT_NAMES = {
    "hugging_face": HUGGING_FACE,
    "google": GOOGLE,
    "garden": GARDEN,
    "keras": KERAS,
}
