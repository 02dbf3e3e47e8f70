"""A second encoder, as somebody outside of bert_tf would write it: one file.

Wherever the library might take BERT for granted, this one is different: its config has other field
names; there are no segments; positions begin behind the id of the padding and skip the padding;
embeddings are narrower than the hidden states; norms have a scale and no shift, and another name;
blocks of one group share their weights; the classifier has a dense layer of its own; a pooler is
rare, and without tanh.

Shape suffixes: B batch, S sequence, E width of the embeddings, D hidden, L labels.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from bert_tf.layers import roles
from bert_tf.layers.activations import gelu
from bert_tf.layers.attention import SelfAttention
from bert_tf.layers.dense import Dense
from bert_tf.layers.dropout import dropout, fold_in
from bert_tf.layers.heads import ClassifierHead
from bert_tf.layers.precision import at_least_float32
from bert_tf.models.checkpoint_names import HuggingFaceNames, Rule
from bert_tf.models.encoder import Encoder
from bert_tf.models.model import EncoderConfig


@dataclasses.dataclass
class ToyConfig(EncoderConfig):
    """The shape of a toy.

    Attributes:
      vocab_size: rows of the table of words.
      d_embedding: E.
      d_model: D.
      d_inner: width within the feed-forward layers.
      n_heads: of the attention; divides d_model.
      n_layers: how many blocks there are.
      n_groups: how many of them have weights of their own; the others repeat the one before.
      n_positions: rows of the table of positions, those up to the id of the padding included.
      pad_token_id: the id of the padding.
      dropout: rate, everywhere.
      init_std: standard deviation that all matrices start from.
      use_pooler: the encoder has one.
    """

    vocab_size: int = 96
    d_embedding: int = 8
    d_model: int = 16
    d_inner: int = 32
    n_heads: int = 2
    n_layers: int = 3
    n_groups: int = 2
    n_positions: int = 64
    pad_token_id: int = 1
    dropout: float = 0.1
    init_std: float = 0.02
    use_pooler: bool = False

    inputs = ("input_ids", "input_mask", "position_ids", "example_ids", "cls_positions")
    TRAINING_FIELDS = ("dropout", "use_pooler")
    SIZE_FIELDS = ("d_model", "d_inner", "n_layers", "n_heads")
    AT_LEAST_ONE = ("vocab_size", "d_embedding", "d_model", "d_inner", "n_heads", "n_layers")

    @property
    def hidden_size(self) -> int:
        return self.d_model

    @property
    def num_hidden_layers(self) -> int:
        return self.n_layers

    @property
    def longest_sequence(self) -> int:
        return self.n_positions - self.pad_token_id - 1

    @property
    def initializer_range(self) -> float:
        return self.init_std

    def check(self, source: str) -> "ToyConfig":
        """Returns itself; ValueError for a shape that cannot be."""
        super().check(source)
        if self.d_model % self.n_heads or not 1 <= self.n_groups <= self.n_layers:
            raise ValueError(
                f"{source}: n_heads is {self.n_heads} and n_groups {self.n_groups}; expected a "
                f"divisor of d_model ({self.d_model}) and at most n_layers ({self.n_layers})."
            )
        return self

    def group_of(self, block: int) -> int:
        """Which weights the block with this number has."""
        return block * self.n_groups // self.n_layers

    def forward_flops(self, sequence_length: float, num_predictions: int = 0) -> float:
        """See the base class."""
        S, D, E = sequence_length, self.d_model, self.d_embedding
        block = 4 * (D * D + D) + 2 * D * self.d_inner + self.d_inner + 3 * D
        head = 2 * num_predictions * (self.vocab_size * E + D * E)
        return 2 * S * E * D + self.n_layers * (2 * block * S + 4 * S * S * D) + head

    def activation_values(self, sequence_length: int, recompute: bool = False) -> float:
        """See the base class."""
        S, D = sequence_length, self.d_model
        per_token = 9 * D + 2 * self.d_inner + 2.5 * self.n_heads * S
        return (per_token + self.n_layers * D if recompute else self.n_layers * per_token) * S

    @classmethod
    def from_foreign(cls, values: Mapping[str, Any], path: str) -> "ToyConfig":
        """Reads Hugging Face's config.json, with the fields of this class."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: values[key] for key in known & set(values)}).check(path)

    @classmethod
    def encoder_class(cls) -> type:
        return ToyEncoder


class ScaleNorm(keras.layers.Layer):
    """Root mean square normalisation over the last axis, in float32, with a scale and no shift."""

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.scale = roles.add_weight(
            self, roles.SCALE, name="scale", shape=shape, initializer="ones", autocast=False
        )

    def call(self, inputs):
        x = at_least_float32(inputs)
        normed = x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + 1e-6)
        return ops.cast(normed * self.scale, inputs.dtype)


class ToyEmbeddings(keras.layers.Layer):
    """Words and positions, E wide, normalised and made D wide."""

    def __init__(self, config: ToyConfig, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        self.norm = ScaleNorm(name="input_norm", dtype=self.dtype_policy)
        self.widen = Dense(
            config.d_model,
            initializer_range=config.init_std,
            name="widen",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape=None):
        self.words = self._add_table("words", self.config.vocab_size)
        self.positions = self._add_table("positions", self.config.n_positions)
        self.norm.build((None, None, self.config.d_embedding))
        self.widen.build((None, None, self.config.d_embedding))

    def _add_table(self, name: str, rows: int):
        return roles.add_weight(
            self,
            roles.TABLE,
            name=name,
            shape=(rows, self.config.d_embedding),
            initializer=keras.initializers.TruncatedNormal(stddev=self.config.init_std),
            autocast=False,
        )

    def call(self, input_ids, input_mask, position_ids=None, dropout_seed=None, word_vectors=None):
        first = self.config.pad_token_id + 1
        if position_ids is None:
            place_BS = tf.cumsum(input_mask, axis=1) * input_mask + self.config.pad_token_id
        else:
            place_BS = tf.where(input_mask > 0, position_ids + first, self.config.pad_token_id)
        if word_vectors is None:
            words_BSE = tf.gather(ops.convert_to_tensor(self.words), input_ids)
        else:  # Keras has cast them to the compute dtype
            words_BSE = tf.cast(word_vectors, self.words.dtype)
        sum_BSE = words_BSE + tf.gather(ops.convert_to_tensor(self.positions), place_BS)
        dropped_BSE = dropout(self.norm(sum_BSE), self.config.dropout, dropout_seed)
        return self.widen(ops.cast(dropped_BSE, self.compute_dtype))


class ToyBlock(keras.layers.Layer):
    """Attention and feed-forward, each normalised before it."""

    def __init__(self, config: ToyConfig, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        policy = {"dtype": self.dtype_policy}
        dense = {"initializer_range": config.init_std, **policy}
        self.attention_norm = ScaleNorm(name="attention_norm", **policy)
        self.attention = SelfAttention(
            num_attention_heads=config.n_heads,
            hidden_size=config.d_model,
            attention_probs_dropout_prob=config.dropout,
            name="attention",
            **dense,
        )
        self.mix = Dense(config.d_model, name="mix", **dense)
        self.ffn_norm = ScaleNorm(name="ffn_norm", **policy)
        self.up = Dense(config.d_inner, name="up", **dense)
        self.down = Dense(config.d_model, name="down", **dense)

    def build(self, input_shape=None):
        hidden = (None, None, self.config.d_model)
        for layer in (self.attention_norm, self.attention, self.mix, self.ffn_norm, self.up):
            layer.build(hidden)
        self.down.build((None, None, self.config.d_inner))

    def call(self, inputs_BSD, bias, dropout_seed=None):
        rate = self.config.dropout
        context_BSD, probs_BNSS = self.attention(
            self.attention_norm(inputs_BSD), bias, dropout_seed=fold_in(dropout_seed, 0)
        )
        x_BSD = inputs_BSD + dropout(self.mix(context_BSD), rate, fold_in(dropout_seed, 1))
        inner_BSD = self.down(ops.relu(self.up(self.ffn_norm(x_BSD))))
        return x_BSD + dropout(inner_BSD, rate, fold_in(dropout_seed, 2)), probs_BNSS


class ToyPooler(keras.layers.Layer):
    """A dense layer on the first token of each example, and nothing behind it."""

    def __init__(self, config: ToyConfig, **kwargs):
        super().__init__(**kwargs)
        self.d_model = config.d_model
        self.dense = Dense(
            config.d_model,
            initializer_range=config.init_std,
            name="dense",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape=None):
        self.dense.build((None, self.d_model))

    def call(self, sequence_BSD, cls_positions=None):
        if cls_positions is None:
            return self.dense(sequence_BSD[:, 0])
        return self.dense(tf.gather(sequence_BSD, cls_positions, batch_dims=1))


class ToyClassifierHead(keras.layers.Layer):
    """A dense layer and GELU before the scores."""

    def __init__(self, *, hidden_size: int, initializer_range: float, **options):
        labels = {name: options.pop(name) for name in ("num_labels", "dropout_prob")}
        super().__init__(**options)
        shape = {"initializer_range": initializer_range, "dtype": self.dtype_policy}
        self.hidden_size = hidden_size
        self.dense = Dense(hidden_size, name="dense", **shape)
        self.scores = ClassifierHead(hidden_size=hidden_size, name="scores", **labels, **shape)

    def build(self, input_shape=None):
        self.dense.build((None, self.hidden_size))
        self.scores.build()

    def call(self, vectors, dropout_seed=None):
        return self.scores(gelu(self.dense(vectors)), dropout_seed=dropout_seed)


class ToyEncoder(Encoder):
    """See the top of the file. Arguments and outputs are those of the base class."""

    def __init__(self, config: ToyConfig, **kwargs):
        super().__init__(config, **kwargs)
        policy = {"dtype": self.dtype_policy}
        self.embeddings = ToyEmbeddings(config, name="embeddings", **policy)
        groups = [ToyBlock(config, name=f"group_{i}", **policy) for i in range(config.n_groups)]
        self.blocks = [groups[config.group_of(block)] for block in range(config.n_layers)]
        self.final_norm = ScaleNorm(name="final_norm", **policy)
        self.pooler = ToyPooler(config, name="pooler", **policy) if config.use_pooler else None
        self.build()

    def build(self, input_shape=None):
        super().build()
        self.final_norm.build((None, None, self.config.d_model))

    def embed(self, inputs, dropout_seed):
        names = ("input_ids", "input_mask", "position_ids")
        return self.embeddings(
            *(inputs[name] for name in names),
            dropout_seed=dropout_seed,
            word_vectors=inputs["word_vectors"],
        )

    def finish(self, hidden_BSD):
        return self.final_norm(hidden_BSD)

    @property
    def word_embeddings(self):
        return self.embeddings.words

    def classifier_head(self, num_labels: int, dropout_prob: float) -> keras.layers.Layer:
        return ToyClassifierHead(
            num_labels=num_labels,
            dropout_prob=dropout_prob,
            name="classifier",
            **self._head_options(),
        )


def _dense(name: str, ours: str = "") -> list[Rule]:
    path = (ours or name).replace(".", "/")
    kernel = Rule(f"{name}.weight", f"{path}/kernel", transposed=True)
    return [kernel, Rule(f"{name}.bias", f"{path}/bias")]


_ATTENTION = [f"attention.{name}" for name in ("query", "key", "value")]
_OURS, _GROUP = "toy_encoder", "toy_encoder.encoder.group_{i}"
_HUGGING_FACE = HuggingFaceNames(
    rules=[
        Rule("words.weight", f"{_OURS}/embeddings/words"),
        Rule("positions.weight", f"{_OURS}/embeddings/positions"),
        Rule("input_norm.weight", f"{_OURS}/embeddings/input_norm/scale"),
        *_dense("widen", f"{_OURS}.embeddings.widen"),
        *(
            rule
            for layer in (*_ATTENTION, "mix", "up", "down")
            for rule in _dense(f"groups.{{i}}.{layer}", f"{_GROUP}.{layer}")
        ),
        *(
            Rule(f"groups.{{i}}.{norm}.weight", f"{_GROUP}.{norm}.scale".replace(".", "/"))
            for norm in ("attention_norm", "ffn_norm")
        ),
        Rule("final_norm.weight", f"{_OURS}/final_norm/scale"),
        *_dense("pooler.dense", f"{_OURS}.pooler.dense"),
        *_dense("classifier.dense"),
        *_dense("classifier.scores"),
        *_dense("classifier"),  # of tokens: without the layer of its own
        Rule("spans.weight", "cls/squad/output_weights"),
        Rule("spans.bias", "cls/squad/output_bias"),
        *_dense("lm.dense", "cls.predictions.transform.dense"),
        Rule("lm.norm.weight", "cls/predictions/transform/LayerNorm/gamma"),
        Rule("lm.norm.bias", "cls/predictions/transform/LayerNorm/beta"),
        Rule("lm.bias", "cls/predictions/output_bias"),
    ],
    labels=("classifier.scores.bias", "classifier.bias"),
    prefix="toy.",
    classes={
        "embedding": ("ToyModel", True),
        "masked_lm": ("ToyForMaskedLM", False),
        "classification": ("ToyForSequenceClassification", True),
        "token_classification": ("ToyForTokenClassification", False),
        "question_answering": ("ToyForQuestionAnswering", False),
    },
    to_config=dataclasses.asdict,
)

Config = ToyConfig
CHECKPOINT_NAMES = {"hugging_face": _HUGGING_FACE}
