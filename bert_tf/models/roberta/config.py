"""The configuration of RoBERTa, with the keys of its config.json. Needs no TensorFlow, no Keras.

Reference: Liu et al. 2019.
"""

import dataclasses
from typing import Any, Self

from bert_tf.models.published_config import PublishedConfig


@dataclasses.dataclass
class RobertaConfig(PublishedConfig):
    """The shape of a RoBERTa.

    Attributes:
      vocab_size: rows of the word embedding table.
      hidden_size: D.
      num_hidden_layers: number of transformer blocks.
      num_attention_heads: N; divides hidden_size.
      intermediate_size: width of the feed-forward layer.
      hidden_act: `gelu` (exact), `gelu_new` or `gelu_pytorch_tanh` (tanh form), `relu`, `silu`,
        `tanh`. The masked-LM head always has the exact gelu.
      tie_word_embeddings: the masked-LM head scores with the word embeddings, not with a separate
        table.
      use_pooler: the encoder has a pooler. The published encoders have none.
      hidden_dropout_prob: dropout rate of embeddings and of both outputs of a block.
      attention_probs_dropout_prob: dropout rate of the attention probabilities.
      max_position_embeddings: rows of the position table. No token uses the rows up to
        pad_token_id, so the longest sequence is shorter.
      type_vocab_size: rows of the segment table, whose first row all tokens use; 0: no such table.
      pad_token_id: the id of the padding in the original model; positions begin after it.
      initializer_range: standard deviation of the truncated normal that initialises all matrices.
      layer_norm_eps: epsilon of every LayerNorm.
      masked_lm_layer_norm_eps: epsilon of the LayerNorm in the masked-LM head; 0 for
        layer_norm_eps.
      other_keys: keys of another project's file that have no effect here; they are written back.
    """

    AT_LEAST_ONE = (
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
    )
    ONLY_OURS = ("masked_lm_layer_norm_eps", *PublishedConfig.ONLY_OURS)
    SIZES = {
        "base": {},
        "large": {
            "num_hidden_layers": 24,
            "hidden_size": 1024,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
        },
        "distil": {"num_hidden_layers": 6},
    }
    TRAINING_FIELDS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "use_pooler")

    vocab_size: int = 50265
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    tie_word_embeddings: bool = True
    use_pooler: bool = False
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 514
    type_vocab_size: int = 1
    pad_token_id: int = 1
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-5
    masked_lm_layer_norm_eps: float = 0.0
    other_keys: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def encoder_class(cls) -> type:
        from bert_tf.models.roberta.encoder import RobertaEncoder

        return RobertaEncoder

    @property
    def masked_lm_hidden_act(self) -> str:
        """The activation of the masked-LM head, for any `hidden_act`."""
        return "gelu"

    @property
    def first_position(self) -> int:
        """See `PublishedConfig`. Positions begin after the id of the padding."""
        return self.pad_token_id + 1

    def check(self, source: str) -> Self:
        """See `PublishedConfig`."""
        super().check(source)
        if self.longest_sequence < 1:
            raise ValueError(
                f"{source}: max_position_embeddings is {self.max_position_embeddings} and "
                f"pad_token_id {self.pad_token_id}; positions begin after the padding, so "
                f"max_position_embeddings must be at least {self.pad_token_id + 2}."
            )
        return self
