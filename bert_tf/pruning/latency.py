"""How long served models take for one text, measured in turn in this process.

What is timed is the graph of a SavedModel from ids to outputs, at batch 1, with each text at its
own length. The tokenizer is not timed: it is the same for both.
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bert_tf.data.batches.order import BatchSlice
from bert_tf.export.saved_model import ServedModel
from bert_tf.tasks.task import Learn, Task

_TEXTS, _ROUNDS, _WARM_UP = 24, 8, 2


def typical_rows(task: Learn, data: Any) -> list[dict[str, tf.Tensor]]:
    """Some rows of the training data as a server would see them: batches of 1 without padding.

    Args:
      task: makes the batches.
      data: as for `task.make_dataset`.
    """
    rows: list[dict[str, np.ndarray]] = []
    for batch in task.make_dataset(data, BatchSlice(_TEXTS), training=True).take(1):
        names = [name for name in task.token_names if name in batch]
        arrays = {name: batch[name].numpy() for name in names}
        for row in range(len(arrays["input_mask"])):
            of_row = {name: values[row : row + 1] for name, values in arrays.items()}
            longest = max(1, int(of_row["input_mask"].sum(axis=-1).max()))
            rows.append({name: values[..., :longest] for name, values in of_row.items()})
    return [{name: tf.constant(v, tf.int32) for name, v in row.items()} for row in rows]


class _Served:
    """The graph of an exported model, called with a batch of ids; it waits for the answer."""

    def __init__(self, task: Task, model: keras.Model):
        self._model = ServedModel(*task.served(model))  # owns the variables
        self._function = self._model.of_ids()
        self._names = list(self._function.structured_input_signature[1])

    def __call__(self, row: Mapping[str, tf.Tensor]) -> None:
        outputs = self._function(**{name: row[name] for name in self._names})
        for value in outputs.values():
            value.numpy()


class Stopwatch:
    """Times models against a first one.

    Args:
      task, model: the first one.
      rows: from `typical_rows`.
    """

    def __init__(self, task: Task, model: keras.Model, rows: Sequence[Mapping[str, tf.Tensor]]):
        self._rows, self._first = rows, _Served(task, model)

    def milliseconds(self, task: Task, model: keras.Model) -> tuple[float, float]:
        """(of the model, of the first one): median milliseconds of a text, over all rows.

        Both answer each text one after the other, so that other work on the machine slows down
        both.
        """
        return self._in_turn(_Served(task, model))

    def _in_turn(self, other: _Served) -> tuple[float, float]:
        contestants = (other, self._first)
        best: list[list[float]] = [[], []]
        for row in self._rows:
            seconds: list[list[float]] = [[], []]
            for turn in range(_WARM_UP + _ROUNDS):
                for place, function in enumerate(contestants):
                    begin = time.perf_counter()
                    function(row)
                    if turn >= _WARM_UP:
                        seconds[place].append(time.perf_counter() - begin)
            for place in range(2):
                best[place].append(statistics.median(seconds[place]))
        mine, firsts = (1e3 * statistics.fmean(values) for values in best)
        return mine, firsts
