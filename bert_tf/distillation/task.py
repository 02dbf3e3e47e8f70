"""The task of a distillation: any task that learns, with the terms of a teacher beside its loss.

It is a task like all others, so resuming, replicas, micro-batches, phases and recomputation are
those of the one training loop.
"""

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from bert_tf.config.distillation import DistillationConfig
from bert_tf.distillation.model import STORED, DistillationModel
from bert_tf.distillation.teacher import Teacher
from bert_tf.distillation.term import Term
from bert_tf.tasks.task import Learn

_GOLD = "gold:"  # before the names of the student's own losses, as terms


class DistilledTask(Learn):
    """A student that learns its own task, and from its teacher.

    The loss is `gold_weight` times the student's own loss, plus each term times its weight. Logged
    are the terms without their weights, the student's losses and metrics, and `loss`, with weights.

    Args:
      config: the settings.
      student: the student's task.
      teacher: the teacher.
      terms: what is imitated.
      stored: {name: array}, what the teacher gives for each row of the training data; None: it is
        computed in the step.
    """

    def __init__(
        self,
        config: DistillationConfig,
        student: Learn,
        teacher: Teacher,
        terms: Sequence[Term],
        stored: Mapping[str, np.ndarray] | None = None,
    ):
        super().__init__(config, student.tokenizer, student.facts)
        self.student, self._teacher, self._terms = student, teacher, tuple(terms)
        self._stored = stored
        # Without a term that trains the head, its answers and its loss say nothing.
        self.trains_head = bool(config.distill.gold_weight or config.distill.soft_weight)
        self.token_names = student.token_names
        self._gold = student.loss_names if config.distill.gold_weight else ()
        self.loss_names = (*(_GOLD + name for name in self._gold), *(t.name for t in terms))
        self.metric_names = student.names if self.trains_head else ()

    @property
    def names(self):
        """The terms, then what the student reports."""
        return (*self.loss_names, *self.metric_names)

    def with_config(self, config):
        """See `Task.with_config`."""
        other = copy.copy(self)
        other.config = config
        other.student = self.student.with_config(config.of_student())
        return other

    def build_model(self) -> DistillationModel:
        """See `Task.build_model`: the student is drawn first, as without a teacher."""
        student, dtype = self.student.build_model(), self.config.train.dtype
        teacher = None
        if self._stored is None or not self._is_scored_alone:
            _, teacher = self._teacher.load(dtype, answers=bool(self.config.distill.soft_weight))
        return DistillationModel(student, teacher, self._terms, dtype)

    @property
    def _is_scored_alone(self) -> bool:
        """Whether evaluations ask the student alone, which then has losses of its own to report."""
        return self.trains_head and bool(self.student.loss_names)

    def scored(self, model):
        """See `Task.scored`: the student alone, or all terms if it has nothing to report."""
        return (self.student, model.student) if self._is_scored_alone else (self, model)

    def check_data(self, data, *, training):
        """See `Learn.check_data`."""
        self.student.check_data(data, training=training)

    def make_dataset(self, data, batch_slice, *, training, start_row=0):
        """See `Learn.make_dataset`: the student's, with the stored tensors of the teacher."""
        dataset = self.student.make_dataset(
            data, batch_slice, training=training, start_row=start_row
        )
        if not training or self._stored is None:
            return dataset
        return dataset.map(self._with_stored)

    def _with_stored(self, batch):
        arrays = list(self._stored.values())
        found = tf.numpy_function(
            lambda rows: [np.asarray(array[rows]) for array in arrays],
            [batch["row_ids"]],
            [tf.as_dtype(array.dtype) for array in arrays],
        )
        size = batch["row_ids"].shape[0]
        for name, array, rows in zip(self._stored, arrays, found, strict=True):
            batch[STORED + name] = tf.ensure_shape(rows, (size, *array.shape[1:]))
        return batch

    def loss_weights(self, batch):
        gold = self.student.loss_weights(batch) if self._gold else {}
        return {
            **{_GOLD + name: weight for name, weight in gold.items()},
            **{term.name: term.total_weight(batch) for term in self._terms},
        }

    def compute_loss(self, outputs, batch):
        settings, sums = self.config.distill, {}
        if self._gold:
            for name, (total, weight) in self.student.compute_loss(outputs, batch).items():
                sums[_GOLD + name] = (settings.gold_weight * total, weight)
        for term in self._terms:
            total = term.total(outputs["learned"], outputs["taught"], batch)
            total = tf.cast(term.weight * total, tf.float32)
            sums[term.name] = (total, term.total_weight(batch))
        return sums

    def compute_metrics(self, outputs, batch):
        """What the student reports."""
        if not self.trains_head:
            return {}
        losses = self.student.compute_loss(outputs, batch)
        return {**losses, **self.student.compute_metrics(outputs, batch)}

    def stack(self, sums):
        """See `Learn.stack`: the student stacks its own."""
        own = tf.stack([tf.stack(sums[name]) for name in self.loss_names])
        return tf.concat([own, self.student.stack(sums)], axis=0) if self.trains_head else own

    def ratios(self, totals):
        """See `Learn.ratios`: the terms without their weights; `loss` is the sum with them."""
        count = len(self.loss_names)
        means = [float(s / weight) if weight else 0.0 for s, weight in totals[:count]]
        values = dict(zip(self.loss_names, means, strict=True))
        terms = {term.name: values[term.name] / term.weight for term in self._terms}
        reported = self.student.ratios(totals[count:]) if self.trains_head else {}
        if "loss" in reported:
            reported = {"gold_loss": reported.pop("loss"), **reported}
        return {**terms, **reported, "loss": sum(means)}

    def show(self, model, data):
        """See `Score.show`: the student's answers."""
        return self.student.show(model.student, data) if self._is_scored_alone else []

    # What an evaluation of all terms asks of a task that is scored.

    def row_outputs(self, outputs, batch):
        """See `Score.row_outputs`: nothing but sums."""
        del outputs, batch
        return {}

    def score(self, rows, data):
        """See `Score.score`: nothing but sums."""
        del rows, data
        return {}
