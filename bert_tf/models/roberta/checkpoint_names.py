"""The tensors of RoBERTa, and of similar models, in the files of other projects.

Our variables have the names of BERT's variables in google-research/bert.
"""

from collections.abc import Collection
from typing import Any

from bert_tf.models.checkpoint_names import HuggingFaceNames, KerasNames, Rule
from bert_tf.models.checkpoint_rules import (
    KERAS_CONFIG,
    OUT_PROJ,
    dense,
    keras_block,
    keras_masked_lm_head,
    norm,
    torch_block,
    torch_dense,
    torch_embeddings,
    torch_norm,
    torch_scores,
)

_TRANSFORM = "cls/predictions/transform"


def _hugging_face_losses(config: Any, heads: Collection[str]) -> list[str]:
    lost, epsilon = [], config.masked_lm_layer_norm_eps
    if "masked_lm" in heads and epsilon not in (0.0, config.layer_norm_eps):
        lost.append(
            f"the masked-LM head has layer_norm_eps {epsilon}, the encoder "
            f"{config.layer_norm_eps}: Hugging Face has one value for both."
        )
    if not config.type_vocab_size:
        lost.append("there is no segment table; Hugging Face always has one.")
    return lost


def hugging_face(name: str, classes: str, model_type: str) -> HuggingFaceNames:
    """The names of a model like RoBERTa in Hugging Face's format.

    Args:
      name: the name of the encoder, which begins the paths of its variables.
      classes: the beginning of its class names.
      model_type: the value in config.json.
    """
    return HuggingFaceNames(
        rules=[
            *torch_embeddings("embeddings", f"{name}/embeddings"),
            *torch_block("encoder.layer.{i}", f"{name}/encoder/layer_{{i}}"),
            *torch_dense("pooler.dense", f"{name}/pooler/dense"),
            *torch_dense("lm_head.dense", f"{_TRANSFORM}/dense"),
            *torch_norm("lm_head.layer_norm", f"{_TRANSFORM}/LayerNorm"),
            Rule("lm_head.bias", "cls/predictions/output_bias"),
            Rule("lm_head.decoder.weight", "cls/predictions/output_weights"),
            *torch_dense("classifier.dense", "classifier/dense"),
            *torch_dense("classifier", "classifier"),
            *torch_scores("qa_outputs", "cls/squad"),
        ],
        labels="classifier.bias",
        losses=_hugging_face_losses,
        prefix="roberta.",
        model_type=model_type,
        classes={
            "embedding": (f"{classes}Model", True),
            "masked_lm": (f"{classes}ForMaskedLM", False),
            "classification": (f"{classes}ForSequenceClassification", False),
            "token_classification": (f"{classes}ForTokenClassification", False),
            "question_answering": (f"{classes}ForQuestionAnswering", False),
        },
        renamed={"classification": OUT_PROJ},
        ignored=dict.fromkeys(
            ("embeddings.position_ids", "embeddings.token_type_ids"), "a buffer, not a weight"
        ),
        copies={"lm_head.decoder.bias": "lm_head.bias"},
        tied={"lm_head.decoder.weight": "embeddings.word_embeddings.weight"},
        to_config=lambda config: config.published(),
    )


# keras-hub: exact GELU, epsilon 1e-5 everywhere, no segment table, and without the two rows of
# positions before the first token's row.


def _keras_losses(config: Any, heads: Collection[str]) -> list[str]:
    lost = []
    if config.hidden_act != "gelu":
        lost.append(f"hidden_act is {config.hidden_act!r}; keras-hub's encoder has the exact gelu.")
    epsilons = {"layer_norm_eps": config.layer_norm_eps}
    if "masked_lm" in heads:
        epsilons["masked_lm_layer_norm_eps"] = (
            config.masked_lm_layer_norm_eps or config.layer_norm_eps
        )
        if not config.tie_word_embeddings:
            lost.append("the masked-LM head has a separate table; keras-hub's is tied.")
    lost += [
        f"{key} is {value}; keras-hub's is 1e-5."
        for key, value in epsilons.items()
        if value != 1e-5
    ]
    if config.pad_token_id != 1:
        lost.append(f"pad_token_id is {config.pad_token_id}; keras-hub's is 1.")
    if config.use_pooler:
        lost.append("the pooler: keras-hub has none.")
    return lost


def keras(name: str, classes: str) -> KerasNames:
    """The names of a model like RoBERTa in keras-hub; for arguments see `hugging_face`."""
    embeddings = f"{name}/embeddings"
    return KerasNames(
        rules=[
            Rule("embeddings/token_embedding/embeddings", f"{embeddings}/word_embeddings"),
            Rule(
                "embeddings/position_embedding/embeddings",
                f"{embeddings}/position_embeddings",
                rows_before=2,
            ),
            Rule("segment_embedding/embeddings", f"{embeddings}/token_type_embeddings"),
            *norm("embeddings_layer_norm", f"{embeddings}/LayerNorm"),
            *keras_block("transformer_layer_{i}", f"{name}/encoder/layer_{{i}}"),
            *keras_masked_lm_head(),
            *dense("pooled_dense", "classifier/dense"),
            *dense("logits", "classifier"),
        ],
        labels="logits/bias",
        losses=_keras_losses,
        backbone=f"{classes}Backbone",
        tasks={"pretraining": f"{classes}MaskedLM", "classification": f"{classes}TextClassifier"},
        tokenizer=f"{classes}Tokenizer",
        absent=("segment_embedding/embeddings",),
        config={
            **KERAS_CONFIG,
        },
        larger={"max_position_embeddings": 2},
        equal={"attention_probs_dropout_prob": "hidden_dropout_prob"},
    )


CHECKPOINT_NAMES = {
    "hugging_face": hugging_face("roberta", "Roberta", "roberta"),
    "keras": keras("roberta", "Roberta"),
}
