"""The table of all layers and models, and how to call each; the suites beside it go through it.

A new layer is one more row here, and gets every suite. `test_goldens.py` fails until it has one.

Shape suffixes: B batch, S sequence, P predictions, E examples in a packed row, D hidden,
V vocabulary.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bert_tf import members
from bert_tf.config.experiment import (
    BertConfig,
    DataConfig,
    ExperimentConfig,
    TrainConfig,
)
from bert_tf.layers.attention import SelfAttention
from bert_tf.layers.dense import Dense, LayerNorm
from bert_tf.layers.embeddings import BertEmbeddings, OffsetEmbeddings
from bert_tf.layers.heads import (
    ClassifierHead,
    DenseClassifierHead,
    MaskedLanguageModelHead,
    NextSentenceHead,
    Pooler,
    ReplacedTokenHead,
    SpanHead,
)
from bert_tf.layers.transformer import TransformerBlock
from bert_tf.layers.vector_modules import VectorModule
from bert_tf.layers.vectors import Vectors
from bert_tf.models.albert import AlbertConfig
from bert_tf.models.bert import BertEncoder
from bert_tf.models.distilbert import DistilBertConfig
from bert_tf.models.electra import ElectraConfig
from bert_tf.models.xlm_roberta import XlmRobertaConfig
from bert_tf.tasks.classification.task import ClassificationModel
from bert_tf.tasks.embedding.task import EmbeddingModel
from bert_tf.tasks.pretraining.task import PretrainingModel
from bert_tf.tasks.question_answering.model import QuestionAnsweringModel
from bert_tf.tasks.replaced_tokens.model import ReplacedTokensModel
from bert_tf.tasks.token_classification.task import TokenClassificationModel

B, S, P, D, V = 4, 16, 3, 32, 100
HEADS, INTERMEDIATE, LAYERS = 4, 64, 2
LENGTHS = (16, 11, 7, 3)

Arrays = dict[str, np.ndarray]


def bert_config(**changes: Any) -> BertConfig:
    """A BERT that a test can afford."""
    values = {
        "vocab_size": V,
        "hidden_size": D,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": INTERMEDIATE,
        "max_position_embeddings": S,
    }
    return BertConfig(**{**values, **changes})


_SHAPE = {
    "vocab_size": V,
    "hidden_size": D,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": INTERMEDIATE,
}
# The other encoders, each with what is its own: embeddings that are narrower, shared blocks.
FAMILY = (
    AlbertConfig(
        **_SHAPE,
        embedding_size=D // 2,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
        max_position_embeddings=S,
    ),
    XlmRobertaConfig(**_SHAPE, max_position_embeddings=S + 2),
    DistilBertConfig(
        vocab_size=V,
        dim=D,
        n_layers=LAYERS,
        n_heads=HEADS,
        hidden_dim=INTERMEDIATE,
        max_position_embeddings=S,
    ),
    ElectraConfig(**_SHAPE, embedding_size=D // 2, max_position_embeddings=S),
)
IDS = ("input_ids", "input_mask", "segment_ids")

TASK_SETTINGS = {
    "pretraining": {"max_predictions_per_seq": P},
    "replaced_tokens": {"max_predictions_per_seq": P, "generator_hidden_size": 1.0},
    "classification": {"labels": ("a", "b", "c")},
    "token_classification": {"labels": ("a", "b", "c")},
}


def experiment_config(
    dtype: str = "float32", task: str = "pretraining", **model_changes: Any
) -> ExperimentConfig:
    """An experiment of that BERT, with three labels for a classifier."""
    return ExperimentConfig(
        model=bert_config(**model_changes),
        data=DataConfig(max_seq_length=S),
        task=members.find("tasks", task).Config(**TASK_SETTINGS.get(task, {})),
        train=TrainConfig(dtype=dtype),
    )


def token_batch(seed: int = 0) -> Arrays:
    """Padded rows of random tokens with two segments and three masked positions each."""
    random = np.random.default_rng(seed)
    positions_S = np.arange(S)
    lengths_B1 = np.array(LENGTHS)[:, None]
    mask_BS = (positions_S < lengths_B1).astype(np.int32)
    return {
        "input_ids": random.integers(1, V, size=(B, S)).astype(np.int32) * mask_BS,
        "input_mask": mask_BS,
        "segment_ids": (positions_S >= lengths_B1 // 2).astype(np.int32) * mask_BS,
        "masked_lm_positions": (random.integers(0, S, size=(B, P)) % lengths_B1).astype(np.int32),
    }


def masked_batch() -> Arrays:
    """The same with all that a generator takes; no position comes twice.

    The draws are 0, which is token 0 whatever rounding does to the probabilities.
    """
    batch = token_batch()
    return {
        **batch,
        "masked_lm_positions": np.tile(np.arange(P, dtype=np.int32), (B, 1)),
        "masked_lm_ids": batch["input_ids"][:, :P],
        "masked_lm_weights": np.ones((B, P), np.float32),
        "masked_lm_draws": np.zeros((B, P, 2), np.int32),
    }


def randomize(layer: keras.layers.Layer, seed: int = 1) -> None:
    """Moves every weight away from its start, so that a bias or LayerNorm that is left out shows.

    Weights get values by the order of their paths: two copies of a layer become equal.
    """
    random = np.random.default_rng(seed)
    for weight in sorted(layer.weights, key=lambda weight: weight.path):
        offset = 1.0 if weight.path.endswith("gamma") else 0.0
        weight.assign(offset + random.normal(scale=0.2, size=weight.shape))


@dataclasses.dataclass(frozen=True)
class Golden:
    """One layer or model.

    Attributes:
      cls: its class.
      make: from a Keras dtype policy to a built instance.
      inputs: keyword arguments of the call, or the batch of a task's model; all with axis B first,
        but for those in `shared`.
      output_names: names of a tuple of outputs; empty for a tensor or a dict.
      shared: inputs that every replica gets whole.
      takes_batch: called as `model(batch)`.
      has_dropout: takes `dropout_seed`.
    """

    cls: type
    make: Callable[[str], keras.layers.Layer]
    inputs: Arrays
    output_names: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    takes_batch: bool = False
    has_dropout: bool = False

    def make_random(self, dtype: str = "float32", seed: int = 1) -> keras.layers.Layer:
        """A built instance in which every weight matters."""
        layer = self.make(dtype)
        randomize(layer, seed)
        return layer

    def call(self, layer: keras.layers.Layer, inputs: Arrays, dropout_seed=None) -> dict:
        """The outputs by name."""
        options = {} if dropout_seed is None else {"dropout_seed": dropout_seed}
        inputs = {name: tf.convert_to_tensor(value) for name, value in inputs.items()}
        outputs = layer(inputs, **options) if self.takes_batch else layer(**inputs, **options)
        if isinstance(outputs, dict):
            return outputs
        if self.output_names:
            return dict(zip(self.output_names, outputs, strict=True))
        return {"output": outputs}


def _built(cls: type, shape: tuple | None = None, **options: Any) -> Callable:
    def make(dtype: str) -> keras.layers.Layer:
        layer = cls(dtype=dtype, **options)
        layer.build(shape)
        return layer

    return make


def _hidden() -> np.ndarray:
    return np.random.default_rng(2).normal(size=(B, S, D)).astype(np.float32)


def _pooled() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(B, D)).astype(np.float32)


def _attention_inputs() -> Arrays:
    mask_BS = token_batch()["input_mask"]
    bias_B11S = np.where(mask_BS > 0, 0.0, -1e9).astype(np.float32)[:, None, None, :]
    return {"inputs_BSD": _hidden(), "bias": bias_B11S}


def _ids(*names: str) -> Arrays:
    batch = token_batch()
    return {name: batch[name] for name in names}


def _mlm_inputs() -> Arrays:
    table_VD = np.random.default_rng(4).normal(scale=0.2, size=(V, D)).astype(np.float32)
    return {
        "sequence_BSD": _hidden(),
        "word_embeddings_VW": table_VD,
        **_ids("masked_lm_positions"),
    }


_BLOCK = {"hidden_size": D, "num_attention_heads": HEADS}

GOLDENS = {
    golden.cls.__name__: golden
    for golden in [
        Golden(Dense, _built(Dense, (None, D), units=5, name="dense"), {"inputs": _pooled()}),
        Golden(LayerNorm, _built(LayerNorm, (None, D), name="norm"), {"inputs": _hidden()}),
        Golden(
            BertEmbeddings,
            _built(
                BertEmbeddings,
                vocab_size=V,
                hidden_size=D,
                max_position_embeddings=S,
                name="embeddings",
            ),
            _ids("input_ids", "segment_ids"),
            has_dropout=True,
        ),
        Golden(
            OffsetEmbeddings,
            _built(
                OffsetEmbeddings,
                pad_token_id=1,
                vocab_size=V,
                hidden_size=D,
                max_position_embeddings=S + 2,
                type_vocab_size=1,
                name="embeddings",
            ),
            _ids("input_ids", "input_mask"),
            has_dropout=True,
        ),
        Golden(
            SelfAttention,
            _built(SelfAttention, **_BLOCK, name="self"),
            _attention_inputs(),
            output_names=("context", "attention_probs"),
            has_dropout=True,
        ),
        Golden(
            TransformerBlock,
            _built(TransformerBlock, **_BLOCK, intermediate_size=INTERMEDIATE, name="block"),
            _attention_inputs(),
            output_names=("hidden", "attention_probs"),
            has_dropout=True,
        ),
        Golden(Pooler, _built(Pooler, hidden_size=D, name="pooler"), {"sequence_BSD": _hidden()}),
        Golden(
            MaskedLanguageModelHead,
            _built(MaskedLanguageModelHead, hidden_size=D, vocab_size=V, name="predictions"),
            _mlm_inputs(),
            shared=("word_embeddings_VW",),
        ),
        Golden(
            NextSentenceHead,
            _built(NextSentenceHead, hidden_size=D, name="seq_relationship"),
            {"pooled": _pooled()},
        ),
        Golden(
            ClassifierHead,
            _built(ClassifierHead, hidden_size=D, num_labels=3, name="classifier"),
            {"inputs": _pooled()},
            has_dropout=True,
        ),
        Golden(
            DenseClassifierHead,
            _built(
                DenseClassifierHead,
                hidden_size=D,
                num_labels=3,
                hidden_act="tanh",
                name="classifier",
            ),
            {"inputs": _pooled()},
            has_dropout=True,
        ),
        Golden(
            ReplacedTokenHead,
            _built(ReplacedTokenHead, hidden_size=D, name="discriminator_predictions"),
            {"sequence_BSD": _hidden()},
        ),
        Golden(
            Vectors,
            _built(
                Vectors,
                size=D,
                modules=(
                    VectorModule("dense", 24, activation="tanh", residual=True),
                    VectorModule("layer_norm", 24),
                ),
                name="vectors",
            ),
            {"pooled": _pooled()},
        ),
        Golden(
            SpanHead,
            _built(SpanHead, hidden_size=D, name="squad"),
            {"sequence_BSD": _hidden()},
            output_names=("start_logits", "end_logits"),
        ),
        Golden(
            BertEncoder,
            lambda dtype: BertEncoder(bert_config(), dtype=dtype),
            _ids("input_ids", "input_mask", "segment_ids"),
            has_dropout=True,
        ),
        *(
            Golden(
                config.encoder_class(),
                lambda dtype, config=config: config.encoder_class()(config, dtype=dtype),
                _ids(*(name for name in IDS if name in config.inputs)),
                has_dropout=True,
            )
            for config in FAMILY
        ),
        Golden(
            PretrainingModel,
            lambda dtype: PretrainingModel(experiment_config(dtype)),
            token_batch(),
            takes_batch=True,
            has_dropout=True,
        ),
        Golden(
            ReplacedTokensModel,
            lambda dtype: ReplacedTokensModel(experiment_config(dtype, "replaced_tokens")),
            masked_batch(),
            takes_batch=True,
            has_dropout=True,
        ),
        Golden(
            EmbeddingModel,
            lambda dtype: EmbeddingModel(experiment_config(dtype, "embedding")),
            _ids("input_ids", "input_mask", "segment_ids"),
            takes_batch=True,
            has_dropout=True,
        ),
        Golden(
            ClassificationModel,
            lambda dtype: ClassificationModel(experiment_config(dtype, "classification")),
            _ids("input_ids", "input_mask", "segment_ids"),
            takes_batch=True,
            has_dropout=True,
        ),
        Golden(
            TokenClassificationModel,
            lambda dtype: TokenClassificationModel(
                experiment_config(dtype, "token_classification")
            ),
            _ids("input_ids", "input_mask", "segment_ids"),
            takes_batch=True,
            has_dropout=True,
        ),
        Golden(
            QuestionAnsweringModel,
            lambda dtype: QuestionAnsweringModel(experiment_config(dtype, "question_answering")),
            _ids("input_ids", "input_mask", "segment_ids"),
            takes_batch=True,
            has_dropout=True,
        ),
    ]
}
