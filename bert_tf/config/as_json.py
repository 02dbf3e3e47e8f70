"""Config dataclasses as JSON and back: strict keys and types, and a version."""

import dataclasses
import json
import typing
from collections.abc import Mapping
from typing import Any

from bert_tf import files

FORMAT_VERSION = 1


def to_json(config: Any) -> str:
    """A config dataclass as JSON, with its `format_version`."""
    values = {"format_version": FORMAT_VERSION, **dataclasses.asdict(config)}
    return json.dumps(values, indent=2) + "\n"


def from_json(cls: type, path: str) -> Any:
    """Reads a file written by `to_json` into the dataclass `cls`.

    Raises:
      ValueError: not JSON, a newer format, or unknown keys; names the file.
    """
    values = files.read_json(path, highest=FORMAT_VERSION)
    values.pop("format_version", None)
    return from_dict(cls, values, where=path)


def from_dict(cls: type, values: Mapping[str, Any], where: str) -> Any:
    """Fills the dataclass `cls` from nested dicts; ValueError for unknown keys, with the known."""
    types = typing.get_type_hints(cls)
    unknown = sorted(set(values) - set(types))
    if unknown:
        raise ValueError(
            f"{where}: unknown keys {', '.join(unknown)}. Known: {', '.join(sorted(types))}."
        )
    arguments = {}
    for key, value in values.items():
        if dataclasses.is_dataclass(types[key]):
            if not isinstance(value, Mapping):
                raise ValueError(f"{where}: {key} is {value!r}; expected an object of keys.")
            value = from_dict(types[key], value, f"{where}: {key}")
        elif isinstance(value, list):
            value = tuple(value)
        if isinstance(value, tuple):
            value = _items(types[key], value, f"{where}: {key}")
        kind = typing.get_origin(types[key]) or types[key]
        if not isinstance(value, (int, float) if kind is float else kind):
            raise ValueError(f"{where}: {key} is {value!r}; expected {kind.__name__}.")
        arguments[key] = value
    return cls(**arguments)


def _items(kind: type, values: tuple, where: str) -> tuple:
    """The items of a tuple[SomeDataclass, ...]; other items stay as they are."""
    item = typing.get_args(kind)[0] if typing.get_args(kind) else kind
    if not dataclasses.is_dataclass(item):
        return values
    for value in values:
        if not isinstance(value, Mapping):
            raise ValueError(f"{where} has {value!r}; expected objects of keys.")
    return tuple(from_dict(item, value, f"{where}[{n}]") for n, value in enumerate(values))
