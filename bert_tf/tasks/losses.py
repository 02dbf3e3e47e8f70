"""Weighted cross entropy and accuracy as sums, the way every task reports them."""

import functools

import tensorflow as tf

from bert_tf.layers import fused


def weighted_cross_entropy(logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Sum of weights x cross entropy, in float32: logits [..., C], labels and weights [...]."""
    # Outside of the kernel, whose reductions to a maximum are not vectorised. Whatever is
    # subtracted, the loss is the same, so it needs no gradient.
    largest = tf.stop_gradient(tf.reduce_max(logits, axis=-1))
    return tf.reduce_sum(_cross_entropy(logits, labels, largest) * weights)


def _cross_entropy_body(logits, labels, largest):
    sums = tf.reduce_sum(tf.exp(logits - largest[..., tf.newaxis]), axis=-1)
    return largest + tf.math.log(sums) - tf.gather(logits, labels, batch_dims=labels.shape.rank)


def _cross_entropy_gradient(loss, upstream, logits, labels):
    """Softmax minus one-hot.

    The loss and the label's score give the softmax its denominator, so that the gradient is the
    only thing of the size of the logits that is written.
    """
    wide = tf.cast(logits, tf.float32)
    log_sums = loss + tf.gather(wide, labels, batch_dims=labels.shape.rank)
    probs = tf.exp(wide - log_sums[..., tf.newaxis])
    is_label = tf.range(tf.shape(logits)[-1], dtype=labels.dtype) == labels[..., tf.newaxis]
    gradient = upstream[..., tf.newaxis] * (probs - tf.cast(is_label, tf.float32))
    return tf.cast(gradient, logits.dtype)


@functools.partial(fused.fused, body=_cross_entropy_body, gradient=_cross_entropy_gradient)
def _cross_entropy(logits, labels, largest):
    """float32 [...]; `largest` is the largest of the logits [..., C]."""
    del largest  # for the kernel
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32))


def weighted_hits(logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Sum of the weights where the largest of logits [..., C] is the label [...]."""
    hits = tf.cast(_argmax(logits), labels.dtype) == labels
    return tf.reduce_sum(tf.cast(hits, tf.float32) * weights)


def _argmax(logits):
    if not fused.are_on():
        return tf.argmax(logits, axis=-1, output_type=tf.int32)
    return _first_of_largest(logits, tf.reduce_max(logits, axis=-1))


@fused.kernel
def _first_of_largest(logits, largest):
    """int32 [...]: where `largest` first stands in logits [..., C].

    It takes half the time of argmax, and the loss needs the maximum anyway.
    """
    num_classes = tf.shape(logits)[-1]
    is_largest = logits >= largest[..., tf.newaxis]
    return tf.reduce_min(tf.where(is_largest, tf.range(num_classes), num_classes), axis=-1)
