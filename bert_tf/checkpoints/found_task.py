"""The task whose head a checkpoint of another project has."""

import dataclasses
from typing import Any

from bert_tf import members
from bert_tf.config.task import Facts, Settings


def found_task(name: str, **found: Any) -> Settings:
    """The settings of a task.

    Args:
      name: of a member of bert_tf.tasks.
      **found: what the checkpoint says; what is no setting of this task is left out.
    """
    config_class = members.find("tasks", name).Config
    known = {field.name for field in dataclasses.fields(config_class)}
    return config_class(**{key: value for key, value in found.items() if key in known})


def labels_of(known: Settings | Facts) -> tuple[str, ...]:
    """The labels of a classifier, in the order of its scores; empty for other tasks."""
    return tuple(map(str, getattr(known, "labels", ())))
