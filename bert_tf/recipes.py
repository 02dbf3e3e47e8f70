"""Config files by name: `finetune/sst2`, wherever the library is installed.

A recipe is a Python file whose `get_config()` returns an ExperimentConfig. The name of a recipe of
the library is its path below configs/. Needs no TensorFlow.
"""

import dataclasses
import os
import runpy
import traceback
from collections.abc import Mapping
from typing import Any

from bert_tf import shipped
from bert_tf.config import old_names
from bert_tf.config.as_json import parse_setting
from bert_tf.config.experiment import ExperimentConfig

_ENDING = ".py"
_FOLDER = "configs"


def recipe(
    name: str,
    settings: Mapping[str, Any] = {},  # noqa: B006 - never changed
) -> ExperimentConfig:
    """The config of a recipe, with some settings changed.

        bert_tf.recipe("finetune/sst2", {"optimizer.learning_rate": 2e-5})

    Args:
      name: a path below configs/, such as "finetune/sst2", or the path of your own file. Text after
        a colon is the argument of its `get_config`.
      settings: {key: value}, such as {"train.num_train_epochs": 2.0}; a value can also be its text.

    Raises:
      ValueError: there is no such recipe, it is faulty, or it has no such setting.
    """
    config = load(find(name))
    for key, value in settings.items():
        path = old_names.new_key(key, config)
        check_key(key, config, path)
        *sections, last = path.split(".")
        holder = config
        for section in sections:
            holder = getattr(holder, section)
        if isinstance(value, str):
            value = parse_setting(type(holder), last, value, f"{key}={value}")
        setattr(holder, last, value)
    return config


def known() -> list[str]:
    """The names of the recipes of the library, sorted."""
    root = shipped.folder("configs")
    found = []
    for folder, _, files in os.walk(root):
        for file in files:
            if file.endswith(_ENDING) and not file.startswith("_"):
                path = os.path.relpath(os.path.join(folder, file), root)
                found.append(path.removesuffix(_ENDING).replace(os.sep, "/"))
    return sorted(found)


def find(name: str) -> str:
    """The path of a recipe, with the text after a colon.

    Args:
      name: the path of a file, or the name of a recipe, `finetune/sst2`; also as in a clone,
        `configs/finetune/sst2.py`.

    Raises:
      ValueError: there is no such file or recipe.
    """
    file, colon, argument = name.partition(":")
    if os.path.isfile(file):
        return name
    short = file.removeprefix(f"{_FOLDER}/").removesuffix(_ENDING)
    path = os.path.join(shipped.folder("configs"), short + _ENDING)
    if os.path.isfile(path):
        return path + colon + argument
    raise ValueError(
        f"--config={file}: no such file, and no recipe of that name. Recipes: {', '.join(known())}."
    )


def load(path: str) -> ExperimentConfig:
    """The config from `get_config()` of a file. `FILE:ARGUMENT` passes an argument.

    Raises:
      ValueError: it returns no config. The message names the file and the line.
    """
    file, *arguments = path.split(":", 1)
    try:
        config = runpy.run_path(file)["get_config"](*arguments)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == file]
        line = error.lineno if isinstance(error, SyntaxError) else (lines or [1])[-1]
        if isinstance(error, KeyError) and not lines:
            raise ValueError(f"--config={file}: it defines no get_config().") from error
        reason = " ".join(str(error).split())
        kind = type(error).__name__
        raise ValueError(f"--config={file}, line {line}: {kind}: {reason}") from error
    if not dataclasses.is_dataclass(config):
        raise ValueError(f"--config={file}: get_config() gave {config!r}, not an ExperimentConfig.")
    return config


def check_key(word: str, holder: Any, path: str) -> None:
    """Raises ValueError, with the known settings, if a config has no setting `path`.

    Args:
      word: the user's word, for the message.
      holder: the config.
      path: of the setting, with dots, such as "train.seed".
    """
    where = "config"
    for key in path.split("."):
        if not dataclasses.is_dataclass(holder):
            raise ValueError(f"{word}: {where} has no keys.")
        names = sorted(field.name for field in dataclasses.fields(holder))
        if key not in names:
            raise ValueError(f"{word}: {where} has no key {key!r}. Known: {', '.join(names)}.")
        holder, where = getattr(holder, key), f"{where}.{key}"
