"""The layers on top of an encoder: pooler, masked LM, classifier, spans and others.

Shape suffixes: B batch, S sequence, P predictions, E examples in a packed row, D hidden,
V vocabulary, W width of the word embeddings, L labels.
"""

import keras
import tensorflow as tf
from keras import ops

from bert_tf.layers import roles
from bert_tf.layers.dense import Dense, LayerNorm, project
from bert_tf.layers.dropout import dropout, fold_in


class Pooler(keras.layers.Layer):
    """tanh(dense([CLS])) (Devlin et al. 2018, section 3.1).

    Args:
      hidden_size: D.
      initializer_range: standard deviation of the truncated normal that initialises the kernel.

    Call arguments:
      sequence_BSD: float [B, S, D].
      cls_positions: int32 [B, E] for packed rows, None for one example with [CLS] at 0.

    Returns:
      float [B, D], or [B, E, D] when `cls_positions` is given.
    """

    def __init__(self, *, hidden_size: int, initializer_range: float = 0.02, **kwargs):
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.initializer_range = initializer_range
        self.dense = Dense(
            hidden_size,
            initializer_range=initializer_range,
            name="dense",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape=None):
        self.dense.build((None, self.hidden_size))

    def call(self, sequence_BSD, cls_positions=None):
        if cls_positions is None:
            first = sequence_BSD[:, 0]
        else:
            first = tf.gather(sequence_BSD, cls_positions, batch_dims=1)
        return ops.tanh(self.dense(first))

    def get_config(self):
        config = {"hidden_size": self.hidden_size, "initializer_range": self.initializer_range}
        return {**super().get_config(), **config}


class MaskedLanguageModelHead(keras.layers.Layer):
    """Scores over the vocabulary at the masked positions, usually tied to the word embeddings.

    It gathers the masked positions before the projection: with 20 predictions in 128 tokens, this
    makes the largest product of the model six times smaller.

    Args:
      hidden_size, vocab_size: D, V.
      embedding_size: W; None for D.
      hidden_act: activation of the transform, see `layers.activations`.
      layer_norm_eps: epsilon of the transform's LayerNorm.
      initializer_range: standard deviation of the truncated normal that initialises the kernel.
      tied: score with the word embeddings; False: with a separate table, output_weights [V, W].

    Call arguments:
      sequence_BSD: float [B, S, D].
      word_embeddings_VW: float [V, W], the encoder's table; not used when `tied` is False.
      masked_lm_positions: int32 [B, P], or None for every position.

    Returns:
      logits, float [B, P, V] (or [B, S, V]) in the compute dtype.

    Reference: Devlin et al. 2018, section 3.1, task 1; variables named as in google-research/bert.
    """

    def __init__(
        self,
        *,
        hidden_size: int,
        vocab_size: int,
        embedding_size: int | None = None,
        hidden_act: str = "gelu",
        layer_norm_eps: float = 1e-12,
        initializer_range: float = 0.02,
        tied: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.vocab_size = vocab_size
        self.embedding_size = embedding_size or hidden_size
        self.hidden_act = hidden_act
        self.layer_norm_eps = layer_norm_eps
        self.initializer_range = initializer_range
        self.tied = tied
        self.dense = Dense(
            self.embedding_size,
            hidden_act=hidden_act,
            initializer_range=initializer_range,
            name="dense",
            dtype=self.dtype_policy,
        )
        self.layer_norm = LayerNorm(
            epsilon=layer_norm_eps, name="LayerNorm", dtype=self.dtype_policy
        )

    def build(self, input_shape=None):
        with keras.name_scope("transform"):
            self.dense.build((None, None, self.hidden_size))
            self.layer_norm.build((None, None, self.embedding_size))
        self.output_bias = roles.add_weight(
            self, roles.BIAS, name="output_bias", shape=(self.vocab_size,), initializer="zeros"
        )
        if not self.tied:
            self.output_weights = roles.add_weight(
                self,
                roles.MATRIX,
                name="output_weights",
                shape=(self.vocab_size, self.embedding_size),
                initializer=keras.initializers.TruncatedNormal(stddev=self.initializer_range),
            )

    def call(self, sequence_BSD, word_embeddings_VW, masked_lm_positions=None):
        masked_BPD = sequence_BSD
        if masked_lm_positions is not None:
            masked_BPD = tf.gather(sequence_BSD, masked_lm_positions, batch_dims=1)
        transformed_BPW = self.layer_norm(self.dense(masked_BPD))
        table_VW = word_embeddings_VW if self.tied else self.output_weights
        embeddings_WV = ops.transpose(ops.cast(table_VW, self.compute_dtype))
        return project(transformed_BPW, embeddings_WV, self.output_bias)

    def get_config(self):
        names = (
            "hidden_size",
            "vocab_size",
            "embedding_size",
            "hidden_act",
            "layer_norm_eps",
            "initializer_range",
            "tied",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class _TwoScoreHead(keras.layers.Layer):
    """Two linear scores.

    The variables are google-research/bert's: output_weights [2, D] (out, in) and output_bias [2].
    """

    def __init__(self, *, hidden_size: int, initializer_range: float = 0.02, **kwargs):
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.initializer_range = initializer_range

    def build(self, input_shape=None):
        self.output_weights = roles.add_weight(
            self,
            roles.MATRIX,
            name="output_weights",
            shape=(2, self.hidden_size),
            initializer=keras.initializers.TruncatedNormal(stddev=self.initializer_range),
        )
        self.output_bias = roles.add_weight(
            self, roles.BIAS, name="output_bias", shape=(2,), initializer="zeros"
        )

    def scores(self, inputs):
        """Float [..., 2] of float [..., D], in the compute dtype."""
        return project(inputs, ops.transpose(self.output_weights), self.output_bias)

    def get_config(self):
        config = {"hidden_size": self.hidden_size, "initializer_range": self.initializer_range}
        return {**super().get_config(), **config}


class NextSentenceHead(_TwoScoreHead):
    """Two scores for each pooled output: 0 = the second text follows the first, 1 = it is random.

    The variables are google-research/bert's: output_weights [2, D] (out, in) and output_bias [2].

    Args:
      hidden_size: D.
      initializer_range: standard deviation of the truncated normal that initialises the weights.

    Call arguments:
      pooled: float [B, D] or [B, E, D].

    Returns:
      logits, float [B, 2] or [B, E, 2] in the compute dtype.
    """

    def call(self, pooled):
        return self.scores(pooled)


class ClassifierHead(keras.layers.Layer):
    """Dropout and a dense layer, on the pooled output or on every token.

    Args:
      hidden_size: D.
      num_labels: L.
      dropout_prob: dropout rate of the input.
      initializer_range: standard deviation of the truncated normal that initialises the kernel.

    Call arguments:
      inputs: float [..., D].
      dropout_seed: int32 [2], or None for no dropout.

    Returns:
      logits, float [..., L] in the compute dtype.

    Reference: Devlin et al. 2018, sections 4.1 and 5.3.
    """

    def __init__(
        self,
        *,
        hidden_size: int,
        num_labels: int,
        dropout_prob: float = 0.1,
        initializer_range: float = 0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.num_labels = num_labels
        self.dropout_prob = dropout_prob
        self.initializer_range = initializer_range

    def build(self, input_shape=None):
        self.kernel = roles.add_weight(
            self,
            roles.MATRIX,
            name="kernel",
            shape=(self.hidden_size, self.num_labels),
            initializer=keras.initializers.TruncatedNormal(stddev=self.initializer_range),
        )
        self.bias = roles.add_weight(
            self, roles.BIAS, name="bias", shape=(self.num_labels,), initializer="zeros"
        )

    def call(self, inputs, dropout_seed=None):
        return project(dropout(inputs, self.dropout_prob, dropout_seed), self.kernel, self.bias)

    def get_config(self):
        names = ("hidden_size", "num_labels", "dropout_prob", "initializer_range")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class DenseClassifierHead(ClassifierHead):
    """A classifier with an additional dense layer below the scores.

    Args:
      hidden_act: activation of the dense layer, see `layers.activations`.
      drops_input: dropout also before the dense layer, not only before the scores.
      **kwargs: as for `ClassifierHead`, which has the same call arguments and result.

    Reference: Liu et al. 2019 (RoBERTa), in the form of fairseq.
    """

    def __init__(self, *, hidden_act: str, drops_input: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.hidden_act = hidden_act
        self.drops_input = drops_input
        self.dense = Dense(
            self.hidden_size,
            hidden_act=hidden_act,
            initializer_range=self.initializer_range,
            name="dense",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape=None):
        self.dense.build((None, self.hidden_size))
        super().build()

    def call(self, inputs, dropout_seed=None):
        if self.drops_input:
            inputs = dropout(inputs, self.dropout_prob, fold_in(dropout_seed, 0))
        hidden = self.dense(inputs)
        return super().call(hidden, fold_in(dropout_seed, 1))

    def get_config(self):
        names = ("hidden_act", "drops_input")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class ReplacedTokenHead(keras.layers.Layer):
    """A score for each token; a high score means that the token was replaced.

    Args:
      hidden_size: D.
      hidden_act: activation of the dense layer below the score, see `layers.activations`.
      initializer_range: standard deviation of the truncated normal that initialises the kernels.

    Call arguments:
      sequence_BSD: float [B, S, D].

    Returns:
      logits, float [B, S] in the compute dtype.

    Reference: Clark et al. 2020 (ELECTRA), section 2; google-research/electra, run_pretraining.py.
    """

    def __init__(
        self,
        *,
        hidden_size: int,
        hidden_act: str = "gelu",
        initializer_range: float = 0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.hidden_act = hidden_act
        self.initializer_range = initializer_range
        dense = {"initializer_range": initializer_range, "dtype": self.dtype_policy}
        self.dense = Dense(hidden_size, hidden_act=hidden_act, name="dense", **dense)
        self.scores = Dense(1, name="dense_prediction", **dense)

    def build(self, input_shape=None):
        self.dense.build((None, None, self.hidden_size))
        self.scores.build((None, None, self.hidden_size))

    def call(self, sequence_BSD):
        return ops.squeeze(self.scores(self.dense(sequence_BSD)), -1)

    def get_config(self):
        names = ("hidden_size", "hidden_act", "initializer_range")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class SpanHead(_TwoScoreHead):
    """Two scores for each token: as the begin and as the end of the answer.

    The variables are as in google-research/bert's run_squad.py: output_weights [2, D] (out, in) and
    output_bias [2].

    Args:
      hidden_size: D.
      initializer_range: standard deviation of the truncated normal that initialises the weights.

    Call arguments:
      sequence_BSD: float [B, S, D].

    Returns:
      start and end logits, float [B, S] each, in the compute dtype.

    Reference: Devlin et al. 2018, section 4.2.
    """

    def call(self, sequence_BSD):
        logits_BS2 = self.scores(sequence_BSD)
        return logits_BS2[..., 0], logits_BS2[..., 1]
