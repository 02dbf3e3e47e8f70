"""Converts config dataclasses to JSON and back: strict keys and types, and a version.

A field can hold any member of a family, for example the settings of any task. Its declared type is
then the base class of these members. The ROOM and NAME_KEY of the base class tell where JSON has
the name of the member: `{"task": {"name": "classification", ...}}`. Needs no TensorFlow.
"""

import ast
import dataclasses
import json
import typing
from collections.abc import Mapping
from typing import Any

from bert_tf import files, members


def to_json(config: Any) -> str:
    """A config dataclass as JSON, with the `format_version` of its class."""
    values = {"format_version": _version_of(type(config)), **to_dict(config)}
    return json.dumps(values, indent=2) + "\n"


def _version_of(cls: type) -> int:
    return getattr(cls, "FORMAT_VERSION", 1)


def to_dict(config: Any) -> dict[str, Any]:
    """A config dataclass as nested dicts, with the names of members."""
    names = [field.name for field in dataclasses.fields(config)]
    values = {name: _plain(getattr(config, name)) for name in names}
    if _is_member(type(config)):
        return {config.NAME_KEY: members.name_of(type(config)), **values}
    return values


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    if isinstance(value, tuple | list):
        return type(value)(_plain(item) for item in value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _is_member(cls: type) -> bool:
    return hasattr(cls, "ROOM")


def from_json(cls: type, path: str) -> Any:
    """Reads a file written by `to_json` into the dataclass `cls`.

    If the format of a class has changed, its `from_older(values, version)` converts the values of
    an older file to the current format.

    Raises:
      ValueError: the file is not JSON, or has a newer format or unknown keys. The message names the
        file.
    """
    newest = _version_of(cls)
    values = files.read_json(path, highest=newest)
    version = values.pop("format_version", 1)
    if version < newest:
        values = cls.from_older(values, version)
    return from_dict(cls, values, where=path)


def from_dict(cls: type, values: Mapping[str, Any], where: str) -> Any:
    """Fills the dataclass `cls` from nested dicts; ValueError, with the known, for unknown keys."""
    hints = typing.get_type_hints(cls)
    types = {field.name: hints[field.name] for field in dataclasses.fields(cls)}
    unknown = sorted(set(values) - set(types))
    if unknown:
        raise ValueError(
            f"{where}: unknown keys {', '.join(unknown)}. Known: {', '.join(sorted(types))}."
        )
    needed = [f.name for f in dataclasses.fields(cls) if _has_no_default(f)]
    missing = [name for name in needed if name not in values]
    if missing:
        raise ValueError(
            f"{where}: {', '.join(missing)} missing. The file is damaged, or not from bert_tf."
        )
    arguments = {}
    for field in dataclasses.fields(cls):
        if field.name in values:
            arguments[field.name] = _value(
                field, types[field.name], values[field.name], f"{where}: {field.name}"
            )
    return cls(**arguments)


def _has_no_default(field: dataclasses.Field) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def parse_setting(cls: type, name: str, text: str, where: str) -> Any:
    """The value of a setting of the dataclass `cls`, from the command line.

    Raises:
      ValueError: the text is not a value of its type. The message begins with `where`.
    """
    kind = typing.get_type_hints(cls)[name]
    if kind is str:
        return text
    values = {"true": True, "false": False}
    try:
        value = values[text.lower()] if kind is bool else ast.literal_eval(text)
    except (KeyError, ValueError, SyntaxError):
        value = None
    kind = typing.get_origin(kind) or kind
    is_good = isinstance(value, (int, float) if kind is float else kind)
    if not is_good or isinstance(value, bool) != (kind is bool):
        raise ValueError(f"{where}: expected a value of type {kind.__name__}.")
    return value


def _value(field: dataclasses.Field, declared: type, value: Any, where: str) -> Any:
    """The value of a field from JSON."""
    if dataclasses.is_dataclass(declared) or _is_member(declared):
        if not isinstance(value, Mapping):
            raise ValueError(f"{where} is {value!r}; expected an object of keys.")
        return _member(field, declared, value, where)
    if isinstance(value, list):
        value = _items(declared, tuple(value), where)
    items = typing.get_args(declared)
    if items and dataclasses.is_dataclass(items[0]):
        declared = tuple
    if not files.is_of_type(value, declared):
        raise ValueError(f"{where} is {value!r}; expected {files.said(declared)}.")
    return value


def _member(field: dataclasses.Field, declared: type, value: Mapping[str, Any], where: str) -> Any:
    """A dataclass in a field; in a family, the member that the value names, or the default."""
    if not _is_member(declared):
        return from_dict(declared, value, where)
    value = dict(value)
    name = value.pop(declared.NAME_KEY, None)
    if not isinstance(name, str) and (name is not None or _has_no_default(field)):
        raise ValueError(f"{where}: {declared.NAME_KEY} is {name!r}; expected a name.")
    if name is None:
        return from_dict(type(field.default_factory()), value, where)
    module = members.find(declared.ROOM, name, f"{where}.{declared.NAME_KEY}")
    return from_dict(module.Config, value, where)


def _items(kind: type, values: tuple, where: str) -> tuple:
    """The items of a tuple[SomeDataclass, ...]; other items do not change."""
    item = typing.get_args(kind)[0] if typing.get_args(kind) else kind
    if not dataclasses.is_dataclass(item):
        return values
    for value in values:
        if not isinstance(value, Mapping):
            raise ValueError(f"{where} has {value!r}; expected objects of keys.")
    return tuple(from_dict(item, value, f"{where}[{n}]") for n, value in enumerate(values))
