"""Configs whose fields are the keys of the model's published configuration file.

Needs neither TensorFlow nor Keras.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

from absl import logging

from bert_tf import members
from bert_tf.layers.activation_names import SYNONYMS, check_activation
from bert_tf.models.model import BlockSize, EncoderConfig

# The inputs of an encoder with segments (`EncoderConfig.inputs`).
WITH_SEGMENTS = (
    "input_ids",
    "input_mask",
    "segment_ids",
    "position_ids",
    "example_ids",
    "cls_positions",
)

# Keys of other projects' files. Keys of the first kind do not change the numbers and are kept. Keys
# of the second kind are an error with any other value, which would change the computation.
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
_PRUNED = ("heads_per_block", "units_per_block")
_ONLY_SUPPORTED = {
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "is_encoder_decoder": False,
    "add_cross_attention": False,
    "chunk_size_feed_forward": 0,
    "pruned_heads": {},
}


def _usual_activation(key: str, value: Any) -> Any:
    """The value of a key; an activation gets its name in bert_tf."""
    is_activation = key in ("hidden_act", "activation", "hidden_activation")
    return SYNONYMS.get(value, value) if is_activation and isinstance(value, str) else value


@dataclasses.dataclass(kw_only=True)
class PublishedConfig(EncoderConfig):
    """Base class of configs that read and keep the published file of their model.

    A subclass is a dataclass with a field `other_keys`, a dict.

    Class attributes:
      WITHOUT_EFFECT: more keys that do not change the numbers.
      ONLY_OURS: fields that the published file does not have.
      SIZES: {name of a published size: its fields that differ from the defaults}.
      GELU_OF_UNTYPED_FILES: the meaning of `hidden_act` "gelu" in a file without `model_type`.
        Google's code of BERT and ALBERT computes the tanh form.
      first_position: the position of the first token; no token uses earlier rows of the table.

    Attributes:
      heads_per_block: of a pruned encoder: the number of attention heads in each block with weights
        of its own. A head stays hidden_size / num_attention_heads wide (dim / n_heads in
        DistilBERT). Empty: all blocks have all heads.
      units_per_block: of a pruned encoder: the width of the feed-forward layer in each block with
        weights of its own. Empty: all blocks have the same.
    """

    WITHOUT_EFFECT = ()
    GELU_OF_UNTYPED_FILES = "gelu"
    first_position = 0
    ONLY_OURS = ("use_pooler", "other_keys", *_PRUNED)
    SIZES = {}

    heads_per_block: tuple[int, ...] = ()
    units_per_block: tuple[int, ...] = ()

    def __post_init__(self):
        for name in _PRUNED:  # JSON has lists
            if isinstance(getattr(self, name), list):
                setattr(self, name, tuple(getattr(self, name)))

    @classmethod
    def from_size(cls, name: str, **changes: Any) -> Self:
        """The published size `name`, one of `SIZES`, with `changes`."""
        if name not in cls.SIZES:
            raise ValueError(f"unknown size {name!r}. Known: {', '.join(cls.SIZES)}.")
        return cls(**{**cls.SIZES[name], **changes})

    @classmethod
    def only_supported(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """{key: the only value that this encoder supports}, for a file with these values."""
        del values
        return dict(_ONLY_SUPPORTED)

    @classmethod
    def from_foreign(cls, values: Mapping[str, Any], path: str) -> Self:
        """Reads the content of a config.json of another project.

        Args:
          values: the JSON object.
          path: of the file, for messages.

        Raises:
          ValueError: the file has another model type, or a feature that this encoder lacks.
        """
        expected = members.name_of(cls)
        if str(values.get("model_type", expected)).replace("-", "_") != expected:
            raise ValueError(
                f"{path}: model_type is {values['model_type']!r}; expected {expected!r}. This is "
                "another kind of model."
            )
        only_supported = cls.only_supported(values)
        for key, supported in only_supported.items():
            if values.get(key, supported) != supported:
                raise ValueError(
                    f"{path}: {key} is {values[key]!r}; only {supported!r} is supported."
                )
        values = {key: _usual_activation(key, value) for key, value in values.items()}
        known = {field.name for field in dataclasses.fields(cls)} - {"other_keys"}
        config = cls(**{key: value for key, value in values.items() if key in known})
        config.other_keys = {key: value for key, value in values.items() if key not in known}
        unknown = set(config.other_keys) - _WITHOUT_EFFECT - set(cls.WITHOUT_EFFECT)
        unknown -= set(only_supported)
        if unknown:
            logging.warning("%s: ignored unknown keys: %s", path, ", ".join(sorted(unknown)))
        return config._in_our_words(values).check(path)

    def _in_our_words(self, values: Mapping[str, Any]) -> Self:
        """Gives `hidden_act` the meaning that it has in the file with `values`.

        Hugging Face's files have `model_type`, `architectures` or `layer_norm_eps`.
        """
        is_typed = {"model_type", "architectures", "layer_norm_eps"} & set(values)
        meant = self.GELU_OF_UNTYPED_FILES
        if is_typed or self.hidden_act != "gelu" or meant == "gelu":
            return self
        return dataclasses.replace(self, hidden_act=meant)

    @property
    def longest_sequence(self) -> int:
        """Tokens of the longest sequence: every position has an embedding."""
        return self.max_position_embeddings - self.first_position

    def with_longest_sequence(self, number: int) -> Self:
        """A copy with the position embeddings of `number` tokens."""
        return dataclasses.replace(self, max_position_embeddings=number + self.first_position)

    def to_dict(self) -> dict[str, Any]:
        """See `EncoderConfig`. The sizes of a pruned encoder are written only if it is one."""
        values = super().to_dict()
        pruned = {name: values.pop(name) for name in _PRUNED}
        return {**values, **{name: sizes for name, sizes in pruned.items() if sizes}}

    @property
    def num_own_blocks(self) -> int:
        """How many blocks have weights of their own."""
        return self.num_hidden_layers

    @property
    def block_sizes(self) -> list[BlockSize]:
        """See `EncoderConfig`."""
        heads = self.heads_per_block or (self.num_attention_heads,) * self.num_own_blocks
        units = self.units_per_block or (self.intermediate_size,) * self.num_own_blocks
        width = self.hidden_size // self.num_attention_heads
        return [BlockSize(n, width, f) for n, f in zip(heads, units, strict=True)]

    def resized(self, layers: Sequence[int], heads: Sequence[int], units: Sequence[int]) -> Self:
        """See `EncoderConfig`. Sizes that the published fields can say are said by them."""
        if len(layers) < self.num_hidden_layers and not self.can_lose_layers:
            raise ValueError(f"{self.model_type} cannot lose single layers, only heads and units.")
        _, feed_forward, depth, _ = self.SIZE_FIELDS
        changes: dict[str, Any] = {depth: len(layers)}
        is_whole = set(heads) == {self.num_attention_heads}
        changes["heads_per_block"] = () if is_whole else tuple(heads)
        is_even = len(set(units)) == 1
        changes["units_per_block"] = () if is_even else tuple(units)
        if is_even:
            changes[feed_forward] = units[0]
        return dataclasses.replace(self, **changes).check("the pruned encoder")

    def with_layers(self, layers: Sequence[int]) -> Self:
        """See `EncoderConfig`. The blocks of a pruned encoder keep their sizes."""
        numbers = [layer - 1 for layer in layers]
        smaller = super().with_layers(layers)
        if not (self.heads_per_block or self.units_per_block):
            return smaller
        sizes = [self.block_sizes[block] for block in sorted(set(self.blocks_of(numbers)))]
        heads, units = [size.heads for size in sizes], [size.units for size in sizes]
        return self.resized(numbers, heads, units)

    @property
    def beyond_published(self) -> str:
        """See `EncoderConfig`."""
        told = [f"{name} {list(getattr(self, name))}" for name in _PRUNED if getattr(self, name)]
        return " and ".join(told)

    def scaled(self, width: float, depth: float) -> Self:
        """See `EncoderConfig`. Of a pruned encoder, the size before pruning is scaled."""
        whole = dataclasses.replace(self, **dict.fromkeys(_PRUNED, ()))
        return super(PublishedConfig, whole).scaled(width, depth)

    def published(self) -> dict[str, Any]:
        """The keys of the published file, with those of another project that were kept."""
        fields = dataclasses.asdict(self)
        return {
            **self.other_keys,
            **{key: value for key, value in fields.items() if key not in self.ONLY_OURS},
        }

    def check(self, source: str) -> Self:
        """Returns itself; ValueError for values of the wrong type or out of range."""
        super().check(source)
        if self.hidden_size % self.num_attention_heads:
            width, _, _, heads = self.SIZE_FIELDS
            raise ValueError(
                f"{source}: {width} ({self.hidden_size}) is not divisible by {heads} "
                f"({self.num_attention_heads})."
            )
        _, feed_forward, _, heads = self.SIZE_FIELDS
        self._check_sizes(f"{source}: heads_per_block", self.heads_per_block, heads)
        self._check_sizes(f"{source}: units_per_block", self.units_per_block, feed_forward)
        for name in filter(None, (self.hidden_act, getattr(self, "masked_lm_hidden_act", ""))):
            try:
                check_activation(name)
            except ValueError as error:
                raise ValueError(f"{source}: {error}") from error
        return self

    def _check_sizes(self, key: str, sizes: Any, field: str) -> None:
        """Raises ValueError for sizes that are not one for each block, or are out of range."""
        most, count = getattr(self, field), self.num_own_blocks
        if sizes == ():
            return
        good = isinstance(sizes, tuple) and len(sizes) == count
        if not good or not all(type(size) is int and 1 <= size <= most for size in sizes):
            raise ValueError(
                f"{key} is {sizes!r}; expected {count} whole numbers between 1 and {field} "
                f"({most}), one for each block."
            )
