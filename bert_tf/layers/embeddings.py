"""The sum of word, position and segment embeddings, normalised.

Shape suffixes: B batch, S sequence, D hidden, V vocabulary, M maximum position, K segments.
"""

import keras
import tensorflow as tf
from keras import ops

from bert_tf.layers import roles
from bert_tf.layers.dense import LayerNorm
from bert_tf.layers.dropout import dropout


class BertEmbeddings(keras.layers.Layer):
    """Word + position + segment embeddings, LayerNorm, dropout (Devlin et al. 2018, figure 2).

    Args:
      vocab_size, hidden_size, max_position_embeddings, type_vocab_size: sizes of the tables; no
        segment table if type_vocab_size is 0.
      initializer_range: standard deviation of the truncated normal that initialises the tables.
      layer_norm_eps: epsilon of the LayerNorm.
      hidden_dropout_prob: dropout rate after the LayerNorm.

    Call arguments:
      input_ids: int32 [B, S].
      segment_ids: int32 [B, S]; ignored without a segment table.
      position_ids: int32 [B, S], or None for 0..S-1 in every row.
      dropout_seed: int32 [2], or None for no dropout.
      word_vectors: float [B, S, D] instead of the rows of the word table that `input_ids`
        name; None for those rows.

    Returns:
      float [B, S, D] in the compute dtype.
    """

    def __init__(
        self,
        *,
        vocab_size: int,
        hidden_size: int,
        max_position_embeddings: int = 512,
        type_vocab_size: int = 2,
        initializer_range: float = 0.02,
        layer_norm_eps: float = 1e-12,
        hidden_dropout_prob: float = 0.1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.max_position_embeddings = max_position_embeddings
        self.type_vocab_size = type_vocab_size
        self.initializer_range = initializer_range
        self.layer_norm_eps = layer_norm_eps
        self.hidden_dropout_prob = hidden_dropout_prob
        self.layer_norm = LayerNorm(
            epsilon=layer_norm_eps, name="LayerNorm", dtype=self.dtype_policy
        )

    def build(self, input_shape=None):
        self.word_embeddings = self._add_table("word_embeddings", self.vocab_size)
        self.position_embeddings = self._add_table(
            "position_embeddings", self.max_position_embeddings
        )
        if self.type_vocab_size:
            self.token_type_embeddings = self._add_table(
                "token_type_embeddings", self.type_vocab_size
            )
        self.layer_norm.build((None, None, self.hidden_size))

    def _add_table(self, name: str, rows: int):
        # autocast=False: cast only the rows, not the whole table.
        return roles.add_weight(
            self,
            roles.TABLE,
            name=name,
            shape=(rows, self.hidden_size),
            initializer=keras.initializers.TruncatedNormal(stddev=self.initializer_range),
            autocast=False,
        )

    def call(self, input_ids, segment_ids, position_ids=None, dropout_seed=None, word_vectors=None):
        if word_vectors is None:
            sum_BSD = tf.gather(ops.convert_to_tensor(self.word_embeddings), input_ids)
        else:  # Keras has cast them to the compute dtype
            sum_BSD = tf.cast(word_vectors, self.word_embeddings.dtype)
        if self.type_vocab_size:
            sum_BSD += self._segments(segment_ids)
        sum_BSD += self._positions(input_ids, position_ids)
        return dropout(self.layer_norm(sum_BSD), self.hidden_dropout_prob, dropout_seed)

    def _segments(self, segment_ids):
        if self.type_vocab_size == 1:
            return self.token_type_embeddings
        # A product with one-hot rows: its gradient is a product too, not a scatter of B*S rows
        # onto two.
        dtype = self.token_type_embeddings.dtype
        segments_BSK = ops.one_hot(segment_ids, self.type_vocab_size, dtype=dtype)
        return ops.matmul(segments_BSK, self.token_type_embeddings)

    def _positions(self, input_ids, position_ids):
        table_MD = ops.convert_to_tensor(self.position_embeddings)
        if position_ids is not None:
            return tf.gather(table_MD, position_ids)
        self._check_length(input_ids.shape[1], self.max_position_embeddings)
        return table_MD[: ops.shape(input_ids)[1]]

    def _check_length(self, length: int | None, longest: int) -> None:
        if length is not None and length > longest:
            raise ValueError(
                f"received sequences of {length} tokens, but max_position_embeddings is "
                f"{self.max_position_embeddings}, enough for {longest}. Shorten the sequences "
                "(max_seq_length)."
            )

    def get_config(self):
        names = (
            "vocab_size",
            "hidden_size",
            "max_position_embeddings",
            "type_vocab_size",
            "initializer_range",
            "layer_norm_eps",
            "hidden_dropout_prob",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class OffsetEmbeddings(BertEmbeddings):
    """Embeddings whose positions start at `pad_token_id + 1` and skip padding.

    The first token that is not padding uses row `pad_token_id + 1` of the position table. Padding
    uses row `pad_token_id`, at any position.

    Args:
      pad_token_id: the id of the padding in the original model.
      **kwargs: as for `BertEmbeddings`. If there is a segment table, all tokens are in segment 0.

    Call arguments:
      input_ids: int32 [B, S].
      input_mask: int32 [B, S], 1 for tokens and 0 for padding.
      position_ids: int32 [B, S], counted from 0; None for 0..S-1 without the padding.
      dropout_seed, word_vectors: see `BertEmbeddings`.

    Returns:
      float [B, S, D] in the compute dtype.

    Reference: Liu et al. 2019 (RoBERTa), in the form of fairseq.
    """

    def __init__(self, *, pad_token_id: int, **kwargs):
        super().__init__(**kwargs)
        self.pad_token_id = pad_token_id

    def call(self, input_ids, input_mask, position_ids=None, dropout_seed=None, word_vectors=None):
        self._check_length(input_ids.shape[1], self.max_position_embeddings - self.pad_token_id - 1)
        number_BS = tf.cumsum(input_mask, axis=1) if position_ids is None else position_ids + 1
        rows_BS = number_BS * input_mask + self.pad_token_id
        return super().call(
            input_ids, tf.zeros_like(input_ids), rows_BS, dropout_seed, word_vectors
        )

    def get_config(self):
        return {**super().get_config(), "pad_token_id": self.pad_token_id}
