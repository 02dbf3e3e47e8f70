"""DistilBERT's tensors in the files of other projects.

Our variables have the names of BERT's variables in google-research/bert.
"""

from collections.abc import Collection

from bert_tf.models.checkpoint_names import HuggingFaceNames, KerasNames, Rule
from bert_tf.models.checkpoint_rules import (
    dense,
    keras_block,
    keras_masked_lm_head,
    norm,
    torch_dense,
    torch_norm,
    torch_scores,
)
from bert_tf.models.distilbert.config import DistilBertConfig

_EMBEDDINGS, _LAYER = "distilbert/embeddings", "distilbert/encoder/layer_{i}"
_TRANSFORM, _TORCH_LAYER = "cls/predictions/transform", "transformer.layer.{i}"


def _hugging_face_losses(config: DistilBertConfig, heads: Collection[str]) -> list[str]:
    epsilon = config.masked_lm_layer_norm_eps
    if "masked_lm" in heads and epsilon not in (0.0, config.layer_norm_eps):
        return [f"the masked-LM head has layer_norm_eps {epsilon}; Hugging Face's has 1e-12."]
    return []


HUGGING_FACE = HuggingFaceNames(
    rules=[
        Rule("embeddings.word_embeddings.weight", f"{_EMBEDDINGS}/word_embeddings"),
        Rule("embeddings.position_embeddings.weight", f"{_EMBEDDINGS}/position_embeddings"),
        *torch_norm("embeddings.LayerNorm", f"{_EMBEDDINGS}/LayerNorm"),
        *torch_dense(f"{_TORCH_LAYER}.attention.q_lin", f"{_LAYER}/attention/self/query"),
        *torch_dense(f"{_TORCH_LAYER}.attention.k_lin", f"{_LAYER}/attention/self/key"),
        *torch_dense(f"{_TORCH_LAYER}.attention.v_lin", f"{_LAYER}/attention/self/value"),
        *torch_dense(f"{_TORCH_LAYER}.attention.out_lin", f"{_LAYER}/attention/output/dense"),
        *torch_norm(f"{_TORCH_LAYER}.sa_layer_norm", f"{_LAYER}/attention/output/LayerNorm"),
        *torch_dense(f"{_TORCH_LAYER}.ffn.lin1", f"{_LAYER}/intermediate/dense"),
        *torch_dense(f"{_TORCH_LAYER}.ffn.lin2", f"{_LAYER}/output/dense"),
        *torch_norm(f"{_TORCH_LAYER}.output_layer_norm", f"{_LAYER}/output/LayerNorm"),
        *torch_dense("vocab_transform", f"{_TRANSFORM}/dense"),
        *torch_norm("vocab_layer_norm", f"{_TRANSFORM}/LayerNorm"),
        Rule("vocab_projector.weight", "cls/predictions/output_weights"),
        Rule("vocab_projector.bias", "cls/predictions/output_bias"),
        *torch_dense("pre_classifier", "classifier/dense"),
        *torch_dense("classifier", "classifier"),
        *torch_scores("qa_outputs", "cls/squad"),
    ],
    labels="classifier.bias",
    losses=_hugging_face_losses,
    prefix="distilbert.",
    classes={
        "embedding": ("DistilBertModel", False),
        "masked_lm": ("DistilBertForMaskedLM", False),
        "classification": ("DistilBertForSequenceClassification", False),
        "token_classification": ("DistilBertForTokenClassification", False),
        "question_answering": ("DistilBertForQuestionAnswering", False),
        "multiple_choice": ("DistilBertForMultipleChoice", False),
    },
    classifier_dropout="seq_classif_dropout",
    ignored=dict.fromkeys(("embeddings.position_ids",), "a buffer, not a weight"),
    tied={"vocab_projector.weight": "embeddings.word_embeddings.weight"},
    to_config=DistilBertConfig.published,
)

# keras-hub's DistilBertBackbone: exact GELU, epsilon 1e-12, and 1e-5 in the masked-LM head. It also
# applies dropout to the output of the attention; the authors' code does not.

_HEAD_EPSILON, _TABLES = 1e-5, "token_and_position_embedding"


def _keras_losses(config: DistilBertConfig, heads: Collection[str]) -> list[str]:
    lost = []
    if config.activation != "gelu":
        lost.append(f"activation is {config.activation!r}; keras-hub has the exact gelu.")
    epsilon = config.masked_lm_layer_norm_eps or config.layer_norm_eps
    if "masked_lm" in heads and epsilon != _HEAD_EPSILON:
        lost.append(f"the masked-LM head has epsilon {epsilon}; keras-hub's has 1e-5.")
    if "masked_lm" in heads and not config.tie_word_embeddings:
        lost.append("the masked-LM head has a separate table; keras-hub's is tied.")
    return lost


KERAS = KerasNames(
    rules=[
        Rule(f"{_TABLES}/token_embedding/embeddings", f"{_EMBEDDINGS}/word_embeddings"),
        Rule(f"{_TABLES}/position_embedding/embeddings", f"{_EMBEDDINGS}/position_embeddings"),
        *norm("embeddings_layer_norm", f"{_EMBEDDINGS}/LayerNorm"),
        *keras_block("transformer_layer_{i}", _LAYER),
        *keras_masked_lm_head(),
        *dense("pooled_dense", "classifier/dense"),
        *dense("logits", "classifier"),
    ],
    labels="logits/bias",
    losses=_keras_losses,
    backbone="DistilBertBackbone",
    tasks={"pretraining": "DistilBertMaskedLM", "classification": "DistilBertTextClassifier"},
    tokenizer="DistilBertTokenizer",
    config={
        "vocabulary_size": "vocab_size",
        "num_layers": "n_layers",
        "num_heads": "n_heads",
        "hidden_dim": "dim",
        "intermediate_dim": "hidden_dim",
        "dropout": "dropout",
        "max_sequence_length": "max_position_embeddings",
    },
    equal={"attention_dropout": "dropout"},
    fixed={"masked_lm_layer_norm_eps": _HEAD_EPSILON},
)

CHECKPOINT_NAMES = {"hugging_face": HUGGING_FACE, "keras": KERAS}
