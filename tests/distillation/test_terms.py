"""The terms of a student's loss against NumPy in float64, and their gradients against differences.

Shape suffixes: B batch, S sequence, D hidden, R heads of the relations, C classes.
"""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.distillation import hidden_states, relations, soft_targets
from bert_tf.distillation.term import like
from bert_tf.layers.attention import attention_bias
from bert_tf.tasks.teaching import ANY, NUMBERS, ONE

B, S, R = 2, 5, 2
_RANDOM = np.random.default_rng(0)
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], np.int32)
EXAMPLES = np.array([[1, 1, 2, 2, 2], [1, 1, 1, 0, 0]], np.int32)


def softmax(scores):
    exps = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


def relation(vectors_SD, visible_S):
    """Relations of one row, token by token and head by head: [R, S, S] with 0 where not visible."""
    size = vectors_SD.shape[1] // R
    found = np.zeros((R, S, S))
    for head, query in np.ndindex(R, S):
        part = vectors_SD[:, head * size : (head + 1) * size]
        keys = [key for key in range(S) if visible_S(query, key)]
        if keys:
            found[head, query, keys] = softmax(part[keys] @ part[query] / np.sqrt(size))
    return found


def divergence(student_BSD, teacher_BSD, examples_BS):
    """KL of the relations of each token that is not padding, the mean over the heads: [B, S]."""
    found = np.zeros((B, S))
    for row in range(B):

        def visible(query, key, row=row):
            return examples_BS[row, key] > 0 and examples_BS[row, query] == examples_BS[row, key]

        taught, learned = (relation(v[row], visible) for v in (teacher_BSD, student_BSD))
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(taught > 0, taught * np.log(taught / learned), 0.0)
        found[row] = terms.sum(axis=-1).mean(axis=0)
    return found * (examples_BS > 0)


@pytest.mark.parametrize("packed", [False, True])
def test_relations_are_those_of_the_paper_whatever_the_widths(packed):
    student_BSD, teacher_BSD = _RANDOM.normal(size=(B, S, 4)), _RANDOM.normal(size=(B, S, 6))
    examples_BS = EXAMPLES if packed else MASK
    bias = attention_bias(tf.constant(MASK), tf.constant(EXAMPLES) if packed else None)
    found = relations.divergence(tf.constant(student_BSD), tf.constant(teacher_BSD), bias, R)
    expected = divergence(student_BSD, teacher_BSD, examples_BS)
    np.testing.assert_allclose(found.numpy() * MASK, expected, rtol=1e-9, atol=1e-12)
    assert expected[0].min() > 1e-3


def gradient_by_differences(function, values, step=1e-5):
    """Central differences of a scalar function."""
    found = np.zeros_like(values)
    for place in np.ndindex(values.shape):
        sides = []
        for sign in (1, -1):
            moved = values.copy()
            moved[place] += sign * step
            sides.append(float(function(tf.constant(moved))))
        found[place] = (sides[0] - sides[1]) / (2 * step)
    return found


def _of_relations(student):
    teacher = tf.constant(np.random.default_rng(1).normal(size=(B, S, 6)))
    bias = attention_bias(tf.constant(MASK))
    values = relations.divergence(student, teacher, bias, R)
    return tf.reduce_sum(values * tf.cast(MASK, values.dtype))


def _of_answers(kind):
    def loss(student):
        teacher = tf.constant(np.random.default_rng(1).normal(size=(B, S, 4)))
        return tf.reduce_sum(soft_targets.divergence(student, teacher, kind, 2.0))

    return loss


def _of_hidden(kind):
    def loss(student):
        teacher = tf.constant(np.random.default_rng(1).normal(size=(B, S, 4)))
        return tf.reduce_sum(hidden_states.difference(student, teacher, kind))

    return loss


LOSSES = {
    "relations": _of_relations,
    **{kind: _of_answers(kind) for kind in (ONE, ANY, NUMBERS)},
    **{kind: _of_hidden(kind) for kind in ("mse", "cosine")},
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_differences(name):
    values = _RANDOM.normal(size=(B, S, 4))
    student = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(student)
        loss = LOSSES[name](student)
    expected = gradient_by_differences(LOSSES[name], values)
    assert loss.dtype == tf.float64 and np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(tape.gradient(loss, student), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_soft_targets_are_divergences_times_the_squared_temperature(temperature):
    student, teacher = _RANDOM.normal(size=(2, B, 3))
    given = tf.constant(student), tf.constant(teacher)
    t, s = softmax(teacher / temperature), softmax(student / temperature)
    one = temperature**2 * (t * np.log(t / s)).sum(axis=-1)
    np.testing.assert_allclose(soft_targets.divergence(*given, ONE, temperature), one)
    t, s = (1 / (1 + np.exp(-scores / temperature)) for scores in (teacher, student))
    each = t * np.log(t / s) + (1 - t) * np.log((1 - t) / (1 - s))
    any_of = temperature**2 * each.sum(axis=-1)
    np.testing.assert_allclose(soft_targets.divergence(*given, ANY, temperature), any_of)
    squares = ((student - teacher) ** 2).mean(axis=-1)
    np.testing.assert_allclose(soft_targets.divergence(*given, NUMBERS, temperature), squares)


def test_hidden_states_are_compared_by_their_squares_or_their_angle():
    student, teacher = _RANDOM.normal(size=(2, B, S, 4))
    given = tf.constant(student), tf.constant(teacher)
    expected = ((student - teacher) ** 2).mean(axis=-1)
    np.testing.assert_allclose(hidden_states.difference(*given, "mse"), expected)
    lengths = np.linalg.norm(student, axis=-1) * np.linalg.norm(teacher, axis=-1)
    expected = 1 - (student * teacher).sum(axis=-1) / lengths
    np.testing.assert_allclose(hidden_states.difference(*given, "cosine"), expected)


def test_what_is_masked_has_no_part_and_no_nan():
    """Scores of padding are -1e9 in both models, as in spans of an answer."""
    scores = tf.constant([[0.5, -1.0, -1e9], [0.1, 0.2, -1e9]])
    loss = soft_targets.divergence(scores[::-1], scores, ONE, 2.0)
    expected = soft_targets.divergence(scores[::-1, :2], scores[:, :2], ONE, 2.0)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_the_common_heads_are_the_most_that_divide_both_widths():
    assert relations.common_heads(192, 384, 12) == 12
    assert relations.common_heads(128, 768, 12) == 8
    assert relations.common_heads(7, 384, 12) == 1


def test_stored_tensors_of_the_full_width_are_cut_to_the_rows():
    stored, scores = tf.zeros((B, 8, 3)), tf.zeros((B, 5, 3))
    assert like(stored, scores).shape == (B, 5, 3)
    assert like(tf.zeros((B, 8, 6)), scores, axes=(1,)).shape == (B, 5, 6)
