"""Model Garden's params.yaml: settings that the weights beside it do not show.

Training writes the whole experiment, conversion tools write only the encoder; both can be read. The
weights decide the shapes, and params.yaml must agree.
"""

import dataclasses
from collections.abc import Collection
from typing import Any

import tensorflow as tf
import yaml

from bert_tf.models.checkpoint_names import GardenParams
from bert_tf.models.model import EncoderConfig

NAME = "params.yaml"
_MAX_BYTES = 1 << 16  # ten times the size of an experiment; parsed in 2 s
# official.modeling.tf_utils.get_activation: "gelu" is the tanh form.
_ACTIVATIONS = {"gelu": "gelu_new", "relu": "relu", "silu": "silu", "swish": "silu", "tanh": "tanh"}
# PyYAML's exceptions for damaged files.
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
    """Adds the settings of a file to `config`, which has the sizes of the weights.

    Args:
      config: copied, not changed.
      params: {key of the file: field of the config}.
      path: the params.yaml.
      heads: the heads in the checkpoint.

    Raises:
      ValueError: the file is not YAML, is for another encoder, contradicts the sizes of the
        weights, or has a setting that bert_tf does not support.
    """
    model = _section(_section(_load(path), "task"), "model")
    encoder = _encoder(_section(model, params.section), params, path)
    for theirs, ours in params.sizes.items():
        expected = getattr(config, ours)
        if encoder.get(theirs, expected) != expected:
            raise ValueError(
                f"{path}: {theirs} is {_short(encoder[theirs])}, but the weights have {expected}. "
                "Expected files of the same model."
            )
    for key, supported in params.only_supported.items():
        _expect(encoder, key, supported, path)
    key, field = params.activation
    activation = _activation(encoder, key, path)
    changes = {ours: encoder[theirs] for theirs, ours in params.others.items() if theirs in encoder}
    changes[field] = activation
    if "masked_lm" in heads:
        key, field = params.masked_lm_activation
        masked_lm = _activation(model, key, path)
        if field:
            changes[field] = "" if masked_lm == activation else masked_lm
        elif masked_lm != activation:
            raise ValueError(
                f"{path}: {key} is {masked_lm!r}, but the encoder has {activation!r}. This model "
                "has one activation for both."
            )
    if "next_sentence" in heads and isinstance(model.get("cls_heads"), list):
        for head in model["cls_heads"][:1]:
            _expect(head if isinstance(head, dict) else {}, "activation", "tanh", path)
    return dataclasses.replace(config, **changes).check(path)


class _Loader(yaml.SafeLoader):
    """Reads plain values only, and no merges (`<<`): with these, a few lines can need gigabytes."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leaves a merge unchanged; it then fails, because it has no constructor."""


def _load(path: str) -> dict[str, Any]:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ValueError(f"larger than {_MAX_BYTES:,} bytes")
        values = yaml.load(content, _Loader)
    except _YAML_ERRORS as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: not Model Garden's YAML ({reason}).") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: found {type(values).__name__}; expected keys and values.")
    return values


def _section(values: dict[str, Any], name: str) -> dict[str, Any]:
    """The section `name`; the whole file if it has only that section."""
    part = values.get(name)
    return part if isinstance(part, dict) else values


def _encoder(encoder: dict[str, Any], params: GardenParams, path: str) -> dict[str, Any]:
    kind = encoder.get("type")
    part = encoder.get(kind) if kind in params.types else None
    if not isinstance(part, dict):
        raise ValueError(
            f"{path}: the encoder's type is {_short(kind)}; expected {' or '.join(params.types)} "
            "with its settings. If the weights are from such an encoder, copy its configuration "
            "file (bert_config.json) to the same folder."
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
    # With YAML's aliases, a few lines can become a value of gigabytes.
    return repr(value)[:80] if isinstance(value, str | int | float | None) else type(value).__name__
