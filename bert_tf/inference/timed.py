"""A model of ours, in any form, in a process of its own, where `bert_tf.measuring` times it."""

import importlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from bert_tf.inference import answerers
from bert_tf.measuring import answering, child


def make_round(settings: dict[str, Any]) -> tuple[Callable[..., float], dict[str, Any]]:
    """See `answering.make_round`.

    Args:
      settings: besides those `model` and `task`, see `answerers.load`; `num_threads`; `modules` of
        encoders, tokenizers and tasks that are not in bert_tf.

    Returns:
      `measure_round`, and `info`; this has also `libraries_bytes`, the memory of the process before
      it loaded the model.
    """
    for module in settings.get("modules", ()):
        importlib.import_module(module)
    threads = settings["num_threads"]
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    libraries_bytes = child.memory_bytes()

    def load():
        answerer = answerers.load(settings["model"], settings["task"], threads)

        def answer(columns):
            answers = answerer.answer(columns)
            if not settings["labels"] or "label" not in answers:
                return [None] * len(columns[0])
            return [label.decode() for label in answers["label"]]

        return answer

    measure_round, info = answering.make_round(settings, load)
    info["libraries_bytes"] = libraries_bytes
    return measure_round, info
