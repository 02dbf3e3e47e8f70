"""RoBERTa's tensors in the files of other projects, and those of models of its kind.

Our variables carry the names that BERT's have in google-research/bert.
"""

from collections.abc import Collection
from typing import Any

from bert_tf.models.checkpoint_names import (
    OUT_PROJ,
    HuggingFaceNames,
    Rule,
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
            f"{config.layer_norm_eps}: Hugging Face has one for both."
        )
    if not config.type_vocab_size:
        lost.append("that there is no table of segments: Hugging Face always has one.")
    return lost


def hugging_face(name: str, classes: str, model_type: str) -> HuggingFaceNames:
    """The names of a model of RoBERTa's kind.

    Args:
      name: of the member, with which the paths of its variables begin.
      classes: how the names of its classes begin.
      model_type: in config.json.
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


CHECKPOINT_NAMES = {"hugging_face": hugging_face("roberta", "Roberta", "roberta")}
