"""The contract of a term of a student's loss.

Shape suffixes: B batch, S sequence.
"""

import abc
import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence

import tensorflow as tf

from bert_tf.models.encoder import Encoder
from bert_tf.tasks.task import Batch


class Term(abc.ABC):
    """Something of the teacher that the student imitates.

    What is taken of the two models is named tensors whose first axis is B. So what a teacher gives
    can be computed in the step or read from a store.

    Class attributes:
      name: of the term, in log lines.
      needs_hidden_states: whether it needs the hidden states of both encoders.

    Args:
      weight: of the term in the loss.
    """

    name: str
    needs_hidden_states = False

    def __init__(self, weight: float):
        self.weight = weight

    def projections(self, *, of_teacher: bool) -> tuple[int, ...]:
        """The blocks, from 0, whose queries, keys and values this term needs."""
        del of_teacher
        return ()

    @property
    def widened(self) -> Mapping[str, int]:
        """{name: width}: what of the student goes through a matrix, in training only."""
        return {}

    @abc.abstractmethod
    def of_teacher(self, outputs: Batch, batch: Batch) -> Batch:
        """What the teacher gives, from its outputs; first axis B."""

    @abc.abstractmethod
    def of_student(self, outputs: Batch, batch: Batch) -> Batch:
        """What the student has for it, from its outputs; first axis B."""

    @abc.abstractmethod
    def total_weight(self, batch: Batch) -> tf.Tensor:
        """The weight of the batch, from the data alone: a float32 scalar."""

    @abc.abstractmethod
    def total(self, learned: Batch, taught: Batch, batch: Batch) -> tf.Tensor:
        """The sum over the batch, without the weight of the term: a float32 scalar.

        Args:
          learned: what `of_student` gave, of all terms, with the matrices of `widened` applied.
          taught: what `of_teacher` gave, of all terms. From a store it can be longer than the rows
            of the batch, which can be cut to their own width.
          batch: the batch.
        """


@contextlib.contextmanager
def giving(encoder: Encoder, terms: Sequence[Term], *, of_teacher: bool) -> Iterator[None]:
    """Context in which the encoder gives what the terms need, whoever calls it."""
    blocks = [block for term in terms for block in term.projections(of_teacher=of_teacher)]
    needs_hidden_states = any(term.needs_hidden_states for term in terms)
    with encoder.giving(hidden_states=needs_hidden_states, projections=blocks):
        yield


def like(taught: tf.Tensor, learned: tf.Tensor, axes: Collection[int] | None = None) -> tf.Tensor:
    """`taught`, cut to the static sizes of `learned`.

    Args:
      taught: may be longer, because a store holds rows of the greatest width.
      learned: has the wanted sizes.
      axes: the axes that are cut; None: all but the first.
    """
    axes = range(1, len(learned.shape)) if axes is None else axes
    cut = [
        slice(learned.shape[axis]) if axis in axes else slice(None)
        for axis in range(len(learned.shape))
    ]
    return taught[tuple(cut)]
