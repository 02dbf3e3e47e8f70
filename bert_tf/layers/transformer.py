"""The post-norm transformer block of BERT.

Shape suffixes: B batch, S sequence, D hidden, F intermediate.
"""

import keras

from bert_tf.layers.attention import SelfAttention
from bert_tf.layers.dense import Dense, LayerNorm
from bert_tf.layers.dropout import dropout, fold_in


class TransformerBlock(keras.layers.Layer):
    """Self-attention and feed-forward, each with residual and LayerNorm after it.

    Variables carry the names of google-research/bert: attention/self/{query,key,value},
    attention/output/{dense,LayerNorm}, intermediate/dense, output/{dense,LayerNorm}.

    Args:
      hidden_size, num_attention_heads, intermediate_size: D, N, F.
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
                self.attention_output.build(hidden)
                self.attention_norm.build(hidden)
        with keras.name_scope("intermediate"):
            self.intermediate.build(hidden)
        with keras.name_scope("output"):
            self.output_dense.build((None, None, self.intermediate_size))
            self.output_norm.build(hidden)

    def call(self, inputs_BSD, bias, dropout_seed=None, rotate=None):
        context_BSD, probs_BNSS = self.self_attention(
            inputs_BSD, bias, dropout_seed=fold_in(dropout_seed, 0), rotate=rotate
        )
        attended_BSD = dropout(
            self.attention_output(context_BSD), self.attended_dropout_prob, fold_in(dropout_seed, 1)
        )
        attended_BSD = self.attention_norm(inputs_BSD + attended_BSD)
        intermediate_BSF = self.intermediate(attended_BSD)
        output_BSD = dropout(
            self.output_dense(intermediate_BSF), self.hidden_dropout_prob, fold_in(dropout_seed, 2)
        )
        return self.output_norm(attended_BSD + output_BSD), probs_BNSS

    def get_config(self):
        names = (
            "hidden_size",
            "num_attention_heads",
            "intermediate_size",
            "hidden_act",
            "hidden_dropout_prob",
            "attention_probs_dropout_prob",
            "layer_norm_eps",
            "initializer_range",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
