"""The configuration of BERT, with the keys of bert_config.json. Needs no TensorFlow, no Keras.

References: Devlin et al. 2018; names of the keys as in google-research/bert.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from bert_tf.models.published_config import WITH_SEGMENTS, PublishedConfig

# num_hidden_layers, hidden_size; heads of 64, intermediate_size of 4 x hidden_size
# (Devlin et al. 2018, Turc et al. 2019).
SIZES = {
    "tiny": (2, 128),
    "mini": (4, 256),
    "small": (4, 512),
    "medium": (8, 512),
    "base": (12, 768),
    "large": (24, 1024),
}


@dataclasses.dataclass
class BertConfig(PublishedConfig):
    """The shape of a BERT, with the keys of bert_config.json.

    Attributes:
      vocab_size: rows of the word embedding table.
      hidden_size: D.
      num_hidden_layers: number of transformer blocks.
      num_attention_heads: N; divides hidden_size.
      intermediate_size: width of the feed-forward layer.
      hidden_act: `gelu` (exact), `gelu_new` or `gelu_pytorch_tanh` (tanh form), `relu`, `silu`,
        `tanh`.
      masked_lm_hidden_act: activation of the masked-LM transform; empty for hidden_act.
      masked_lm_layer_norm_eps: epsilon of the LayerNorm in the masked-LM head, which differs in
        keras-hub; 0 for layer_norm_eps.
      tie_word_embeddings: the masked-LM head scores with the word embeddings, not with a separate
        table.
      use_pooler: the encoder has a pooler (Hugging Face's checkpoints for masked LM, tagging and
        question answering have none).
      hidden_dropout_prob: dropout rate of embeddings and of both outputs of a block.
      attention_probs_dropout_prob: dropout rate of the attention probabilities.
      max_position_embeddings: longest sequence, in tokens.
      type_vocab_size: number of segments.
      initializer_range: standard deviation of the truncated normal that initialises all matrices.
      layer_norm_eps: epsilon of every LayerNorm.
      other_keys: keys of another project's file that have no effect here; they are written back.
    """

    CONFIG_FILE = "bert_config.json"
    SIZES = {
        name: {
            "num_hidden_layers": layers,
            "hidden_size": hidden,
            "num_attention_heads": hidden // 64,
            "intermediate_size": 4 * hidden,
        }
        for name, (layers, hidden) in SIZES.items()
    }
    WITHOUT_EFFECT = (
        "directionality",
        "pooler_fc_size",
        "pooler_num_attention_heads",
        "pooler_num_fc_layers",
        "pooler_size_per_head",
        "pooler_type",
    )
    ONLY_OURS = (
        "masked_lm_hidden_act",
        "masked_lm_layer_norm_eps",
        *PublishedConfig.ONLY_OURS,
    )
    GELU_OF_UNTYPED_FILES = "gelu_new"
    READS_UNTYPED_FILES = True  # Google's, and Hugging Face's older files without model_type
    AT_LEAST_ONE = (
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
    )
    TRAINING_FIELDS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "use_pooler")
    CLASSIFIER_POOLING = "pooler"
    inputs = WITH_SEGMENTS

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    masked_lm_hidden_act: str = ""
    masked_lm_layer_norm_eps: float = 0.0
    tie_word_embeddings: bool = True
    use_pooler: bool = True
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    other_keys: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def encoder_class(cls) -> type:
        from bert_tf.models.bert.encoder import BertEncoder

        return BertEncoder

    @classmethod
    def only_supported(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """See `PublishedConfig`."""
        # Files of ALBERT and MobileBERT without model_type have this key.
        return {**super().only_supported(values), "embedding_size": values.get("hidden_size")}
