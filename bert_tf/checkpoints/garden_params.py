"""Model Garden's params.yaml: what the weights of a checkpoint beside it do not say.

Training writes the whole experiment, the tools that convert only the encoder; both are read. The
shapes come from the weights, and params.yaml must not say otherwise.
"""

import dataclasses
from collections.abc import Collection
from typing import Any

import tensorflow as tf
import yaml

from bert_tf.models.checkpoint_names import GardenParams
from bert_tf.models.model import EncoderConfig

NAME = "params.yaml"
_MAX_BYTES = 1 << 16  # ten times what an experiment takes; parsed in 2 s
# official.modeling.tf_utils.get_activation: "gelu" is the tanh form.
_ACTIVATIONS = {"gelu": "gelu_new", "relu": "relu", "silu": "silu", "swish": "silu", "tanh": "tanh"}
# What PyYAML raises for damaged files.
_YAML_ERRORS = (
    yaml.YAMLError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def complete(
    config: EncoderConfig, params: GardenParams, path: str, heads: Collection[str]
) -> EncoderConfig:
    """`config`, whose sizes are those of the weights, with the activations and rates of a file.

    Args:
      config: to be copied.
      params: which keys of the file are which fields of the config.
      path: of the params.yaml.
      heads: those that the checkpoint has.

    Raises:
      ValueError: not YAML, about another encoder, other sizes than the weights', or a model that
        computes what bert_tf does not.
    """
    model = _section(_section(_load(path), "task"), "model")
    encoder = _encoder(_section(model, "encoder"), params, path)
    for theirs, ours in params.sizes.items():
        expected = getattr(config, ours)
        if encoder.get(theirs, expected) != expected:
            raise ValueError(
                f"{path}: {theirs} is {_short(encoder[theirs])}, but the weights have {expected}. "
                "They do not belong together."
            )
    for key, supported in params.only_supported.items():
        _expect(encoder, key, supported, path)
    key, field = params.activation
    activation = _activation(encoder, key, path)
    changes = {ours: encoder[theirs] for theirs, ours in params.rates.items() if theirs in encoder}
    changes[field] = activation
    if "masked_lm" in heads:
        key, field = params.masked_lm_activation
        masked_lm = _activation(model, key, path)
        changes[field] = "" if masked_lm == activation else masked_lm
    if "next_sentence" in heads and isinstance(model.get("cls_heads"), list):
        for head in model["cls_heads"][:1]:
            _expect(head if isinstance(head, dict) else {}, "activation", "tanh", path)
    return dataclasses.replace(config, **changes).check(path)


class _Loader(yaml.SafeLoader):
    """Plain values only, and no merges (`<<`): by them a few lines ask for gigabytes."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leaves a merge as it stands, for which there is no constructor."""


def _load(path: str) -> dict[str, Any]:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ValueError(f"larger than {_MAX_BYTES:,} bytes")
        values = yaml.load(content, _Loader)
    except _YAML_ERRORS as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: not YAML as Model Garden writes it ({reason}).") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected keys and values, received {type(values).__name__}.")
    return values


def _section(values: dict[str, Any], name: str) -> dict[str, Any]:
    """The part called `name`; all of it in a file that holds only that part."""
    part = values.get(name)
    return part if isinstance(part, dict) else values


def _encoder(encoder: dict[str, Any], params: GardenParams, path: str) -> dict[str, Any]:
    kind = encoder.get("type")
    part = encoder.get(kind) if kind in params.types else None
    if not isinstance(part, dict):
        raise ValueError(
            f"{path}: the encoder's type is {_short(kind)}; expected {' or '.join(params.types)} "
            "with its settings. If the weights are of such an encoder, put its configuration file "
            "(bert_config.json) beside them."
        )
    return part


def _activation(values: dict[str, Any], key: str, path: str) -> str:
    name = values.get(key, "gelu")
    found = _ACTIVATIONS.get(name.lower()) if isinstance(name, str) else None
    if not found:
        raise ValueError(
            f"{path}: {key} is {_short(name)}; supported are {', '.join(_ACTIVATIONS)}."
        )
    return found


def _expect(values: dict[str, Any], key: str, supported: Any, path: str) -> None:
    if values.get(key, supported) != supported:
        raise ValueError(
            f"{path}: {key} is {_short(values[key])}; only {supported!r} is supported."
        )


def _short(value: Any) -> str:
    # Aliases of YAML can make a few lines a value of gigabytes.
    return repr(value)[:80] if isinstance(value, str | int | float | None) else type(value).__name__
