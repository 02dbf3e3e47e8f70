"""Decides the answer of a classifier from its probabilities: thresholds, factors, no label, top k.

It uses TF ops, so that a served model decides like predict.py and evaluate.py. `fit_decisions` fits
the numbers.

Shape suffixes: B batch, L labels, K the first labels.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from bert_tf.tasks.classification.config import Config, Facts
from bert_tf.tasks.classification.labels import MULTI, REGRESSION, SINGLE

NO_LABEL = -1  # the id of the answer where no label is given
NEVER = 2.0  # a threshold that no probability reaches
FITTED = ("f1", "precision", "recall", "cost")  # values of `Config.fit_thresholds`
_HALF = 0.5
# Names of the facts that say how to decide.
NAMES = ("temperature", "factors", "thresholds", "reject_below", "top_k")


def check(task: Config, facts: Facts) -> None:
    """Raises ValueError for settings or facts that do not fit the labels."""
    num_labels = len(facts.labels)
    for name in ("thresholds", "factors"):
        values = getattr(facts, name)
        if values and len(values) != num_labels:
            raise ValueError(
                f"task.{name} has {len(values)} numbers for {num_labels} labels; expected one "
                "for each label."
            )
        if not all(0 <= value < math.inf for value in values):
            raise ValueError(f"task.{name} is {tuple(values)}; expected numbers of at least 0.")
    if task.problem_type == REGRESSION and (decides(facts) or fits(task)):
        raise ValueError(
            "a regression gives a number, so it has no decision settings. Leave out "
            "task.thresholds, task.fit_thresholds, task.reject_below, task.temperature and similar."
        )
    if facts.top_k > num_labels and num_labels:
        raise ValueError(f"task.top_k is {facts.top_k}; the model has {num_labels} labels.")
    if task.problem_type == MULTI and (task.fit_temperature or facts.factors):
        raise ValueError(
            "task.fit_temperature and task.factors are for a classifier with one label per text; "
            f"this one is {MULTI!r}."
        )
    _check_fitting(task, num_labels)


def _check_fitting(task: Config, num_labels: int) -> None:
    if task.fit_thresholds and task.fit_thresholds not in FITTED:
        raise ValueError(
            f"task.fit_thresholds is {task.fit_thresholds!r}. Known: {', '.join(FITTED)}."
        )
    if (task.fit_thresholds == "cost") != bool(task.costs):
        raise ValueError(
            "task.costs, a row for each right label, needs task.fit_thresholds='cost' and vice "
            "versa."
        )
    if not task.costs:
        return
    rows, columns = (2, (2,)) if task.problem_type == MULTI else (num_labels, None)
    columns = columns or (num_labels, num_labels + 1)
    if len(task.costs) != rows or any(len(row) not in columns for row in task.costs):
        what = (
            "((right no: answered no, answered yes), (right yes: answered no, answered yes))"
            if task.problem_type == MULTI
            else "a row for each right label with a cost for each answered one, in the order of "
            f"{', '.join(map(str, task.labels or ('the labels',)))}, and perhaps one for no label"
        )
        raise ValueError(f"task.costs is {task.costs!r}; expected {what}.")


def fits(task: Config) -> bool:
    """Whether the settings need numbers that are fitted on evaluation data."""
    return bool(task.fit_thresholds or task.fit_temperature)


def decides(facts: Facts) -> bool:
    """Whether the answers differ from the most probable labels, or include more labels."""
    return bool(may_reject(facts) or facts.factors or facts.top_k or facts.temperature != 1)


def may_reject(facts: Facts) -> bool:
    """Whether the answer for a text can be no label."""
    return bool(facts.thresholds or facts.reject_below)


def probabilities(logits_BL: tf.Tensor, facts: Facts, problem_type: str) -> tf.Tensor:
    """float32 [B, L]: softmax if one label is right, or a separate probability of each label."""
    logits_BL = tf.cast(logits_BL, tf.float32)
    if facts.temperature != 1:
        logits_BL = logits_BL / tf.constant(facts.temperature, tf.float32)
    return tf.nn.softmax(logits_BL) if problem_type == SINGLE else tf.nn.sigmoid(logits_BL)


def best_label(probs_BL: tf.Tensor, facts: Facts) -> tf.Tensor:
    """int64 [B]: the label with the largest product of factor and probability, or `NO_LABEL`.

    It is `NO_LABEL` if its probability is below its threshold or below `reject_below`.
    """
    weighted_BL = probs_BL
    if facts.factors:
        weighted_BL = probs_BL * tf.constant(facts.factors, tf.float32)
    best_B = tf.argmax(weighted_BL, axis=-1)
    if not may_reject(facts):
        return best_B
    least_B = tf.gather(_least(facts, probs_BL.shape[-1], 0.0), best_B)
    return tf.where(tf.gather(probs_BL, best_B, batch_dims=1) >= least_B, best_B, NO_LABEL)


def label_mask(probs_BL: tf.Tensor, facts: Facts) -> tf.Tensor:
    """Bool [B, L]: the labels that reach their thresholds, or 1/2 without thresholds."""
    if not may_reject(facts):
        return probs_BL > _HALF
    return probs_BL >= _least(facts, probs_BL.shape[-1], _HALF)


def _least(facts: Facts, num_labels: int, otherwise: float) -> tf.Tensor:
    thresholds = facts.thresholds or (otherwise,) * num_labels
    return tf.constant([max(value, facts.reject_below) for value in thresholds], tf.float32)


def first_labels(probs_BL: tf.Tensor, labels: Sequence[str], facts: Facts) -> dict[str, tf.Tensor]:
    """`top_labels` string, `top_probabilities` float32 [B, K], descending; {} for K = 0."""
    if not facts.top_k:
        return {}
    probs_BK, ids_BK = tf.math.top_k(probs_BL, k=facts.top_k)
    return {"top_labels": tf.gather(tf.constant(labels), ids_BK), "top_probabilities": probs_BK}


def described(row: Mapping[str, Any]) -> dict[str, Any]:
    """The first labels of a row for JSON."""
    if "top_labels" not in row:
        return {}
    pairs = zip(row["top_labels"], row["top_probabilities"].tolist(), strict=True)
    return {"top": [{"label": name.decode(), "probability": p} for name, p in pairs]}


def manifest(facts: Facts) -> dict[str, Any]:
    """The decision settings for the manifest of an export, for clients that decide themselves."""
    return {name: getattr(facts, name) for name in NAMES}
