"""What a classifier believes: see `bert_tf.tasks.beliefs`.

Shape suffixes: B rows, K numbers of a place, L labels.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from bert_tf.layers.precision import at_least_float32
from bert_tf.tasks import beliefs
from bert_tf.tasks.beliefs import Belief
from bert_tf.tasks.classification import decisions
from bert_tf.tasks.classification.config import Facts
from bert_tf.tasks.classification.labels import MULTI, REGRESSION, SINGLE


def believed(
    logits_BL: tf.Tensor, labels: Sequence[str], facts: Facts, problem_type: str, wanted: str
) -> list[Belief]:
    """One belief for each row, or one for each answered label with several labels per text.

    Args:
      logits_BL: logits of the model.
      labels, facts, problem_type: those attributes of the task.
      wanted: the label to explain instead of the answer; "": explain the answer.

    Raises:
      ValueError: the model has no label `wanted`.
    """
    if wanted and wanted not in labels:
        known = ", ".join(labels) or "none, because it gives a number"
        raise ValueError(f"there is no label {wanted!r} to explain. Labels of the model: {known}.")
    if problem_type == REGRESSION:
        values = logits_BL[:, 0].numpy()
        return [Belief(row, (0,), 0, f"{value:.3g}") for row, value in enumerate(values)]
    if wanted:
        chosen = [[labels.index(wanted)]] * int(tf.shape(logits_BL)[0])
    else:
        probs_BL = decisions.probabilities(logits_BL, facts, problem_type)
        chosen = [[int(label)] for label in np.argmax(probs_BL, axis=-1)]
        if problem_type == SINGLE:  # the answer; if it is no label, the likeliest label
            given = decisions.best_label(probs_BL, facts).numpy().tolist()
            chosen = [[g] if g >= 0 else c for g, c in zip(given, chosen, strict=True)]
        else:
            masks = decisions.label_mask(probs_BL, facts).numpy()
            found = [np.flatnonzero(mask).tolist() for mask in masks]
            chosen = [f or c for f, c in zip(found, chosen, strict=True)]
    return [
        Belief(row, (label,), label if problem_type == SINGLE else 1, labels[label])
        for row, some in enumerate(chosen)
        for label in some
    ]


def name_of(answer: int, labels: Sequence[str], problem_type: str) -> str:
    """See `Explain.name_of`."""
    if problem_type == MULTI:
        return "with this label" if answer else "without this label"
    return labels[answer] if 0 <= answer < len(labels) else "no label"


def belief(
    logits_BL: tf.Tensor, places_BK: tf.Tensor, facts: Facts, problem_type: str
) -> tuple[tf.Tensor, tf.Tensor]:
    """See `Explain.belief`: log odds of the label, or the number."""
    labels_B = places_BK[:, 0]
    logits_BL = at_least_float32(logits_BL)
    if problem_type == REGRESSION:
        return logits_BL[:, 0], tf.zeros_like(labels_B)
    probs_BL = decisions.probabilities(logits_BL, facts, problem_type)
    if problem_type == MULTI:
        is_given_BL = decisions.label_mask(probs_BL, facts)
        is_given_B = tf.gather(is_given_BL, labels_B, batch_dims=1)
        return tf.gather(logits_BL, labels_B, batch_dims=1), tf.cast(is_given_B, tf.int32)
    best_B = tf.cast(decisions.best_label(probs_BL, facts), tf.int32)
    return beliefs.log_odds(logits_BL / facts.temperature, labels_B), best_B
