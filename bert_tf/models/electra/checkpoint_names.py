"""ELECTRA's tensors in the files of other projects.

Our variables have the names of google-research/electra; heads have the same paths as in other
encoders.
"""

from collections.abc import Collection, Mapping

from bert_tf.models.checkpoint_names import (
    GardenNames,
    GardenPretrainer,
    GoogleNames,
    HuggingFaceNames,
    KerasNames,
    Rule,
)
from bert_tf.models.checkpoint_rules import (
    BLOCK,
    OUT_PROJ,
    dense,
    garden_depth,
    garden_encoder,
    garden_functional,
    garden_params,
    garden_sizes,
    keras_block,
    keras_embeddings,
    norm,
    same,
    torch_block,
    torch_dense,
    torch_embeddings,
    torch_norm,
    torch_scores,
)
from bert_tf.models.electra.config import ElectraConfig

_EMBEDDINGS, _LAYER = "electra/embeddings", "electra/encoder/layer_{i}"
_PROJECT = "electra/embeddings_project"
_TRANSFORM, _DISCRIMINATOR = "cls/predictions/transform", "discriminator_predictions"
_GARDEN_TABLE = "masked_lm/embedding_table"
_TANH_FORMS = ("gelu_new", "gelu_pytorch_tanh")

HUGGING_FACE = HuggingFaceNames(
    rules=[
        *torch_embeddings("embeddings", _EMBEDDINGS),
        *torch_dense("embeddings_project", _PROJECT),
        *torch_block("encoder.layer.{i}", _LAYER),
        *torch_dense("generator_predictions.dense", f"{_TRANSFORM}/dense"),
        *torch_norm("generator_predictions.LayerNorm", f"{_TRANSFORM}/LayerNorm"),
        Rule("generator_lm_head.weight", "cls/predictions/output_weights"),
        Rule("generator_lm_head.bias", "cls/predictions/output_bias"),
        *torch_dense("discriminator_predictions.dense", f"{_DISCRIMINATOR}/dense"),
        *torch_dense(
            "discriminator_predictions.dense_prediction", f"{_DISCRIMINATOR}/dense_prediction"
        ),
        *torch_dense("classifier.dense", "classifier/dense"),
        *torch_dense("classifier", "classifier"),
        *torch_scores("qa_outputs", "cls/squad"),
    ],
    labels="classifier.bias",
    prefix="electra.",
    classes={
        "embedding": ("ElectraModel", False),
        "replaced_tokens": ("ElectraForPreTraining", False),
        "masked_lm": ("ElectraForMaskedLM", False),
        "classification": ("ElectraForSequenceClassification", False),
        "token_classification": ("ElectraForTokenClassification", False),
        "question_answering": ("ElectraForQuestionAnswering", False),
    },
    renamed={"classification": OUT_PROJ},
    older={".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"},
    ignored=dict.fromkeys(
        ("embeddings.position_ids", "embeddings.token_type_ids"), "a buffer, not a weight"
    ),
    tied={"generator_lm_head.weight": "embeddings.word_embeddings.weight"},
    to_config=ElectraConfig.published,
)

# google-research/electra. Its releases have no configuration file, because the size was a flag of
# the training run. A checkpoint of pretraining also has the generator, below `generator/`.


def _google_config(shapes: Mapping[str, tuple[int, ...]], source: str) -> ElectraConfig:
    """The sizes from {name: shape}; heads have 64 dimensions."""
    try:
        vocab_size, embedding_size = shapes[f"{_EMBEDDINGS}/word_embeddings"]
        positions, _ = shapes[f"{_EMBEDDINGS}/position_embeddings"]
        types, _ = shapes[f"{_EMBEDDINGS}/token_type_embeddings"]
        hidden, intermediate = shapes["electra/encoder/layer_0/intermediate/dense/kernel"]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{source}: variables of the encoder are missing ({error}).") from error
    query = "/attention/self/query/bias"
    return ElectraConfig(
        vocab_size=vocab_size,
        embedding_size=embedding_size,
        hidden_size=hidden,
        num_hidden_layers=sum(
            name.startswith("electra/") and name.endswith(query) for name in shapes
        ),
        num_attention_heads=max(1, hidden // 64),
        intermediate_size=intermediate,
        max_position_embeddings=positions,
        type_vocab_size=types,
    ).check(source)


def _of_the_generator(names: Collection[str]) -> dict[str, str]:
    """{name: why it is left out} for a checkpoint of pretraining, which has the generator too."""
    if not any(name.startswith("generator/") for name in names):
        return {}
    parts = ("generator/", "generator_predictions/")
    return {name: "of the generator" for name in names if name.startswith(parts)}


def _google_losses(config: ElectraConfig, heads: Collection[str]) -> list[str]:
    lost = []
    if config.hidden_act != "gelu":
        lost.append(f"hidden_act is {config.hidden_act!r}; Google's ELECTRA has the exact gelu.")
    if config.layer_norm_eps != 1e-12:
        lost.append(f"layer_norm_eps is {config.layer_norm_eps}; Google's is 1e-12.")
    if "masked_lm" in heads and not config.tie_word_embeddings:
        lost.append("the masked-LM head has a separate table; Google's is tied.")
    return lost


GOOGLE = GoogleNames(
    rules=[
        *same(f"{_EMBEDDINGS}/{kind}_embeddings" for kind in ("word", "position", "token_type")),
        *norm(f"{_EMBEDDINGS}/LayerNorm", f"{_EMBEDDINGS}/LayerNorm"),
        *dense(_PROJECT, _PROJECT),
        *same(f"{_LAYER}/{name}" for name in BLOCK),
        *dense(f"{_DISCRIMINATOR}/dense", f"{_DISCRIMINATOR}/dense"),
        *dense(f"{_DISCRIMINATOR}/dense_1", f"{_DISCRIMINATOR}/dense_prediction"),
        *dense("generator_predictions/dense", f"{_TRANSFORM}/dense"),
        *norm("generator_predictions/LayerNorm", f"{_TRANSFORM}/LayerNorm"),
        Rule("generator_predictions/output_bias", "cls/predictions/output_bias"),
    ],
    losses=_google_losses,
    config_file="electra_config.json",
    marks=(f"{_EMBEDDINGS}/word_embeddings",),
    infer=_google_config,
    left_out=_of_the_generator,
    to_config=lambda config: {**config.published(), "model_type": "electra"},
)


# Model Garden's ElectraPretrainer, whose encoders are BertEncoders, with layers that are counted or
# named. Both encoders have a pooler, which learns nothing.

_GARDEN_POOLER = "_pooler_layer/"


def _garden_aliases(names: Collection[str]) -> dict[str, str]:
    projections = ("layer_with_weights-4/kernel", "_embedding_projection/kernel")
    return garden_functional(has_projection=any(name in names for name in projections))


def _garden_left_out(names: Collection[str]) -> dict[str, str]:
    """{name: why it is left out}: the generator, but not a table that both encoders share."""
    is_shared = "_embedding_layer/embeddings" not in names
    left_out = {
        name: "of the generator"
        for name in names
        if name.startswith(("generator_network/", "masked_lm/", "classification/"))
        and not (is_shared and name == _GARDEN_TABLE)
    }
    pooler = {name: "the pooler, which ELECTRA does not have" for name in names}
    return left_out | {n: why for n, why in pooler.items() if n.startswith(_GARDEN_POOLER)}


def _garden_config(shapes: Mapping[str, tuple[int, ...]], source: str) -> ElectraConfig:
    """The config: sizes from {name in the rules: shape}, other settings as in Model Garden."""
    sizes, depth = garden_sizes(shapes, source), garden_depth(shapes)
    return ElectraConfig(num_hidden_layers=depth, hidden_act="gelu_new", **sizes).check(source)


def _garden_losses(config: ElectraConfig, heads: Collection[str]) -> list[str]:
    del heads
    lost = []
    if config.hidden_act == "gelu":
        lost.append("hidden_act is the exact gelu; Model Garden's is the tanh form.")
    if config.layer_norm_eps != 1e-12:
        lost.append(f"layer_norm_eps is {config.layer_norm_eps}; Model Garden's is 1e-12.")
    lost.append("there is no pooler; Model Garden always has one, with random initial weights.")
    return lost


GARDEN = GardenNames(
    rules=[
        *garden_encoder(_EMBEDDINGS, _LAYER),
        Rule(_GARDEN_TABLE, f"{_EMBEDDINGS}/word_embeddings"),
        *dense("_embedding_projection", _PROJECT),
        *dense("discriminator_projection", f"{_DISCRIMINATOR}/dense"),
        *dense("discriminator_head", f"{_DISCRIMINATOR}/dense_prediction"),
    ],
    losses=_garden_losses,
    marks=("discriminator_projection/kernel",),
    aliases=_garden_aliases,
    infer=_garden_config,
    params=garden_params(
        section="discriminator_encoder", masked_lm_activation=("hidden_activation", "")
    ),
    pretrainer=GardenPretrainer(
        encoder="discriminator_network",
        nodes=("discriminator_projection/", "discriminator_head/"),
        left_out=_garden_left_out,
    ),
)


def _keras_losses(config: ElectraConfig, heads: Collection[str]) -> list[str]:
    del heads
    lost = []
    if config.hidden_act not in _TANH_FORMS:
        lost.append(f"hidden_act is {config.hidden_act!r}; keras-hub's encoder has tanh gelu.")
    if config.layer_norm_eps != 1e-12:
        lost.append(f"layer_norm_eps is {config.layer_norm_eps}; keras-hub's encoder has 1e-12.")
    lost.append("there is no pooler; keras-hub always has one, with random initial weights.")
    return lost


KERAS = KerasNames(
    rules=[
        *keras_embeddings(_EMBEDDINGS),
        *dense("embeddings_projection", _PROJECT),
        *keras_block("transformer_layer_{i}", _LAYER),
    ],
    losses=_keras_losses,
    backbone="ElectraBackbone",
    tasks={},
    tokenizer="ElectraTokenizer",
    config={
        "vocab_size": "vocab_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "hidden_dim": "hidden_size",
        "embedding_dim": "embedding_size",
        "intermediate_dim": "intermediate_size",
        "dropout": "hidden_dropout_prob",
        "max_sequence_length": "max_position_embeddings",
        "num_segments": "type_vocab_size",
    },
    equal={"attention_probs_dropout_prob": "hidden_dropout_prob"},
    fixed={"hidden_act": "gelu_new"},
)

CHECKPOINT_NAMES = {
    "hugging_face": HUGGING_FACE,
    "google": GOOGLE,
    "garden": GARDEN,
    "keras": KERAS,
}
