"""The configuration of ELECTRA, with the keys of its config.json. Needs no TensorFlow, no Keras.

References: Clark et al. 2020, appendix A; google-research/electra, configure_pretraining.py.
"""

import dataclasses
from typing import Any

from bert_tf.models.published_config import WITH_SEGMENTS, PublishedConfig


def _size(layers: int, hidden: int, embedding: int, share: float = 1.0) -> dict[str, int]:
    """The size of a discriminator, or of a generator with `share` of its width."""
    width = int(hidden * share)
    return {
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": max(1, width // 64),
        "intermediate_size": 4 * width,
        "embedding_size": embedding,
    }


@dataclasses.dataclass
class ElectraConfig(PublishedConfig):
    """The shape of an ELECTRA: of a discriminator, or of a generator, which is narrower.

    Attributes:
      vocab_size: rows of the word embedding table.
      embedding_size: width of the embeddings; if it is not hidden_size, a dense layer projects
        them.
      hidden_size: D.
      num_hidden_layers: number of transformer blocks.
      num_attention_heads: N; divides hidden_size.
      intermediate_size: width of the feed-forward layer.
      hidden_act: `gelu` (exact), `gelu_new` or `gelu_pytorch_tanh` (tanh form), `relu`, `silu`,
        `tanh`. The masked-LM head and the classifier always have the exact gelu.
      tie_word_embeddings: the masked-LM head scores with the word embeddings, not with a separate
        table.
      hidden_dropout_prob: dropout rate of embeddings and of both outputs of a block.
      attention_probs_dropout_prob: dropout rate of the attention probabilities.
      max_position_embeddings: longest sequence, in tokens.
      type_vocab_size: number of segments.
      initializer_range: standard deviation of the truncated normal that initialises all matrices.
      layer_norm_eps: epsilon of every LayerNorm.
      other_keys: keys of another project's file that have no effect here; they are written back.
    """

    AT_LEAST_ONE = (
        "vocab_size",
        "embedding_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
    )
    WITHOUT_EFFECT = (
        "summary_type",
        "summary_use_proj",
        "summary_activation",
        "summary_last_dropout",
        "generator_size",
        "vocab_file",
    )
    # The published models. Their generators have a quarter of the width, and of base a third.
    SIZES = {
        "small": _size(12, 256, 128),
        "base": _size(12, 768, 768),
        "large": _size(24, 1024, 1024),
        "small_generator": _size(12, 256, 128, 1 / 4),
        "base_generator": _size(12, 768, 768, 1 / 3),
        "large_generator": _size(24, 1024, 1024, 1 / 4),
    }
    inputs = WITH_SEGMENTS

    vocab_size: int = 30522
    embedding_size: int = 128
    hidden_size: int = 256
    num_hidden_layers: int = 12
    num_attention_heads: int = 4
    intermediate_size: int = 1024
    hidden_act: str = "gelu"
    tie_word_embeddings: bool = True
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    other_keys: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def encoder_class(cls) -> type:
        from bert_tf.models.electra.encoder import ElectraEncoder

        return ElectraEncoder

    @property
    def masked_lm_hidden_act(self) -> str:
        """The activation of the generator's head, for any `hidden_act`."""
        return "gelu"
