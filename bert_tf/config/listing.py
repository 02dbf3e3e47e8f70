"""Lists every setting of a Config class, for `--help`, for completion and for docs/settings.md.

The meaning of a setting is only in the docstring of its class, and its range in a table. Needs no
TensorFlow.
"""

import collections
import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bert_tf import members
from bert_tf.config import ranges
from bert_tf.config.distillation import DistillConfig
from bert_tf.config.experiment import (
    DataConfig,
    ExperimentConfig,
    OptimizerConfig,
    TrainConfig,
)
from bert_tf.config.quantization import QuantizationConfig
from bert_tf.models.model import EncoderConfig

_ENTRY = re.compile(r"^(?P<names>\w+(?:, \w+)*): (?P<text>.*)$")
_GENERAL = {
    "data": DataConfig,
    "optimizer": OptimizerConfig,
    "train": TrainConfig,
    "quantization": QuantizationConfig,
    "distill": DistillConfig,
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
      name: of the field.
      default: its default in Python's notation; "" if it has none.
      meaning: its text in the docstring.
      range: its allowed numbers; "" if there is no restriction.
    """

    name: str
    default: str
    meaning: str
    range: str


@dataclasses.dataclass(frozen=True)
class Section:
    """The settings of one class.

    Attributes:
      key: its prefix on the command line: "optimizer" for `--config.optimizer.`.
      title: the key, and after a colon the name of a task or model.
      cls: the class.
      settings: in the order of the class.
    """

    key: str
    title: str
    cls: type
    settings: tuple[Setting, ...]

    @property
    def about(self) -> str:
        """The first paragraph of the docstring of the class."""
        return " ".join(inspect.getdoc(self.cls).split("\n\n")[0].split())


def sections(tasks: Sequence[str], models: Sequence[str]) -> Iterator[Section]:
    """The sections of a config that has any of these tasks and models."""
    for key, cls in _GENERAL.items():
        yield section(key, key, cls)
    for key, room, names in (("task", "tasks", tasks), ("model", "models", models)):
        for name in names:
            yield section(key, f"{key}: {name}", members.find(room, name).Config)


def sections_of(config: ExperimentConfig) -> Iterator[Section]:
    """The sections of one config; the defaults are its own values."""
    for key in (*_GENERAL, "task", "model"):
        holder = getattr(config, key, None)
        if holder is None:  # only a distillation has the section `distill`
            continue
        name = {"task": "name", "model": "model_type"}.get(key)
        title = f"{key}: {getattr(holder, name)}" if name else key
        listed = section(key, title, type(holder))
        own = [
            dataclasses.replace(setting, default=repr(getattr(holder, setting.name)))
            for setting in listed.settings
        ]
        yield dataclasses.replace(listed, settings=tuple(own))


def section(key: str, title: str, cls: type) -> Section:
    """The settings of a Config class.

    Raises:
      ValueError: the docstring has no entry for a setting.
    """
    meanings, wanted = attributes_of(cls), _ranges_of(key, cls)
    settings = []
    for field in dataclasses.fields(cls):
        if field.name not in meanings:
            raise ValueError(
                f"{cls.__module__}.{cls.__qualname__}: the docstring has no entry for "
                f"{field.name!r} under Attributes. Add one."
            )
        name = field.name
        settings.append(Setting(name, _default(field), meanings[name], wanted.get(name, "")))
    return Section(key, title, cls, tuple(settings))


def attributes_of(cls: type) -> dict[str, str]:
    """{name: meaning}, from the "Attributes:" of the docstrings of a class and its bases."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        entries: dict[str, list[str]] = collections.OrderedDict()
        for line in _attribute_lines(inspect.cleandoc(vars(base).get("__doc__") or "")):
            entry = _ENTRY.match(line)
            if entry:
                last = entry["names"]
                entries[last] = [entry["text"]]
            elif entries:
                entries[last].append(line.strip())
        for names, lines in entries.items():
            found.update(dict.fromkeys(names.split(", "), " ".join(lines)))
    return found


def _attribute_lines(docstring: str) -> list[str]:
    """The lines of the section "Attributes:", its entries without their indentation."""
    _, found, text = docstring.partition("\nAttributes:\n")
    lines = []
    for line in text.splitlines() if found else []:
        if line and not line.startswith(" "):
            break  # the next section
        lines.append(line.removeprefix("  "))
    return lines


def _ranges_of(key: str, cls: type) -> Mapping[str, str]:
    """{setting: its allowed numbers}, for settings with a range."""
    if issubclass(cls, EncoderConfig):
        names = [field.name for field in dataclasses.fields(cls)]
        rates = [name for name in names if name.endswith("dropout_prob")]
        return {
            **dict.fromkeys(cls.AT_LEAST_ONE, "at least 1"),
            **dict.fromkeys(rates, "at least 0 and less than 1"),
        }
    table = getattr(ranges, key.upper().replace(".", "_"), getattr(cls, "RANGES", {}))
    return {name: wanted for name, (wanted, _) in table.items()}


def _default(field: dataclasses.Field) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return repr(field.default_factory())
    return "" if field.default is dataclasses.MISSING else repr(field.default)
