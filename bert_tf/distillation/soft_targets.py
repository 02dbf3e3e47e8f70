"""Soft targets: the student's answers become like the teacher's (Hinton et al. 2015).

Shape suffixes: B batch, C classes.
"""

import tensorflow as tf

from bert_tf.distillation.term import Term, like
from bert_tf.layers.precision import at_least_float32
from bert_tf.tasks.teaching import ANY, NUMBERS, Teach

_NAME = "soft"


def divergence(student: tf.Tensor, teacher: tf.Tensor, kind: str, temperature: float) -> tf.Tensor:
    """How far the student's answers are from the teacher's, [...].

    Of one class: T^2 KL(softmax(t / T) || softmax(s / T)), so that the gradient keeps its size
    whatever the temperature (Hinton et al. 2015, section 2). Of each class by itself: the sum of
    the same over the two-way distributions. Of numbers: the mean squared difference.

    Args:
      student, teacher: scores, float [..., C].
      kind: see `bert_tf.tasks.teaching`.
      temperature: T; without effect on numbers.
    """
    student, teacher = at_least_float32(student), at_least_float32(teacher)
    if kind == NUMBERS:
        return tf.reduce_mean(tf.math.squared_difference(student, teacher), axis=-1)
    student, teacher = student / temperature, teacher / temperature
    if kind == ANY:
        probs = tf.sigmoid(teacher)
        yes = tf.math.log_sigmoid(teacher) - tf.math.log_sigmoid(student)
        no = tf.math.log_sigmoid(-teacher) - tf.math.log_sigmoid(-student)
        terms = probs * yes + (1 - probs) * no
    else:
        log_probs = tf.nn.log_softmax(teacher)
        terms = tf.exp(log_probs) * (log_probs - tf.nn.log_softmax(student))
    return temperature**2 * tf.reduce_sum(terms, axis=-1)


class SoftTargets(Term):
    """The term of the answers.

    Args:
      weight: of the term.
      task: of student and teacher; says where the answers are.
      temperature: see `divergence`.
    """

    name = "soft_loss"

    def __init__(self, weight: float, task: Teach, temperature: float):
        super().__init__(weight)
        self._task, self._temperature = task, temperature

    def of_teacher(self, outputs, batch):
        """See `Term.of_teacher`."""
        return {_NAME: self._task.soft_scores(outputs, batch)}

    def of_student(self, outputs, batch):
        """See `Term.of_student`."""
        return {_NAME: self._task.soft_scores(outputs, batch)}

    def total_weight(self, batch):
        """See `Term.total_weight`."""
        return tf.reduce_sum(self._task.soft_weights(batch))

    def total(self, learned, taught, batch):
        """See `Term.total`."""
        student, teacher = learned[_NAME], like(taught[_NAME], learned[_NAME])
        values = divergence(student, teacher, self._task.soft_kind, self._temperature)
        weights = tf.cast(self._task.soft_weights(batch), values.dtype)
        return tf.reduce_sum(values * weights)
