"""The config of an encoder: the contract of every package in bert_tf.models.

Importing a config needs neither TensorFlow nor Keras, so that listing and checking settings is
fast. The Keras side of the contract is `bert_tf.models.encoder`.
"""

import dataclasses
import json
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from bert_tf import files, members

FORMAT_VERSION = 1


@dataclasses.dataclass(frozen=True)
class BlockSize:
    """The size of a block.

    Attributes:
      heads: of its attention.
      head_size: width of a head.
      units: width of its feed-forward layer.
    """

    heads: int
    head_size: int
    units: int


class EncoderConfig:
    """Base class of the configs of encoders.

    A subclass is a dataclass. Its fields have the published names in the encoder's own
    configuration file. These fields or properties are required:

      vocab_size: rows of the word embedding table.
      hidden_size: width of `sequence_output`.
      num_hidden_layers: number of blocks.
      longest_sequence: tokens of the longest sequence.
      initializer_range: standard deviation of the initial weights of heads.
      use_pooler: whether there is a `pooled_output`. An encoder that cannot have one keeps the
        False of this class.
      inputs: names of the batch entries that the encoder takes, in the order of its arguments.
      num_attention_heads, intermediate_size: only for the default of `block_sizes`, from which
        come the defaults of `forward_flops` and `activation_values`.
      hidden_act, layer_norm_eps, masked_lm_hidden_act, masked_lm_layer_norm_eps,
        tie_word_embeddings: optional, for the default masked-LM head.

    Class attributes:
      ROOM, NAME_KEY: `config.as_json` finds the class by them.
      CONFIG_FILE: name of the file in a model folder.
      AT_LEAST_ONE: fields that must not be 0.
      TRAINING_FIELDS: fields that are not the shape of the model. A run that starts from a
        checkpoint can set them; all other fields come from the checkpoint.
      SIZE_FIELDS: its fields for the width, the width of the feed-forward layer, the number of
        blocks and the number of attention heads. `scaled` changes them.
      READS_UNTYPED_FILES: another project's configuration file without `model_type` is of this
        encoder, if it has the keys in UNTYPED_KEYS and fits no other encoder with more such keys.
      UNTYPED_KEYS: keys that identify such a file.
      CLASSIFIER_POOLING: the input of this encoder's published classifiers: the "pooler" or, as
        here, the "cls" token.
    """

    ROOM, NAME_KEY = "models", "model_type"
    CONFIG_FILE = "config.json"
    # Without annotations, because annotated names would be fields of the dataclasses.
    AT_LEAST_ONE = ()
    TRAINING_FIELDS = ("hidden_dropout_prob", "attention_probs_dropout_prob")

    READS_UNTYPED_FILES = False
    UNTYPED_KEYS = ()
    SIZE_FIELDS = (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
    )
    CLASSIFIER_POOLING = "cls"

    use_pooler = False
    inputs = ("input_ids", "input_mask", "position_ids", "example_ids", "cls_positions")

    @classmethod
    def encoder_class(cls) -> type:
        """The `bert_tf.models.encoder.Encoder` of this config. Imports Keras."""
        raise NotImplementedError(f"{cls.__name__} does not say its encoder_class()")

    @property
    def model_type(self) -> str:
        """The name with which `members.find("models", ...)` finds the module of this config."""
        return members.name_of(type(self))

    @property
    def classifier_pooling(self) -> str:
        """The pooling of a classifier, unless its task sets another.

        It is `CLASSIFIER_POOLING`, or the "cls" token if there is no pooler.
        """
        return self.CLASSIFIER_POOLING if self.use_pooler else "cls"

    def with_longest_sequence(self, number: int) -> Self:
        """A copy for sequences of `number` tokens; ValueError if the encoder cannot change it."""
        raise ValueError(
            f"the longest sequence of {type(self).__name__} cannot be changed to {number}: it has "
            "no with_longest_sequence()."
        )

    def with_layers(self, layers: Sequence[int]) -> Self:
        """A copy for an encoder of some of the blocks of this one, for a smaller model.

        Args:
          layers: the numbers of the layers to keep, from 1, ascending.

        Raises:
          ValueError: a layer is not there, or the config does not have the fields of SIZE_FIELDS.
        """
        there, name = self.num_hidden_layers, self.SIZE_FIELDS[2]
        wrong = [layer for layer in layers if not 1 <= layer <= there]
        if wrong or not layers or list(layers) != sorted(set(layers)):
            raise ValueError(
                f"layers {', '.join(map(str, layers)) or 'none'} of a model with {there} layers; "
                f"expected different numbers from 1 to {there}, in ascending order."
            )
        if name not in _field_names(type(self)):
            raise ValueError(
                f"{type(self).__name__} has no field {name}, so layers cannot be chosen. Its "
                "SIZE_FIELDS must name its own fields."
            )
        return dataclasses.replace(self, **{name: len(layers)})

    @property
    def block_sizes(self) -> list[BlockSize]:
        """The size of each block with weights of its own; here all are equal."""
        _, feed_forward, _, heads = (getattr(self, name, 0) for name in self.SIZE_FIELDS)
        size = BlockSize(heads, self.hidden_size // heads, feed_forward)
        return [size] * self.num_hidden_layers

    def blocks_of(self, layers: Sequence[int]) -> list[int]:
        """Which of `block_sizes` these layers run, in this order; here each layer is a block."""
        return list(layers)

    @property
    def can_lose_layers(self) -> bool:
        """Whether `resized` can take out single layers."""
        return True

    def resized(self, layers: Sequence[int], heads: Sequence[int], units: Sequence[int]) -> Self:
        """A copy without some layers, heads and feed-forward units.

        Args:
          layers: the numbers of the layers that stay, ascending.
          heads, units: how many stay in each block of `blocks_of(layers)`, ascending, each once.

        Raises:
          ValueError: the encoder cannot be pruned, or not so.
        """
        del layers, heads, units
        raise ValueError(f"{self.model_type} cannot be pruned: its config has no resized().")

    @property
    def block_parameters(self) -> int:
        """The parameters of all blocks, those that run several times once; not of embeddings."""
        return sum(_block_parameters(self.hidden_size, size) for size in self.block_sizes)

    @property
    def beyond_published(self) -> str:
        """What the published file of this encoder cannot say about this one; "" for nothing."""
        return ""

    @property
    def embedding_width(self) -> int:
        """W, of the word embeddings."""
        return getattr(self, "embedding_size", self.hidden_size)

    def scaled(self, width: float, depth: float) -> Self:
        """A copy of another size, without a pooler; the embedding size, if there is one, stays.

        Heads are 64 wide, or a little more if the width is not a multiple of 64.

        Args:
          width: multiplies the width, and the width of the feed-forward layers.
          depth: multiplies the number of blocks.

        Raises:
          ValueError: the config does not have the fields that SIZE_FIELDS names.
        """
        missing = set(self.SIZE_FIELDS) - set(_field_names(type(self)))
        if missing:
            raise ValueError(
                f"{type(self).__name__} has no field {', '.join(sorted(missing))}, so its size "
                "cannot be changed. Its SIZE_FIELDS must name its own fields."
            )
        hidden, feed_forward, layers, heads = self.SIZE_FIELDS
        wide = max(1, round(getattr(self, hidden) * width))
        num_heads = next(n for n in range(max(1, wide // 64), 0, -1) if wide % n == 0)
        changes = {
            hidden: wide,
            feed_forward: max(1, round(getattr(self, feed_forward) * width)),
            layers: max(1, round(getattr(self, layers) * depth)),
            heads: num_heads,
        }
        if "use_pooler" in _field_names(type(self)):
            changes["use_pooler"] = False
        return dataclasses.replace(self, **changes)

    @classmethod
    def from_json(cls, path: str) -> Self:
        """Reads a configuration file of bert_tf, or of another project if the class can.

        A file of bert_tf has a `format_version` and no unknown keys.

        Raises:
          FileNotFoundError: there is no such file.
          ValueError: the file is not JSON, has a newer format, another model type, a feature that
            this encoder does not have, or, as a file of bert_tf, an unknown key.
        """
        values = files.read_json(path)
        if "format_version" not in values:
            return cls.from_foreign(values, path)
        files.refuse_newer(path, values.pop("format_version"), FORMAT_VERSION)
        if "model_type" in values and "model_type" not in _field_names(cls):
            expected, found = members.name_of(cls), values.pop("model_type")
            if found != expected:
                raise ValueError(f"{path}: model_type is {found!r}; expected {expected!r}.")
        _refuse_unknown_keys(values, cls, path)
        return cls(**values).check(path)

    @classmethod
    def from_foreign(cls, values: Mapping[str, Any], path: str) -> Self:
        """Reads the content of another project's file; this default cannot read any."""
        raise ValueError(
            f"{path}: it has no format_version, so bert_tf did not write it. {cls.__name__} cannot "
            "read files of other projects."
        )

    def to_dict(self) -> dict[str, Any]:
        """The content of the file: every field, and the model type if the file has it."""
        fields = dataclasses.asdict(self)
        return (
            fields
            if self.CONFIG_FILE != "config.json"
            else {"model_type": self.model_type} | fields
        )

    def to_json(self) -> str:
        """The content of `CONFIG_FILE`, as `from_json` reads it."""
        values = {"format_version": FORMAT_VERSION, **self.to_dict()}
        return json.dumps(values, indent=2) + "\n"

    def check(self, source: str) -> Self:
        """Returns itself; ValueError for values of the wrong type or out of range.

        A subclass can check more.

        Args:
          source: the source of the values, for messages.
        """
        types = typing.get_type_hints(type(self))
        for name in _field_names(type(self)):
            value = getattr(self, name)
            problem = _problem(value, types[name])
            if not problem and "dropout" in name and value >= 1:
                problem = "less than 1"
            if not problem and name in self.AT_LEAST_ONE and value < 1:
                problem = "at least 1"
            if problem:
                raise ValueError(f"{source}: {name} is {value!r}; expected {problem}.")
        return self

    def forward_flops(self, sequence_length: float, num_predictions: int = 0) -> float:
        """Floating-point operations of a forward pass over one sequence, masked-LM head included.

        It is 2 x non-embedding parameters of the blocks x tokens, plus attention, plus the
        masked-LM head (Kaplan et al. 2020, section 2.1). A block counts each time that it runs.
        Dropout, activations and other heads are not included.

        Args:
          sequence_length: S, tokens.
          num_predictions: P, tokens that the masked-LM head predicts; 0 without that head.
        """
        S, P, D = sequence_length, num_predictions, self.hidden_size
        total = 2 * P * (self.vocab_size * D + D * D)
        for size in self._sizes_that_run():
            A = size.heads * size.head_size
            attention = 4 * S * S * A  # scores and context: 2 products of 2 S S A
            total += 2 * _block_parameters(D, size) * S + attention
        return total

    def _sizes_that_run(self) -> list[BlockSize]:
        sizes = self.block_sizes
        return [sizes[block] for block in self.blocks_of(range(self.num_hidden_layers))]

    def activation_values(self, sequence_length: int, recompute: bool = False) -> float:
        """The number of values that the backward pass needs from the forward pass of one sequence.

        For each block: 17 S D and 2.5 N S S, including dropout masks (Korthikanti et al. 2022,
        section 4.1, who count bytes of 2-byte values), with an intermediate size of F instead of
        4 D. Of these, 4 S D are as wide as all heads: queries, keys, values and context. The
        masked-LM head is not included.

        Args:
          sequence_length: S, tokens.
          recompute: keep the values of one block, and the inputs of all blocks.
        """
        S, D = sequence_length, self.hidden_size
        per_token = [
            5 * D + 4 * size.heads * size.head_size + 2 * size.units + 2.5 * size.heads * S
            for size in self._sizes_that_run()
        ]
        return (max(per_token) + len(per_token) * D if recompute else sum(per_token)) * S


def _block_parameters(hidden_size: int, size: BlockSize) -> int:
    """The number of parameters of a block like BERT's: four matrices of attention, two of the rest.

    All have a bias, and there are two norms.
    """
    D, A, F = hidden_size, size.heads * size.head_size, size.units
    attention_parameters = 4 * D * A + 3 * A + D
    feed_forward_parameters = 2 * D * F + F + D
    return attention_parameters + feed_forward_parameters + 4 * D


def _field_names(cls: type) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]


def _refuse_unknown_keys(values: Mapping[str, Any], cls: type, path: str) -> None:
    known = _field_names(cls)
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(
            f"{path}: unknown keys {', '.join(unknown)}. Known: {', '.join(sorted(known))}."
        )


def imported_on_use(name: str, config: type[EncoderConfig]) -> Callable[[str], Any]:
    """Makes a package's `__getattr__`, which imports the encoder when it is used.

    Args:
      name: of the encoder's class.
      config: its config.
    """

    def get(wanted: str) -> Any:
        if wanted == name:
            return config.encoder_class()
        raise AttributeError(f"the package of {name} has no attribute {wanted!r}")

    return get


def _problem(value: Any, kind: type) -> str:
    """What was expected, if a value does not have the type `kind` or is not finite; else ""."""
    if kind is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if is_number and 0 <= value < 2**31 else "a number that is not negative"
    if kind is int:
        is_whole = type(value) is int and 0 <= value < 2**31
        return "" if is_whole else "a whole number below 2**31"
    names = {bool: "true or false", str: "a string"}
    return "" if not isinstance(kind, type) or isinstance(value, kind) else names[kind]
