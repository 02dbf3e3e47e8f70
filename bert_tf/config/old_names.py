"""Supports the names of settings in version 1: in config files, on the command line, in JSON.

Version 1 had one TaskConfig and one DataConfig with the settings of all tasks. Now each task has
its own `Config`. An old name works, with one warning line that has the new name, or it is an error
with the new name.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from absl import logging

from bert_tf import files, members
from bert_tf.config.task import Settings

# {setting of DataConfig: its new name in the settings of tasks}.
MOVED_TO_TASK: Mapping[str, str] = {
    **{
        name: name
        for name in (
            "max_predictions_per_seq",
            "masked_lm_prob",
            "eval_masked_lm_prob",
            "do_whole_word_mask",
            "max_ngram",
            "position_range",
            "skip_damaged_records",
            "text_column",
            "text_pair_column",
            "label_column",
            "label_columns",
            "label_separator",
            "header",
            "skip_faulty_rows",
            "doc_stride",
            "max_query_length",
            "skip_bad_answers",
            "repair_tags",
            "document_context",
        )
    },
    "tag_scheme": "file_tag_scheme",
}
# Settings of TaskConfig that a run finds in its data. To set them never had an effect.
FOUND = ("text_pairs", "null_answers")


@functools.cache
def _warn_once(message: str) -> None:
    logging.warning("%s", message)


def TaskConfig(name: str = "pretraining", **settings: Any) -> Settings:  # noqa: N802 - as it was
    """The settings of the task `name`, for config files of version 1.

    Raises:
      ValueError: there is no such task, or it has no such setting.
    """
    config_class = members.find("tasks", name, "TaskConfig").Config
    known = [field.name for field in dataclasses.fields(config_class)]
    for found in [setting for setting in FOUND if settings.pop(setting, None) is not None]:
        _warn_once(f"task.{found} is found in the training data; the setting has no effect.")
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ValueError(
            f"TaskConfig(name={name!r}): unknown keys {', '.join(unknown)}. "
            f"Known: {', '.join(sorted(known))}."
        )
    _warn_once(
        f"TaskConfig(name={name!r}, ...) is now {name}.Config(...), with "
        f"`from bert_tf.tasks import {name}`."
    )
    return config_class(**settings)


def change_task(settings: Settings, name: str) -> None:
    """Changes `settings` to the task `name`, for config files that set `config.task.name`.

    Common settings of both tasks keep their values, unless these are defaults.

    Raises:
      ValueError: there is no such task.
    """
    if name == settings.name:
        return
    new = members.find("tasks", name, "task.name").Config()
    default = type(settings)()
    names = [field.name for field in dataclasses.fields(settings) if hasattr(new, field.name)]
    kept = {name: getattr(settings, name) for name in names}
    kept = {name: value for name, value in kept.items() if value != getattr(default, name)}
    settings.__class__ = type(new)
    settings.__dict__.clear()
    settings.__dict__.update({**vars(new), **kept})
    _warn_once(
        f"task.name = {name!r} is now task={name}.Config(...), with "
        f"`from bert_tf.tasks import {name}`."
    )


def accepts_moved(cls: type) -> type:
    """Class decorator of DataConfig: accepts settings that are now settings of a task.

    They are kept until `hand_over` passes them to the task of the ExperimentConfig.
    """
    cls.__init__ = _accepting(cls.__init__)
    cls.__setattr__ = _set_moved
    cls.__getattr__ = _refuse_to_get
    return cls


def _accepting(init: Callable) -> Callable:
    @functools.wraps(init)
    def accepting_init(self, *values: Any, **settings: Any) -> None:
        moved = {name: settings.pop(name) for name in list(settings) if name in MOVED_TO_TASK}
        init(self, *values, **settings)
        self.__dict__["_moved"] = moved

    return accepting_init


def _set_moved(self: Any, name: str, value: Any) -> None:
    if name not in MOVED_TO_TASK:
        object.__setattr__(self, name, value)
    elif "_config" in self.__dict__ and _has_moved(self.__dict__["_config"].task, name):
        _give(self.__dict__["_config"].task, name, value)
    else:  # the task may still change
        self.__dict__["_moved"][name] = value


def _has_moved(task: Settings, name: str) -> bool:
    return MOVED_TO_TASK[name] in {field.name for field in dataclasses.fields(task)}


def _refuse_to_get(self: Any, name: str) -> Any:
    if name in MOVED_TO_TASK:
        raise AttributeError(f"data.{name} is now task.{MOVED_TO_TASK[name]}.")
    raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")


def hand_over(config: Any) -> None:
    """Passes moved settings, with which `config.data` was made, to `config.task`."""
    data = config.data
    data.__dict__["_config"] = config
    moved = data.__dict__["_moved"]
    for name in [name for name in moved if _has_moved(config.task, name)]:
        _give(config.task, name, moved.pop(name))


def check_handed_over(config: Any) -> None:
    """Passes the remaining moved settings to the final task.

    Raises:
      ValueError: the task has no such setting.
    """
    hand_over(config)
    for name in config.data.__dict__["_moved"]:
        _name_in_task(config.task, name)


def _give(task: Settings, name: str, value: Any) -> None:
    setattr(task, _name_in_task(task, name), value)
    _warn_once(f"data.{name} is now task.{MOVED_TO_TASK[name]}.")


def _name_in_task(task: Settings, name: str) -> str:
    """The new name of the setting `name` of DataConfig; ValueError if the task has none."""
    new = MOVED_TO_TASK[name]
    known = sorted(field.name for field in dataclasses.fields(task))
    if new not in known:
        raise ValueError(
            f"data.{name} is now task.{new}, but the task {task.name!r} has no such setting. "
            f"Known: {', '.join(known)}."
        )
    return new


def new_key(path: str, config: Any) -> str:
    """The current key for a key of version 1, such as `data.doc_stride`; other keys do not change.

    Raises:
      ValueError: the task of `config` has no such setting.
    """
    section, _, name = path.partition(".")
    if section == "task" and name == "name":
        raise ValueError(
            f"--config.{path}: the class decides the name of a task, here "
            f"task={config.task.name}.Config(...). Choose another config file, or --task of "
            "finetune.py."
        )
    if section == "task" and name in FOUND:
        raise ValueError(f"--config.{path}: it is found in the training data. Leave it out.")
    if section != "data" or name not in MOVED_TO_TASK:
        return path
    new = f"task.{_name_in_task(config.task, name)}"
    _warn_once(f"--config.{path} is now --config.{new}.")
    return new


def from_version_1(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Converts config JSON of version 1, with `task` and `data`, to version 2.

    Settings of other tasks are dropped, because they had no effect.

    Returns:
      The settings; the facts that were among the settings.
    """
    files.check_types(values, {"data": dict, "task": dict}, "a file of version 1")
    data, task = dict(values.get("data", {})), dict(values.get("task", {}))
    files.check_types(task, {"name": str}, "a file of version 1: task")
    moved = {new: data.pop(old) for old, new in MOVED_TO_TASK.items() if old in data}
    name = task.get("name", "pretraining")
    config_class = members.find("tasks", name, "task.name").Config
    known = {"name", *(field.name for field in dataclasses.fields(config_class))}
    settings = {key: value for key, value in {**moved, **task}.items() if key in known}
    there = {**task, "widths": data.get("widths", ())}
    names = [field.name for field in dataclasses.fields(config_class.FACTS)]
    facts = {key: there[key] for key in names if key in there}
    return {**values, "data": data, "task": {**settings, "name": name}}, facts
