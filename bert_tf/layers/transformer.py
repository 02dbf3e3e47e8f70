"""The post-norm transformer block of BERT.

Shape suffixes: B batch, S sequence, D hidden, N heads, F intermediate.
"""

import dataclasses
from collections.abc import Sequence

import keras

from bert_tf.layers.attention import SelfAttention
from bert_tf.layers.dense import Dense, LayerNorm
from bert_tf.layers.dropout import dropout, fold_in
from bert_tf.layers.gates import gated


@dataclasses.dataclass(frozen=True)
class Cut:
    """The heads, or the feed-forward units, of a block, and where their numbers are.

    Attributes:
      gated: the layer whose gates (`layers.gates`) multiply them.
      count: how many there are.
      places: (variable, axis): along this axis each head or unit has an equal stretch, in order.
    """

    gated: keras.layers.Layer
    count: int
    places: Sequence[tuple[keras.Variable, int]]


class TransformerBlock(keras.layers.Layer):
    """Self-attention and feed-forward, each with residual and LayerNorm after it.

    Variables carry the names of google-research/bert: attention/self/{query,key,value},
    attention/output/{dense,LayerNorm}, intermediate/dense, output/{dense,LayerNorm}.

    Args:
      hidden_size, num_attention_heads, intermediate_size: D, N, F.
      head_size: width of a head; 0: D / N.
      hidden_act: name of the feed-forward activation, see `layers.activations`.
      hidden_dropout_prob: dropout rate before each residual sum.
      attention_probs_dropout_prob: dropout rate of the attention probabilities.
      layer_norm_eps: epsilon of both LayerNorms.
      initializer_range: standard deviation of the truncated normal that initialises the kernels.

    Call arguments:
      inputs_BSD: float [B, S, D].
      bias: float32, broadcast to [B, N, S, S]; see `attention.attention_bias`.
      dropout_seed: int32 [2], or None for no dropout.
      rotate: see `attention.SelfAttention`.

    Returns:
      (float [B, S, D], attention probabilities float32 [B, N, S, S]).

    Reference: Vaswani et al. 2017, section 3.1; Devlin et al. 2018, section 3.
    """

    def __init__(
        self,
        *,
        hidden_size: int,
        num_attention_heads: int,
        intermediate_size: int,
        head_size: int = 0,
        hidden_act: str = "gelu",
        hidden_dropout_prob: float = 0.1,
        attention_probs_dropout_prob: float = 0.1,
        layer_norm_eps: float = 1e-12,
        initializer_range: float = 0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        self.head_size = head_size or hidden_size // num_attention_heads
        self.hidden_act = hidden_act
        self.hidden_dropout_prob = hidden_dropout_prob
        self.attention_probs_dropout_prob = attention_probs_dropout_prob
        self.layer_norm_eps = layer_norm_eps
        self.initializer_range = initializer_range
        self.attended_dropout_prob = hidden_dropout_prob  # DistilBERT has none there
        norm = {"epsilon": layer_norm_eps, "name": "LayerNorm", "dtype": self.dtype_policy}
        dense = {"initializer_range": initializer_range, "dtype": self.dtype_policy}
        self.self_attention = SelfAttention(
            num_attention_heads=num_attention_heads,
            hidden_size=hidden_size,
            head_size=head_size,
            attention_probs_dropout_prob=attention_probs_dropout_prob,
            name="self",
            **dense,
        )
        self.attention_output = Dense(hidden_size, name="dense", **dense)
        self.attention_norm = LayerNorm(**norm)
        self.intermediate = Dense(intermediate_size, hidden_act=hidden_act, name="dense", **dense)
        self.output_dense = Dense(hidden_size, name="dense", **dense)
        self.output_norm = LayerNorm(**norm)

    def build(self, input_shape=None):
        hidden = (None, None, self.hidden_size)
        with keras.name_scope("attention"):
            self.self_attention.build(hidden)
            with keras.name_scope("output"):
                width = self.num_attention_heads * self.head_size
                self.attention_output.build((None, None, width))
                self.attention_norm.build(hidden)
        with keras.name_scope("intermediate"):
            self.intermediate.build(hidden)
        with keras.name_scope("output"):
            self.output_dense.build((None, None, self.intermediate_size))
            self.output_norm.build(hidden)

    def call(self, inputs_BSD, bias, dropout_seed=None, rotate=None):
        context, probs_BNSS = self.self_attention(
            inputs_BSD, bias, dropout_seed=fold_in(dropout_seed, 0), rotate=rotate
        )
        attended_BSD = dropout(
            self.attention_output(context), self.attended_dropout_prob, fold_in(dropout_seed, 1)
        )
        attended_BSD = self.attention_norm(inputs_BSD + attended_BSD)
        intermediate_BSF = gated(self.intermediate, self.intermediate(attended_BSD), axis=2)
        output_BSD = dropout(
            self.output_dense(intermediate_BSF), self.hidden_dropout_prob, fold_in(dropout_seed, 2)
        )
        return self.output_norm(attended_BSD + output_BSD), probs_BNSS

    @property
    def cuts(self) -> dict[str, Cut]:
        """What pruning can take out of this block: heads and feed-forward units."""
        projections = self.self_attention.projection_variables
        into, out_of = self.intermediate, self.output_dense
        return {
            "heads": Cut(
                self.self_attention,
                self.num_attention_heads,
                [*((v, len(v.shape) - 1) for v in projections), (self.attention_output.kernel, 0)],
            ),
            "units": Cut(
                into,
                self.intermediate_size,
                [(into.kernel, 1), (into.bias, 0), (out_of.kernel, 0)],
            ),
        }

    def get_config(self):
        names = (
            "hidden_size",
            "num_attention_heads",
            "head_size",
            "intermediate_size",
            "hidden_act",
            "hidden_dropout_prob",
            "attention_probs_dropout_prob",
            "layer_norm_eps",
            "initializer_range",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
