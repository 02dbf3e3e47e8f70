"""Relations: how the queries, keys and values of a layer relate to each other (MiniLMv2).

The vectors of a layer's heads are joined and cut again into a number of heads that both models
have. A relation is the softmax of the scaled products of all pairs of tokens. It has no width, so
student and teacher can have any width and any number of heads.

Reference: Wang et al. 2020, "MiniLMv2", sections 3.1 and 3.2.

Shape suffixes: B batch, N heads, S sequence, H head size, D the joined heads, R heads of the
relations.
"""

import tensorflow as tf

from bert_tf.distillation.term import Term, like
from bert_tf.layers.attention import attention_bias
from bert_tf.layers.precision import at_least_float32

NAMES = ("queries", "keys", "values")


def joined(vectors_BNSH: tf.Tensor) -> tf.Tensor:
    """[B, S, D]: the heads of each token side by side."""
    shape = tf.shape(vectors_BNSH)
    width = vectors_BNSH.shape[1] * vectors_BNSH.shape[3]
    vectors_BSNH = tf.transpose(vectors_BNSH, (0, 2, 1, 3))
    flat_BSD = tf.reshape(vectors_BSNH, (shape[0], shape[2], width))
    return tf.ensure_shape(flat_BSD, (vectors_BNSH.shape[0], vectors_BNSH.shape[2], width))


def log_relations(vectors_BSD: tf.Tensor, bias: tf.Tensor, num_heads: int) -> tf.Tensor:
    """The logarithm of the relations, [B, R, S, S]: of each token (third axis) to every other.

    Args:
      vectors_BSD: queries, keys or values.
      bias: see `attention_bias`; pairs that must not see each other have no relation.
      num_heads: R; divides D.
    """
    vectors_BSD = at_least_float32(vectors_BSD)
    shape = tf.shape(vectors_BSD)
    size = vectors_BSD.shape[-1] // num_heads
    heads_BSRH = tf.reshape(vectors_BSD, (shape[0], shape[1], num_heads, size))
    heads_BRSH = tf.transpose(heads_BSRH, (0, 2, 1, 3))
    scores_BRSS = tf.matmul(heads_BRSH, heads_BRSH, transpose_b=True) * size**-0.5
    return tf.nn.log_softmax(scores_BRSS + tf.cast(bias, scores_BRSS.dtype))


def divergence(
    student_BSD: tf.Tensor, teacher_BSD: tf.Tensor, bias: tf.Tensor, num_heads: int
) -> tf.Tensor:
    """KL(teacher's relations || student's) of each token, the mean over the heads: [B, S]."""
    taught_BRSS = log_relations(teacher_BSD, bias, num_heads)
    learned_BRSS = log_relations(student_BSD, bias, num_heads)
    terms_BRSS = tf.exp(taught_BRSS) * (taught_BRSS - learned_BRSS)
    return tf.reduce_mean(tf.reduce_sum(terms_BRSS, axis=-1), axis=1)


def common_heads(student_width: int, teacher_width: int, most: int) -> int:
    """The largest number of heads, up to `most`, that divides both widths."""
    numbers = range(most, 0, -1)
    return next(n for n in numbers if student_width % n == 0 and teacher_width % n == 0)


class Relations(Term):
    """The term of the relations: the mean over tokens, summed over queries, keys and values.

    Args:
      weight: of the term.
      layers: the layers of student and teacher, from 1.
      num_heads: R.
    """

    name = "relation_loss"

    def __init__(self, weight: float, layers: tuple[int, int], num_heads: int):
        super().__init__(weight)
        self._student, self._teacher = (layer - 1 for layer in layers)
        self._num_heads = num_heads

    def projections(self, *, of_teacher):
        """See `Term.projections`."""
        return (self._teacher if of_teacher else self._student,)

    def of_teacher(self, outputs, batch):
        """See `Term.of_teacher`."""
        del batch
        return _taken(outputs, self._teacher)

    def of_student(self, outputs, batch):
        """See `Term.of_student`."""
        del batch
        return _taken(outputs, self._student)

    def total_weight(self, batch):
        """See `Term.total_weight`."""
        return tf.cast(tf.reduce_sum(batch["input_mask"]), tf.float32)

    def total(self, learned, taught, batch):
        """See `Term.total`.

        Raises:
          ValueError: the number of heads does not divide a width.
        """
        bias = attention_bias(batch["input_mask"], batch.get("example_ids"))
        sums = []
        for name in NAMES:
            student_BSD, teacher_BSD = learned[name], like(taught[name], learned[name], axes=(1,))
            self._check_width(student_BSD.shape[-1], teacher_BSD.shape[-1])
            values_BS = divergence(student_BSD, teacher_BSD, bias, self._num_heads)
            sums.append(tf.reduce_sum(values_BS * tf.cast(batch["input_mask"], values_BS.dtype)))
        return tf.add_n(sums)

    def _check_width(self, *widths: int) -> None:
        wrong = [width for width in widths if width % self._num_heads]
        if wrong:
            raise ValueError(
                f"the relations have {self._num_heads} heads (distill.relation_heads), which do "
                f"not divide the width {wrong[0]} of the queries, keys and values; expected a "
                "number that divides the widths of student and teacher."
            )


def _taken(outputs, block: int) -> dict[str, tf.Tensor]:
    vectors = map(joined, outputs["projections"][block])
    return dict(zip(NAMES, vectors, strict=True))
