"""The configuration of ALBERT, with the keys of its config.json. Needs no TensorFlow, no Keras.

References: Lan et al. 2019; google-research/albert.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from bert_tf.models.checkpoint_names import LARGEST_GROUP
from bert_tf.models.published_config import WITH_SEGMENTS, PublishedConfig


def _size(layers: int, hidden: int, heads: int) -> dict[str, int]:
    return {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "intermediate_size": 4 * hidden,
    }


@dataclasses.dataclass
class AlbertConfig(PublishedConfig):
    """The shape of an ALBERT. The default is the base size of version 2, which has no dropout.

    Attributes:
      vocab_size: rows of the word embedding table.
      embedding_size: width of the embeddings; a dense layer projects them to hidden_size.
      hidden_size: D.
      num_hidden_layers: number of layers.
      num_hidden_groups: number of groups of layers; the layers of a group share their weights.
      inner_group_num: number of transformer blocks in a group; each layer runs all of them.
      num_attention_heads: N; divides hidden_size.
      intermediate_size: width of the feed-forward layer.
      hidden_act: `gelu` (exact), `gelu_new` or `gelu_pytorch_tanh` (tanh form), `relu`, `silu`,
        `tanh`.
      masked_lm_layer_norm_eps: epsilon of the LayerNorm in the masked-LM head, which differs in
        keras-hub; 0 for layer_norm_eps.
      tie_word_embeddings: the masked-LM head scores with the word embeddings, not with a separate
        table.
      use_pooler: the encoder has a pooler.
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
        "num_hidden_groups",
        "inner_group_num",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
    )
    GELU_OF_UNTYPED_FILES = "gelu_new"
    READS_UNTYPED_FILES = True  # Google's
    UNTYPED_KEYS = ("num_hidden_groups",)
    WITHOUT_EFFECT = (
        "classifier_dropout_prob",
        "down_scale_factor",
        "gap_size",
        "layers_to_keep",
        "ln_type",
        "net_structure_type",
        "num_memory_blocks",
    )
    ONLY_OURS = ("masked_lm_layer_norm_eps", *PublishedConfig.ONLY_OURS)
    SIZES = {
        "base": _size(12, 768, 12),
        "large": _size(24, 1024, 16),
        "xlarge": _size(24, 2048, 16),
        "xxlarge": _size(12, 4096, 64),
    }
    TRAINING_FIELDS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "use_pooler")
    CLASSIFIER_POOLING = "pooler"
    inputs = WITH_SEGMENTS

    vocab_size: int = 30000
    embedding_size: int = 128
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_hidden_groups: int = 1
    inner_group_num: int = 1
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu_new"
    masked_lm_layer_norm_eps: float = 0.0
    tie_word_embeddings: bool = True
    use_pooler: bool = True
    hidden_dropout_prob: float = 0.0
    attention_probs_dropout_prob: float = 0.0
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    other_keys: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def encoder_class(cls) -> type:
        from bert_tf.models.albert.encoder import AlbertEncoder

        return AlbertEncoder

    def group_of(self, layer: int) -> int:
        """The group whose weights the layer with this number uses."""
        return int(layer / (self.num_hidden_layers / self.num_hidden_groups))

    @property
    def num_own_blocks(self) -> int:
        """See `PublishedConfig`."""
        return self.num_hidden_groups * self.inner_group_num

    def blocks_of(self, layers: Sequence[int]) -> list[int]:
        """See `EncoderConfig`. A layer runs all blocks of its group."""
        inner = range(self.inner_group_num)
        return [self.group_of(layer) * self.inner_group_num + j for layer in layers for j in inner]

    @property
    def can_lose_layers(self) -> bool:
        """See `EncoderConfig`. With several groups, fewer layers would belong to other groups."""
        return self.num_hidden_groups == 1

    def check(self, source: str) -> "AlbertConfig":
        """See `PublishedConfig`."""
        super().check(source)
        if self.num_hidden_groups > self.num_hidden_layers:
            raise ValueError(
                f"{source}: num_hidden_groups is {self.num_hidden_groups}, num_hidden_layers "
                f"{self.num_hidden_layers}; expected at most one group for each layer."
            )
        if self.inner_group_num > LARGEST_GROUP:
            raise ValueError(
                f"{source}: inner_group_num is {self.inner_group_num}; expected at most "
                f"{LARGEST_GROUP}."
            )
        return self

    def forward_flops(self, sequence_length: float, num_predictions: int = 0) -> float:
        """See `EncoderConfig`. The embeddings are projected."""
        S, P, D, E = sequence_length, num_predictions, self.hidden_size, self.embedding_size
        head = 2 * P * (self.vocab_size * E + D * E)
        return 2 * S * E * D + super().forward_flops(S) + head
