"""The configuration of DistilBERT, with the keys of its config.json. Needs no TensorFlow, no Keras.

Reference: Sanh et al. 2019.
"""

import dataclasses
from typing import Any

from bert_tf.models.published_config import PublishedConfig


@dataclasses.dataclass
class DistilBertConfig(PublishedConfig):
    """The shape of a DistilBERT.

    Attributes:
      vocab_size: rows of the word embedding table.
      dim: D.
      n_layers: number of transformer blocks.
      n_heads: N; divides dim.
      hidden_dim: width of the feed-forward layer.
      activation: `gelu` (exact), `gelu_new` or `gelu_pytorch_tanh` (tanh form), `relu`, `silu`,
        `tanh`.
      masked_lm_layer_norm_eps: epsilon of the LayerNorm in the masked-LM head, which differs in
        keras-hub; 0 for the encoder's, 1e-12.
      tie_word_embeddings: the masked-LM head scores with the word embeddings, not with a separate
        table.
      dropout: rate of the embeddings and of the output of a block.
      attention_dropout: rate of the attention probabilities.
      max_position_embeddings: longest sequence, in tokens.
      initializer_range: standard deviation of the truncated normal that initialises all matrices.
      other_keys: keys of another project's file that have no effect here; they are written back.
    """

    SIZE_FIELDS = ("dim", "hidden_dim", "n_layers", "n_heads")
    AT_LEAST_ONE = (
        "vocab_size",
        "dim",
        "n_layers",
        "n_heads",
        "hidden_dim",
        "max_position_embeddings",
    )
    # Dropout rates of heads are settings of tasks. Sinusoidal positions are stored in the file.
    WITHOUT_EFFECT = ("qa_dropout", "seq_classif_dropout", "sinusoidal_pos_embds")
    ONLY_OURS = ("masked_lm_layer_norm_eps", *PublishedConfig.ONLY_OURS)
    SIZES = {"base": {}}
    TRAINING_FIELDS = ("dropout", "attention_dropout")

    layer_norm_eps = 1e-12
    type_vocab_size = 0

    vocab_size: int = 30522
    dim: int = 768
    n_layers: int = 6
    n_heads: int = 12
    hidden_dim: int = 3072
    activation: str = "gelu"
    masked_lm_layer_norm_eps: float = 0.0
    tie_word_embeddings: bool = True
    dropout: float = 0.1
    attention_dropout: float = 0.1
    max_position_embeddings: int = 512
    initializer_range: float = 0.02
    other_keys: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def encoder_class(cls) -> type:
        from bert_tf.models.distilbert.encoder import DistilBertEncoder

        return DistilBertEncoder

    @property
    def hidden_size(self) -> int:
        """D."""
        return self.dim

    @property
    def num_hidden_layers(self) -> int:
        """The number of blocks."""
        return self.n_layers

    @property
    def num_attention_heads(self) -> int:
        """N."""
        return self.n_heads

    @property
    def intermediate_size(self) -> int:
        """The width of the feed-forward layer."""
        return self.hidden_dim

    @property
    def hidden_act(self) -> str:
        """The activation of the feed-forward layer and of the masked-LM head."""
        return self.activation

    @property
    def hidden_dropout_prob(self) -> float:
        """The dropout rate of the embeddings and of the output of a block."""
        return self.dropout

    @property
    def attention_probs_dropout_prob(self) -> float:
        """The dropout rate of the attention probabilities."""
        return self.attention_dropout
