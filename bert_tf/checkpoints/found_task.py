"""The task of the head in another project's checkpoint."""

import dataclasses
from collections.abc import Collection
from typing import Any

from bert_tf import members
from bert_tf.config.task import Facts, Settings


def found_task(name: str, **found: Any) -> Settings:
    """The settings of a task.

    Args:
      name: of a package in bert_tf.tasks.
      **found: the settings in the checkpoint; settings of other tasks are ignored.
    """
    config_class = members.find("tasks", name).Config
    known = {field.name for field in dataclasses.fields(config_class)}
    return config_class(**{key: value for key, value in found.items() if key in known})


def task_without_classifier(heads: Collection[str]) -> Settings:
    """The settings of the task with these heads of `model_variables.HEADS`.

    If there is a classifier and another head, the other head decides the task.
    """
    if "masked_lm" in heads:
        return found_task("pretraining", next_sentence="next_sentence" in heads)
    if "replaced_tokens" in heads:
        return found_task("replaced_tokens", generator_layers=0.0)
    return found_task("question_answering" if "spans" in heads else "embedding")


def labels_of(known: Settings | Facts) -> tuple[str, ...]:
    """The labels of a classifier, in the order of its scores; empty for other tasks."""
    return tuple(map(str, getattr(known, "labels", ())))
