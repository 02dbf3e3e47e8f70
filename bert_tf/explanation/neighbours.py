"""Which training examples a model takes for most alike: by the vectors that it judges texts by.

Shape suffixes: N texts, D width of the vectors, K nearest.
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from bert_tf import progress
from bert_tf.layers.pooling import pool
from bert_tf.tasks.task import Task
from bert_tf.tasks.task_model import encoder_inputs

_TEXTS_PER_STEP = 32
_QUERIES_PER_STEP = 256


class Vectors:
    """Vectors of texts, of length 1.

    A classifier's are what its head sees (`classifier_pooling`); those of other models are the mean
    of their tokens in the last layer.

    Args:
      task, model: of a model folder.
    """

    def __init__(self, task: Task, model: keras.Model):
        settings = task.config.task.for_encoder(task.config.model)
        self._task, self._model = task, model
        self._how = getattr(settings, "classifier_pooling", "") or "mean"
        if self._how == "pooler" and model.encoder.pooler is None:
            self._how = "mean"
        self._compute = tf.function(self._vectors, autograph=False, reduce_retracing=True)

    def __call__(self, columns: Sequence[Sequence[str]]) -> np.ndarray:
        """float32 [N, D] of one or two columns of N texts."""
        lengths = [sum(map(len, texts)) for texts in zip(*columns, strict=True)]
        order = np.argsort(lengths, kind="stable")
        found = []
        for part in progress.parts(
            len(order), _TEXTS_PER_STEP, unit="texts", description="vectors"
        ):
            texts = [tf.constant([column[i] for i in order[part]], tf.string) for column in columns]
            batch = self._task.tokenizer.encode(
                *texts, max_seq_length=self._task.config.data.max_seq_length, pad=False
            )
            found.append(self._compute(encoder_inputs(batch, self._task.config.model)).numpy())
        vectors_ND = np.concatenate(found)[np.argsort(order)]
        return vectors_ND / np.maximum(np.linalg.norm(vectors_ND, axis=1, keepdims=True), 1e-12)

    def _vectors(self, batch):
        return pool(self._model.encoder(**batch), batch["input_mask"], self._how)


def nearest(queries_ND: np.ndarray, known_ND: np.ndarray, count: int) -> list[list[tuple]]:
    """(number, cosine) of the K most alike of `known_ND` for each query, the most alike first."""
    found = []
    for start in range(0, len(queries_ND), _QUERIES_PER_STEP):
        similar = queries_ND[start : start + _QUERIES_PER_STEP] @ known_ND.T
        order = np.argsort(-similar, axis=1, kind="stable")[:, :count]
        found += [
            [(int(number), float(row[number])) for number in numbers]
            for row, numbers in zip(similar, order, strict=True)
        ]
    return found
