"""The names of a model's tensors in the files of other projects: the classes in CHECKPOINT_NAMES.

A package of bert_tf.models, or a module outside, exports the following if it can be converted:

    CHECKPOINT_NAMES = {"hugging_face": HuggingFaceNames(...), "google": GoogleNames(...)}

It has an entry for each format of this model. The formats are modules of bert_tf.checkpoints, which
know files and containers and take the names from here. This module needs neither TensorFlow nor
Keras.
"""

import dataclasses
import itertools
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

PLACEHOLDER = r"\{(?P<what>[in])(?:\+(?P<plus>\d))?\}"
LARGEST_GROUP = 16  # most layers in a group (`{j}`); published models have one


@dataclasses.dataclass(frozen=True)
class Rule:
    """One tensor: its name in the other project ("theirs") and in bert_tf ("ours").

    Attributes:
      theirs: its name in the file. `{i}` is the number of the layer, `{n}` the number of layers;
        `{i+4}` and `{n+4}` are these numbers plus 4, and so on. For layers in groups, `{i}` is the
        number of the group, and `{j}` the number in the group.
      ours: the path of our variable, with `{i}`, or `{i}` and `{j}`.
      transposed: theirs is the transpose of ours.
      heads_axis: the axis of ours that is two axes in theirs, [number of heads, head size]. None:
        the axes are the same.
      rows_before: number of rows that only ours has, before the first of theirs. No token uses
        them: they are 0 after reading, and are not written.
      spare: a separate path for this tensor, if the file also has another tensor for `ours`. The
        spare tensor is kept, not used, and written back. "": the file has only one.
    """

    theirs: str
    ours: str
    transposed: bool = False
    heads_axis: int | None = None
    rows_before: int = 0
    spare: str = ""

    def for_layers(self, num_layers: int) -> Iterator["Rule"]:
        """Yields the rule for each layer, or only this rule if it has no number of a layer."""
        inner = LARGEST_GROUP if "{j}" in self.ours else 1
        for i, j in itertools.product(range(num_layers if "{i}" in self.ours else 1), range(inner)):
            theirs = in_layer(self.theirs, i, num_layers).replace("{j}", str(j))
            ours = self.ours.replace("{i}", str(i)).replace("{j}", str(j))
            yield dataclasses.replace(self, theirs=theirs, ours=ours)

    def their_shape(self, shape: tuple[int, ...], num_heads: int) -> tuple[int, ...]:
        """The shape of their tensor.

        Args:
          shape: the shape of our variable.
          num_heads: N, of the attention; only for rules with a `heads_axis`.
        """
        if self.heads_axis is not None:
            axis = self.heads_axis
            shape = (*shape[:axis], num_heads, shape[axis] // num_heads, *shape[axis + 1 :])
        if self.rows_before:
            shape = (shape[0] - self.rows_before, *shape[1:])
        return shape[::-1] if self.transposed else shape


def in_layer(name: str, i: int, num_layers: int) -> str:
    """Replaces `{i}`, `{i+4}`, `{n}`, `{n+5}` and the like with the numbers of layer `i`."""
    numbers = {"i": i, "n": num_layers}
    return re.sub(
        PLACEHOLDER, lambda found: str(numbers[found["what"]] + int(found["plus"] or 0)), name
    )


def no_losses(config: Any, heads: Collection[str]) -> list[str]:
    """The `losses` of a format that can hold every setting."""
    del config, heads
    return []


@dataclasses.dataclass(frozen=True, kw_only=True)
class Names:
    """The names that every format needs.

    Attributes:
      rules: one for each tensor, heads included. A format's own heads are below the paths of
        `bert_tf.checkpoints.heads`.
      labels: their name of the tensor with one number for each label; several names if the
        classifiers of texts and of tokens differ. Empty: no classifier.
      losses: takes the config and the names of the heads (`bert_tf.checkpoints.heads`); returns a
        sentence for each setting that the format cannot hold.
    """

    rules: Collection[Rule]
    labels: str | tuple[str, ...] = ()
    losses: Callable[[Any, Collection[str]], list[str]] = no_losses


@dataclasses.dataclass(frozen=True, kw_only=True)
class HuggingFaceNames(Names):
    """A model in Hugging Face's format.

    Attributes:
      model_type: the value in config.json; empty: the name of the encoder.
      classifier_dropout: the key of config.json for the dropout rate of the classifier.
      prefix: begins the names of the encoder's tensors in classes with a head, for example "bert.";
        the rules have the names without it.
      classes: {task: (class in transformers, whether its encoder has a pooler)}. The tasks are the
        ones of `bert_tf.checkpoints.heads`, and "masked_lm" for pretraining without next sentence.
      renamed: {task: {name in the rules: name in the class for this task}}.
      older: {part of a name in older files: the same part in the rules}.
      ignored: {name of a tensor that is not a weight: why it is left out}.
      copies: {name of a tensor: name of the tensor in the rules that it must equal}.
      tied: {name of the table of the masked-LM scores: name of the word embeddings}, for a config
        with `tie_word_embeddings`. Empty: the model cannot have such a table.
      to_config: config of the model -> keys of config.json.
    """

    prefix: str
    classes: Mapping[str, tuple[str, bool]]
    model_type: str = ""
    classifier_dropout: str = "classifier_dropout"
    renamed: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    older: Mapping[str, str] = dataclasses.field(default_factory=dict)
    ignored: Mapping[str, str] = dataclasses.field(default_factory=dict)
    copies: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tied: Mapping[str, str] = dataclasses.field(default_factory=dict)
    to_config: Callable[[Any], dict[str, Any]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoogleNames(Names):
    """A model in the format of google-research's TensorFlow 1 code.

    Attributes:
      config_file: name of the configuration file.
      marks: without that file, a checkpoint with one of these names is of this model.
      infer: ({their name: shape}, source for messages) -> config. None: the configuration file
        always exists.
      to_config: config of the model -> keys of the configuration file.
      left_out: all names in the file -> {name: why it is left out}.
    """

    config_file: str
    marks: Collection[str] = ()
    infer: Callable[[Mapping[str, tuple[int, ...]], str], Any] | None = None
    left_out: Callable[[Collection[str]], dict[str, str]] = lambda names: {}
    to_config: Callable[[Any], dict[str, Any]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GardenPretrainer:
    """A class of Model Garden that contains an encoder; by default BertPretrainerV2.

    Attributes:
      encoder: the attribute that is the encoder.
      nodes: how the names of its own tensors begin; all others are the encoder's.
      left_out: all names in the file -> {name: why it is left out}.
    """

    encoder: str = "encoder_network"
    nodes: tuple[str, ...] = ("masked_lm/", "classification_heads/", "next_sentence..")
    left_out: Callable[[Collection[str]], dict[str, str]] = lambda names: {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class GardenNames(Names):
    """A model in the format of TensorFlow Model Garden.

    The rules have the names below the encoder, and below the pretrainer that contains it.

    Attributes:
      marks: a file with all of these names is of this model.
      aliases: all names in a file -> {name of a node in other classes of Model Garden: its name in
        the rules}.
      hidden: a size that the weights do not show, with the reason; "": they show all sizes. Such a
        checkpoint needs its params.yaml or configuration file.
      infer: ({their name: shape}, source for messages) -> config.
      params: the keys of the model in params.yaml.
      pretrainer: the class around the encoder.
    """

    marks: Collection[str]
    aliases: Callable[[Collection[str]], Mapping[str, str]]
    hidden: str = ""
    infer: Callable[[Mapping[str, tuple[int, ...]], str], Any]
    params: "GardenParams"
    pretrainer: GardenPretrainer = GardenPretrainer()


@dataclasses.dataclass(frozen=True, kw_only=True)
class GardenParams:
    """The encoder's section of Model Garden's params.yaml.

    Attributes:
      section: the encoder's key in the section of the model.
      types: values of the encoder's `type` for this model.
      sizes: {their key: field of the config} of settings that must agree with the weights.
      others: {their key: field of the config} of settings that are read from the file.
      only_supported: {their key: the only value that this model can have}.
      activation: (their key, field of the config) of the encoder's activation.
      masked_lm_activation: the same for the masked-LM head. The field is "" in a config with one
        activation for both; otherwise its value is "" where both are the same.
    """

    section: str = "encoder"
    types: Collection[str]
    sizes: Mapping[str, str]
    others: Mapping[str, str]
    only_supported: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    activation: tuple[str, str]
    masked_lm_activation: tuple[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasNames(Names):
    """A model in keras-hub's format.

    Attributes:
      backbone: name of keras-hub's class.
      tasks: {task of `bert_tf.checkpoints.heads`: keras-hub's class for it}.
      tokenizer: name of keras-hub's class.
      config: {key of keras-hub's config: field of ours}.
      absent: names in the rules of tensors that keras-hub's class does not have; they are 0.
      larger: {field of ours: how much it is larger than the key}.
      equal: {field of ours: the field that it equals in keras-hub's class}.
      fixed: {field of ours: its value in keras-hub's class}.
    """

    backbone: str
    tasks: Mapping[str, str]
    tokenizer: str
    config: Mapping[str, str]
    absent: Collection[str] = ()
    larger: Mapping[str, int] = dataclasses.field(default_factory=dict)
    equal: Mapping[str, str] = dataclasses.field(default_factory=dict)
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict)
