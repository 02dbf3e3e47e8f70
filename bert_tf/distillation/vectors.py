"""Vectors: a student of the embedding task learns the vectors of its teacher, from plain texts.

Reference: Reimers and Gurevych 2020, "Making monolingual sentence embeddings multilingual", whose
loss is the mean squared difference.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from bert_tf import progress
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.layers.vector_modules import DENSE, NORMALIZE, VectorModule
from bert_tf.models.model import EncoderConfig
from bert_tf.tasks.embedding import Facts
from bert_tf.tasks.embedding.task import EmbeddingTask
from bert_tf.tasks.from_arrays import LearnFromArrays
from bert_tf.tasks.teaching import NUMBERS, SOFT_WEIGHTS, Teach

_TEXTS_PER_CALL = 1024


def vector_facts(config: ExperimentConfig, theirs: Facts, teacher: EncoderConfig) -> Facts:
    """The facts of a student: if its vectors have another width, a matrix gives them the teacher's.

    Args:
      config: of the student.
      theirs: the facts of the teacher.
      teacher: the config of its encoder.
    """
    parts = len(config.task.pooling.split("+"))
    if config.model.hidden_size == teacher.hidden_size:
        return theirs
    sizes = [module.size for module in theirs.modules if module.kind == DENSE]
    size = sizes[-1] if sizes else teacher.hidden_size * parts
    modules = [VectorModule(DENSE, size, use_bias=False)]
    if any(module.kind == NORMALIZE for module in theirs.modules):
        modules.append(VectorModule(NORMALIZE, size))
    return dataclasses.replace(theirs, modules=tuple(modules))


class VectorTask(EmbeddingTask, LearnFromArrays, Teach):
    """The embedding task with batches to learn from; it has no loss without a teacher."""

    loss_names = ()
    metric_names = ()
    weights_name = SOFT_WEIGHTS

    def encoded(self, texts: Iterable[str]) -> dict[str, np.ndarray]:
        """The rows of texts, int32 [R, S], with their weights."""
        texts, parts = list(texts), []
        width = self.config.data.max_seq_length
        for part in progress.parts(
            len(texts), _TEXTS_PER_CALL, unit="texts", description="tokenizing"
        ):
            rows = self.encode(tf.constant(texts[part]))
            names = ("input_ids", "input_mask", "segment_ids")
            parts.append({name: self._padded(rows, name, width) for name in names})
        arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return {**arrays, SOFT_WEIGHTS: np.ones(len(texts), np.float32)}

    def _padded(self, rows: dict[str, tf.Tensor], name: str, width: int) -> np.ndarray:
        array = np.asarray(rows[name], np.int32)
        filler = self.tokenizer.pad_id if name == "input_ids" else 0
        return np.pad(array, [(0, 0), (0, width - array.shape[1])], constant_values=filler)

    def loss_weights(self, batch):
        del batch
        return {}

    def compute_loss(self, outputs, batch):
        del outputs, batch
        return {}

    def compute_metrics(self, outputs, batch):
        del outputs, batch
        return {}

    def stack(self, sums):
        """See `Learn.stack`: there is nothing to report."""
        del sums
        return tf.zeros((0, 2))

    @property
    def soft_kind(self):
        """See `Teach.soft_kind`."""
        return NUMBERS

    def soft_scores(self, outputs, batch):
        """See `Teach.soft_scores`: the vectors."""
        return self.decode(outputs, batch)["embedding"]

    def soft_weights(self, batch):
        """See `Teach.soft_weights`."""
        return batch[SOFT_WEIGHTS]
