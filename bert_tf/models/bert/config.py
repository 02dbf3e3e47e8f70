"""The configuration of BERT, in the words of bert_config.json. Needs neither TensorFlow nor Keras.

References: Devlin et al. 2018; names of the keys as in google-research/bert.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from absl import logging

from bert_tf.layers.activation_names import check_activation
from bert_tf.models.model import EncoderConfig

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

# Keys of other projects' files. The first kind has no effect on the numbers and is kept; the second
# is an error at any other value, because the model would compute something else.
_WITHOUT_EFFECT = frozenset(
    [
        "architectures",
        "_name_or_path",
        "torch_dtype",
        "dtype",
        "transformers_version",
        "use_cache",
        "model_type",
        "gradient_checkpointing",
        "directionality",
        "pooler_fc_size",
        "pooler_num_attention_heads",
        "pooler_num_fc_layers",
        "pooler_size_per_head",
        "pooler_type",
        "pad_token_id",
        "bos_token_id",
        "eos_token_id",
        "id2label",
        "label2id",
        "finetuning_task",
        "problem_type",
        "classifier_dropout",
        "attn_implementation",
        "backward",
        "output_past",
        "num_labels",
        "return_dict",
        "output_attentions",
        "output_hidden_states",
        "torchscript",
        "use_bfloat16",
        "sep_token_id",
        "cls_token_id",
        "cross_attention_hidden_size",
        "tokenizer_class",
        "transformers.js_config",
        "model_max_length",
        "do_lower_case",
        "max_length",
    ]
)
_ONLY_SUPPORTED = {
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "is_encoder_decoder": False,
    "add_cross_attention": False,
    "chunk_size_feed_forward": 0,
    "pruned_heads": {},
}


@dataclasses.dataclass
class BertConfig(EncoderConfig):
    """The shape of a BERT, in the words of bert_config.json.

    Attributes:
      vocab_size: rows of the word embedding table.
      hidden_size: D.
      num_hidden_layers: number of transformer blocks.
      num_attention_heads: N; divides hidden_size.
      intermediate_size: width of the feed-forward layer.
      hidden_act: `gelu` (exact), `gelu_new` or `gelu_pytorch_tanh` (tanh form), `relu`, `silu`,
        `tanh`.
      masked_lm_hidden_act: activation of the masked-LM transform; empty for hidden_act.
      masked_lm_layer_norm_eps: epsilon of its LayerNorm, which keras-hub has apart; 0 for
        layer_norm_eps.
      tie_word_embeddings: the masked-LM head scores with the word embeddings, not with a table of
        its own.
      use_pooler: the encoder has a pooler (checkpoints of masked LMs, taggers and span finders of
        Hugging Face have none).
      hidden_dropout_prob: dropout rate of embeddings and of both outputs of a block.
      attention_probs_dropout_prob: dropout rate of the attention probabilities.
      max_position_embeddings: longest sequence, in tokens.
      type_vocab_size: number of segments.
      initializer_range: standard deviation of the truncated normal all matrices start from.
      layer_norm_eps: epsilon of every LayerNorm.
      other_keys: keys of a foreign file that have no effect here, kept to be written back.
    """

    CONFIG_FILE = "bert_config.json"
    READS_UNTYPED_FILES = True  # Google's, and Hugging Face's of before model_type
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
    inputs = (
        "input_ids",
        "input_mask",
        "segment_ids",
        "position_ids",
        "example_ids",
        "cls_positions",
    )

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
    def from_size(cls, name: str, **changes: Any) -> "BertConfig":
        """The published size `name` (tiny, mini, small, medium, base, large) with `changes`."""
        if name not in SIZES:
            raise ValueError(f"unknown size {name!r}. Known: {', '.join(SIZES)}.")
        layers, hidden = SIZES[name]
        return cls(
            num_hidden_layers=layers,
            hidden_size=hidden,
            num_attention_heads=hidden // 64,
            intermediate_size=4 * hidden,
            **changes,
        )

    @classmethod
    def encoder_class(cls) -> type:
        from bert_tf.models.bert.encoder import BertEncoder

        return BertEncoder

    @property
    def longest_sequence(self) -> int:
        """Tokens of the longest sequence: every position has an embedding."""
        return self.max_position_embeddings

    def with_longest_sequence(self, number: int) -> "BertConfig":
        """A copy with `number` position embeddings."""
        return dataclasses.replace(self, max_position_embeddings=number)

    @classmethod
    def from_foreign(cls, values: Mapping[str, Any], path: str) -> "BertConfig":
        """Reads the content of a bert_config.json of Google or a config.json of Hugging Face.

        In Google's files `gelu` means the tanh form and is read as `gelu_new`; in Hugging Face's
        (recognised by `model_type`, `architectures` or `layer_norm_eps`) it is exact.

        Args:
          values: the JSON object.
          path: of the file, for messages.

        Raises:
          ValueError: another model type, or a feature that this encoder does not have.
        """
        if values.get("model_type", "bert") != "bert":
            raise ValueError(
                f"{path}: model_type is {values['model_type']!r}, expected 'bert'. This is another "
                "kind of model."
            )
        # ALBERT and MobileBERT have it in files without a model_type.
        only_supported = {**_ONLY_SUPPORTED, "embedding_size": values.get("hidden_size")}
        for key, supported in only_supported.items():
            if values.get(key, supported) != supported:
                raise ValueError(
                    f"{path}: {key} is {values[key]!r}; only {supported!r} is supported."
                )
        known = {field.name for field in dataclasses.fields(cls)} - {"other_keys"}
        config = cls(**{key: value for key, value in values.items() if key in known})
        config.other_keys = {key: value for key, value in values.items() if key not in known}
        unknown = set(config.other_keys) - _WITHOUT_EFFECT - set(only_supported)
        if unknown:
            logging.warning("%s: ignored unknown keys: %s", path, ", ".join(sorted(unknown)))
        is_hugging_face = {"model_type", "architectures", "layer_norm_eps"} & set(values)
        if config.hidden_act == "gelu" and not is_hugging_face:
            config.hidden_act = "gelu_new"
        return config.check(path)

    def check(self, source: str) -> "BertConfig":
        """Returns itself; ValueError for values of the wrong type or out of range."""
        super().check(source)
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"{source}: hidden_size ({self.hidden_size}) is not divisible by "
                f"num_attention_heads ({self.num_attention_heads})."
            )
        for name in filter(None, (self.hidden_act, self.masked_lm_hidden_act)):
            try:
                check_activation(name)
            except ValueError as error:
                raise ValueError(f"{source}: {error}") from error
        return self
