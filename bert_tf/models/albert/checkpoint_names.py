"""ALBERT's tensors in the files of other projects.

Our variables carry the names that BERT's have in google-research/bert.
"""

from collections.abc import Collection

from bert_tf.models.albert.config import AlbertConfig
from bert_tf.models.checkpoint_names import (
    HuggingFaceNames,
    Rule,
    torch_dense,
    torch_embeddings,
    torch_norm,
    torch_scores,
)

_EMBEDDINGS, _BLOCK = "albert/embeddings", "albert/encoder/group_{i}_inner_{j}"
_PROJECT = "albert/embedding_hidden_mapping_in"
_TRANSFORM, _SENTENCE_ORDER = "cls/predictions/transform", "cls/seq_relationship"

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
            f"{config.layer_norm_eps}: Hugging Face has one for both."
        ]
    return []


HUGGING_FACE = HuggingFaceNames(
    rules=[
        *torch_embeddings("embeddings", _EMBEDDINGS),
        *torch_dense("encoder.embedding_hidden_mapping_in", _PROJECT),
        *(
            rule
            for theirs, ours in _TORCH_LAYERS.items()
            for rule in torch_dense(f"{_TORCH_BLOCK}.{theirs}", f"{_BLOCK}/{ours}")
        ),
        *(
            rule
            for theirs, ours in _TORCH_NORMS.items()
            for rule in torch_norm(f"{_TORCH_BLOCK}.{theirs}", f"{_BLOCK}/{ours}")
        ),
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

CHECKPOINT_NAMES = {"hugging_face": HUGGING_FACE}
