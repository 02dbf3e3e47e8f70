"""BERT: its configuration and its encoder.

Knows layers only; heads, losses and checkpoints of other projects live elsewhere. Every encoder
file exposes `Config` and `Encoder`: tasks and scripts find them by module name.

Shape suffixes: B batch, S sequence, E examples in a packed row, D hidden, N heads.

References: Devlin et al. 2018; names of variables and of configuration keys as in
google-research/bert.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from bert_tf.layers.activations import get_activation
from bert_tf.layers.attention import attention_bias
from bert_tf.layers.dropout import fold_in
from bert_tf.layers.embeddings import BertEmbeddings
from bert_tf.layers.heads import Pooler
from bert_tf.layers.recompute import recomputed
from bert_tf.layers.transformer import TransformerBlock

FORMAT_VERSION = 1

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
_AT_LEAST_ONE = frozenset(
    [
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
    ]
)


@dataclasses.dataclass
class BertConfig:
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
    def from_json(cls, path: str) -> "BertConfig":
        """Reads a bert_config.json or config.json of ours, of Google or of Hugging Face.

        Ours has a `format_version` and no unknown key. In Google's files `gelu` means the tanh form
        and is read as `gelu_new`; in Hugging Face's (recognised by `model_type`, `architectures` or
        `layer_norm_eps`) it is exact.

        Raises:
          ValueError: not JSON, a newer format, an unknown key in a file of ours, another model
            type, or a feature that this encoder does not have.
        """
        try:
            with tf.io.gfile.GFile(path) as file:
                values = json.load(file)
        except (json.JSONDecodeError, tf.errors.NotFoundError) as error:
            raise ValueError(
                f"{path}: expected a JSON file with a BERT configuration ({error})."
            ) from error
        if not isinstance(values, dict):
            raise ValueError(f"{path}: expected a JSON object, received {values!r}.")
        if "format_version" not in values:
            return cls._from_foreign(values, path)
        version = values.pop("format_version")
        if version > FORMAT_VERSION:
            raise ValueError(
                f"{path} has format_version {version}, this bert_tf reads up to {FORMAT_VERSION}. "
                "Install a newer bert_tf."
            )
        _refuse_unknown_keys(values, cls, path)
        return cls(**values).check(path)

    @classmethod
    def _from_foreign(cls, values: Mapping[str, Any], path: str) -> "BertConfig":
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
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            problem = _problem(value, field.type)
            if not problem and field.name.endswith("dropout_prob") and value >= 1:
                problem = "less than 1"
            if problem or (field.name in _AT_LEAST_ONE and value < 1):
                wanted = problem or "at least 1"
                raise ValueError(f"{source}: {field.name} is {value!r}; expected {wanted}.")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"{source}: hidden_size ({self.hidden_size}) is not divisible by "
                f"num_attention_heads ({self.num_attention_heads})."
            )
        for name in filter(None, (self.hidden_act, self.masked_lm_hidden_act)):
            try:
                get_activation(name)
            except ValueError as error:
                raise ValueError(f"{source}: {error}") from error
        return self

    def to_dict(self) -> dict[str, Any]:
        """Every field, as written to bert_config.json."""
        return dataclasses.asdict(self)


def _problem(value: Any, kind: type) -> str:
    """What was expected of a value that is not of type `kind`, or is no finite number; else ""."""
    if kind is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if is_number and 0 <= value < 2**31 else "a number that is not negative"
    if kind is int:
        is_whole = type(value) is int and 0 <= value < 2**31
        return "" if is_whole else "a whole number below 2**31"
    names = {bool: "true or false", str: "a string"}
    return "" if not isinstance(kind, type) or isinstance(value, kind) else names[kind]


def _refuse_unknown_keys(values: Mapping[str, Any], cls: type, path: str) -> None:
    known = [field.name for field in dataclasses.fields(cls)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(
            f"{path}: unknown keys {', '.join(unknown)}. Known: {', '.join(sorted(known))}."
        )


class BertEncoder(keras.Model):
    """The bidirectional encoder of Devlin et al. 2018, section 3.

    Args:
      config: its shape. The variables exist after construction.
      recompute: in training, keep only the inputs of each block for the backward pass.
      dtype: Keras dtype policy, for example "mixed_bfloat16".

    Call arguments:
      input_ids: int32 [B, S].
      input_mask: int32 [B, S], 1 for tokens; None for all ones.
      segment_ids: int32 [B, S]; None for zeros.
      position_ids: int32 [B, S]; None for 0..S-1.
      example_ids: int32 [B, S], which example of a packed row a token belongs to, 0 for padding.
      cls_positions: int32 [B, E], where the [CLS] of each example of a packed row stands.
      dropout_seed: int32 [2]; None for no dropout.
      output_hidden_states: also return every layer's output.
      output_attention_probs: also return every layer's attention probabilities.

    Returns:
      A dict of `sequence_output` [B, S, D] and, with `config.use_pooler`, `pooled_output` [B, D]
      ([B, E, D] when `cls_positions` is given); on request `hidden_states` (num_hidden_layers + 1
      tensors [B, S, D], the embeddings first) and `attention_probs` (num_hidden_layers tensors
      float32 [B, N, S, S]).
    """

    def __init__(self, config: BertConfig, *, recompute=False, name: str = "bert", **kwargs):
        super().__init__(name=name, **kwargs)
        self.config, self.recompute = config, recompute
        policy = {"dtype": self.dtype_policy}
        shape = {
            "hidden_size": config.hidden_size,
            "initializer_range": config.initializer_range,
        }
        norm = {
            "layer_norm_eps": config.layer_norm_eps,
            "hidden_dropout_prob": config.hidden_dropout_prob,
        }
        self.embeddings = BertEmbeddings(
            vocab_size=config.vocab_size,
            max_position_embeddings=config.max_position_embeddings,
            type_vocab_size=config.type_vocab_size,
            name="embeddings",
            **shape,
            **norm,
            **policy,
        )
        self.blocks = [
            TransformerBlock(
                num_attention_heads=config.num_attention_heads,
                intermediate_size=config.intermediate_size,
                hidden_act=config.hidden_act,
                attention_probs_dropout_prob=config.attention_probs_dropout_prob,
                name=f"layer_{index}",
                **shape,
                **norm,
                **policy,
            )
            for index in range(config.num_hidden_layers)
        ]
        self.pooler = Pooler(name="pooler", **shape, **policy) if config.use_pooler else None
        self.build()

    def build(self, input_shape=None):
        # All shapes follow from the config: building here makes the variable paths the same however
        # the encoder is called first.
        self.embeddings.build()
        with keras.name_scope("encoder"):
            for block in self.blocks:
                block.build()
        if self.pooler is not None:
            self.pooler.build()
        self.built = True

    def call(
        self,
        input_ids,
        input_mask=None,
        segment_ids=None,
        position_ids=None,
        example_ids=None,
        cls_positions=None,
        dropout_seed=None,
        output_hidden_states=False,
        output_attention_probs=False,
    ):
        input_mask = tf.ones_like(input_ids) if input_mask is None else input_mask
        segment_ids = tf.zeros_like(input_ids) if segment_ids is None else segment_ids
        bias = attention_bias(input_mask, example_ids)
        hidden_BSD = self.embeddings(
            input_ids, segment_ids, position_ids, dropout_seed=fold_in(dropout_seed, 0)
        )
        hidden_states, attention_probs = [hidden_BSD], []
        for index, block in enumerate(self.blocks):
            seed = fold_in(dropout_seed, index + 1)
            keeps = seed is None or output_attention_probs or not self.recompute
            run = block if keeps else recomputed(block)
            hidden_BSD, probs_BNSS = run(hidden_BSD, bias, dropout_seed=seed)
            hidden_states.append(hidden_BSD)
            attention_probs.append(probs_BNSS)
        outputs = {"sequence_output": hidden_BSD}
        if self.pooler is not None:
            outputs["pooled_output"] = self.pooler(hidden_BSD, cls_positions)
        if output_hidden_states:
            outputs["hidden_states"] = hidden_states
        if output_attention_probs:
            outputs["attention_probs"] = attention_probs
        return outputs

    def get_config(self):
        return {
            "config": self.config.to_dict(),
            "recompute": self.recompute,
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(BertConfig(**config.pop("config")), **config)


Config = BertConfig
Encoder = BertEncoder
