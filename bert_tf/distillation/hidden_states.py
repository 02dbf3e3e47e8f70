"""Hidden states: the student's vectors of the tokens become like the teacher's.

Jiao et al. 2019 (TinyBERT) compare them by the mean squared difference, behind a matrix if the
widths differ; Sanh et al. 2019 (DistilBERT) by their cosine.

Shape suffixes: B batch, S sequence, D hidden.
"""

from collections.abc import Sequence

import tensorflow as tf

from bert_tf.distillation.term import Term, like
from bert_tf.layers.precision import at_least_float32

_SHORTEST = 1e-12  # the cosine of a vector of length 0 is 0


def difference(student_BSD: tf.Tensor, teacher_BSD: tf.Tensor, kind: str) -> tf.Tensor:
    """How far the vectors are from each other, [B, S].

    Args:
      student_BSD, teacher_BSD: vectors of the same width.
      kind: "mse", the mean squared difference, or "cosine", 1 - cosine.
    """
    student_BSD, teacher_BSD = at_least_float32(student_BSD), at_least_float32(teacher_BSD)
    if kind == "mse":
        return tf.reduce_mean(tf.math.squared_difference(student_BSD, teacher_BSD), axis=-1)
    products_BS = tf.reduce_sum(student_BSD * teacher_BSD, axis=-1)
    squares_BS = tf.reduce_sum(student_BSD**2, axis=-1) * tf.reduce_sum(teacher_BSD**2, axis=-1)
    return 1 - products_BS * tf.math.rsqrt(tf.maximum(squares_BS, _SHORTEST))


class HiddenStates(Term):
    """The term of the hidden states: the mean over tokens, summed over the pairs of layers.

    Args:
      weight: of the term.
      pairs: (student layer, teacher layer); 0 is the embeddings.
      widths: D of the student and of the teacher.
      kind: see `difference`.
    """

    name = "hidden_loss"
    needs_hidden_states = True

    def __init__(
        self, weight: float, pairs: Sequence[tuple[int, int]], widths: tuple[int, int], kind: str
    ):
        super().__init__(weight)
        self._pairs, self._widths, self._kind = tuple(pairs), widths, kind

    @property
    def _names(self) -> list[str]:
        return [f"hidden_{own}_{other}" for own, other in self._pairs]

    @property
    def widened(self):
        """See `Term.widened`."""
        own, other = self._widths
        return {} if own == other else dict.fromkeys(self._names, other)

    def of_teacher(self, outputs, batch):
        """See `Term.of_teacher`."""
        del batch
        return self._taken(outputs, [other for _, other in self._pairs])

    def of_student(self, outputs, batch):
        """See `Term.of_student`."""
        del batch
        return self._taken(outputs, [own for own, _ in self._pairs])

    def _taken(self, outputs, layers):
        states = [outputs["hidden_states"][layer] for layer in layers]
        return dict(zip(self._names, states, strict=True))

    def total_weight(self, batch):
        """See `Term.total_weight`."""
        return tf.cast(tf.reduce_sum(batch["input_mask"]), tf.float32)

    def total(self, learned, taught, batch):
        """See `Term.total`."""
        sums = []
        for name in self._names:
            values_BS = difference(learned[name], like(taught[name], learned[name]), self._kind)
            mask_BS = tf.cast(batch["input_mask"], values_BS.dtype)
            sums.append(tf.reduce_sum(values_BS * mask_BS))
        return tf.add_n(sums)
