"""Fits temperature, thresholds and factors on labelled probabilities. NumPy only.

The scores of the set on which they were fitted are too good; use other data for scores.

Shape suffixes: E examples, L labels, C candidates.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from absl import logging

from bert_tf.tasks.classification import calibration
from bert_tf.tasks.classification.config import Config, Facts
from bert_tf.tasks.classification.decisions import NEVER, probabilities
from bert_tf.tasks.classification.labels import MULTI

_CANDIDATES = 64  # of a factor
_SWEEPS = 3
_SMALLEST = 1e-30


def fit(task: Config, facts: Facts, logits_EL: np.ndarray, right: np.ndarray) -> Facts:
    """The facts with the fitted values that the settings request.

    Args:
      task: has `fit_temperature`, `fit_thresholds` and their settings.
      facts: with the labels.
      logits_EL: of labelled examples.
      right: int [E], or 0/1 [E, L] for several labels.
    """
    if task.fit_temperature:
        found = calibration.fit(_probs(task, facts, logits_EL, temperature=1.0), right)
        logging.info("%s", found)
        facts = dataclasses.replace(facts, temperature=found.kept)
    if not task.fit_thresholds:
        return facts
    probs_EL = _probs(task, facts, logits_EL)
    if task.problem_type == MULTI:
        return _replace(facts, thresholds=_thresholds_of_sets(task, facts, probs_EL, right))
    if task.fit_thresholds in ("precision", "recall"):
        best_E = probs_EL.argmax(axis=-1)
        thresholds = [
            _threshold(task, facts, label, probs_EL[best_E == label, label], right, best_E)
            for label in range(len(facts.labels))
        ]
        return _replace(facts, thresholds=thresholds, factors=())
    return _fit_factors(task, facts, probs_EL, right)


def _probs(
    task: Config, facts: Facts, logits_EL: np.ndarray, temperature: float | None = None
) -> np.ndarray:
    if temperature is not None:
        facts = dataclasses.replace(facts, temperature=temperature)
    return probabilities(logits_EL, facts, task.problem_type).numpy().astype(np.float64)


def _replace(facts: Facts, **values: Sequence[float]) -> Facts:
    """Replaces facts by values rounded down, so a probability still reaches its threshold."""
    rounded = {
        name: tuple(float(np.floor(value * 1e6) / 1e6) for value in numbers)
        for name, numbers in values.items()
    }
    for name, numbers in rounded.items():
        if numbers:
            said = ", ".join(f"{a} {b:g}" for a, b in zip(facts.labels, numbers, strict=True))
            logging.info("%s found on the first evaluation set: %s", name, said)
    return dataclasses.replace(facts, **rounded)


def _thresholds_of_sets(
    task: Config, facts: Facts, probs_EL: np.ndarray, right_EL: np.ndarray
) -> list[float]:
    return [
        best_threshold(
            probs_EL[:, label],
            right_EL[:, label] > 0,
            int(right_EL[:, label].sum()),
            task,
            str(name),
        )
        for label, name in enumerate(facts.labels)
    ]


def _threshold(
    task: Config,
    facts: Facts,
    label: int,
    probs: np.ndarray,
    right_E: np.ndarray,
    best_E: np.ndarray,
) -> float:
    """The threshold of one of several labels, from the examples for which it is most probable."""
    is_right = right_E[best_E == label] == label
    total = int((right_E == label).sum())
    return best_threshold(probs, is_right, total, task, str(facts.labels[label]))


def best_threshold(
    probs_E: np.ndarray, is_right_E: np.ndarray, num_right: int, task: Config, name: str
) -> float:
    """The best threshold of one label for `task.fit_thresholds`.

    Args:
      probs_E: probabilities of the label.
      is_right_E: bool, whether it is right.
      num_right: number of examples for which it is right, including examples not in `probs_E`.
      task: "precision": the highest recall with at least `fit_target` precision; "recall": the
        highest precision with at least `fit_target` recall.
      name: of the label, for messages.
    """
    order = np.argsort(-probs_E, kind="stable")
    probs, hits = probs_E[order], np.cumsum(is_right_E[order])
    count = np.arange(1, len(probs) + 1)
    # Equal probabilities are answered together.
    is_border = np.append(probs[:-1] > probs[1:], True) if len(probs) else np.zeros(0, bool)
    score, allowed = _scores(hits, count, num_right, len(probs_E), task)
    usable = np.flatnonzero(is_border & allowed)
    if not len(usable) or not num_right:
        if not num_right:
            logging.warning("label %r: no evaluation example has it; its threshold is 1/2", name)
            return 0.5
        if task.fit_thresholds in ("precision", "recall"):
            logging.warning(
                "label %r: no threshold has a %s of %g; it is %s answered",
                name,
                task.fit_thresholds,
                task.fit_target,
                "never" if task.fit_thresholds == "precision" else "always",
            )
            return NEVER if task.fit_thresholds == "precision" else 0.0
        return NEVER
    best = usable[np.argmax(score[usable])]
    if task.fit_thresholds == "cost" and score[best] <= _score_of_nothing(num_right, probs, task):
        return NEVER
    below = probs[best + 1] if best + 1 < len(probs) else 0.0
    return float((probs[best] + below) / 2)


def _scores(
    hits: np.ndarray, count: np.ndarray, num_right: int, total: int, task: Config
) -> tuple[np.ndarray, np.ndarray]:
    """(the value to maximise, whether a threshold is allowed) for each number of answers."""
    precision, recall = hits / count, hits / max(num_right, 1)
    if task.fit_thresholds == "precision":
        return recall, precision >= task.fit_target
    if task.fit_thresholds == "recall":
        return precision, recall >= task.fit_target
    if task.fit_thresholds == "f1":
        return 2 * hits / (count + num_right), hits > 0
    (no_no, no_yes), (yes_no, yes_yes) = task.costs
    missed, false = num_right - hits, count - hits
    quiet = total - count - missed
    cost = false * no_yes + hits * yes_yes + missed * yes_no + quiet * no_no
    return -cost, np.ones(len(count), bool)


def _score_of_nothing(num_right: int, probs: np.ndarray, task: Config) -> float:
    """The value to maximise if the label is never answered."""
    return -(num_right * task.costs[1][0] + (len(probs) - num_right) * task.costs[0][0])


def _fit_factors(task: Config, facts: Facts, probs_EL: np.ndarray, right_E: np.ndarray) -> Facts:
    num_labels = len(facts.labels)

    def objective(answers_E: np.ndarray) -> float:
        if task.fit_thresholds == "f1":
            return _f1(answers_E, right_E, num_labels)
        return -float(np.array(task.costs, float)[right_E, answers_E].mean())

    factors_L = _best_factors(probs_EL, objective)
    thresholds: Sequence[float] = ()
    if task.costs and len(task.costs[0]) > num_labels:
        thresholds = _reject_thresholds(task, probs_EL, right_E, factors_L)
    return _replace(facts, factors=factors_L / factors_L.max(), thresholds=thresholds)


def _f1(answers_E: np.ndarray, right_E: np.ndarray, num_labels: int) -> float:
    """F1 of the last of two labels; with more labels the mean of all."""
    cells = np.bincount(right_E * num_labels + answers_E, minlength=num_labels**2)
    counts_LL = cells.reshape(num_labels, num_labels)
    sums_L = counts_LL.sum(axis=0) + counts_LL.sum(axis=1)
    f1_L = 2 * np.diag(counts_LL) / np.maximum(sums_L, 1)
    return float(f1_L[-1] if num_labels == 2 else f1_L.mean())


def _best_factors(probs_EL: np.ndarray, objective: Callable[[np.ndarray], float]) -> np.ndarray:
    """Fits one factor at a time for the best objective, with the other factors fixed.

    Candidates lie between the ratios at which an answer changes. In a tie, the factor nearest to
    the current one wins.
    """
    factors_L = np.ones(probs_EL.shape[1])
    best = objective(probs_EL.argmax(axis=-1))
    for _ in range(_SWEEPS):
        before = best
        for label in range(len(factors_L)):
            others_EL = probs_EL * factors_L
            others_EL[:, label] = -1.0
            ratios_E = np.sort(others_EL.max(axis=-1) / np.maximum(probs_EL[:, label], _SMALLEST))
            for factor in _between(ratios_E, factors_L[label]):
                trial_L = factors_L.copy()
                trial_L[label] = factor
                score = objective((probs_EL * trial_L).argmax(axis=-1))
                if score > best + 1e-9:
                    best, factors_L = score, trial_L
        if best <= before:
            break
    return factors_L


def _between(ratios_E: np.ndarray, today: float) -> np.ndarray:
    """Candidates [C] for a factor, those next to `today` first."""
    places = np.linspace(0, len(ratios_E) - 1, min(_CANDIDATES, len(ratios_E))).astype(int)
    borders = np.clip(ratios_E[places], 1e-3, 1e3)
    middles = np.sqrt(borders[:-1] * borders[1:])
    return middles[np.argsort(np.abs(np.log(middles / today)), kind="stable")]


def _reject_thresholds(
    task: Config, probs_EL: np.ndarray, right_E: np.ndarray, factors_L: np.ndarray
) -> list[float]:
    """For each label, the probability below which no label costs less."""
    num_labels = probs_EL.shape[1]
    costs_LA = np.array(task.costs, float)
    answers_E = (probs_EL * factors_L).argmax(axis=-1)
    thresholds = []
    for label in range(num_labels):
        rows = np.flatnonzero(answers_E == label)
        rows = rows[np.argsort(-probs_EL[rows, label], kind="stable")]
        probs = probs_EL[rows, label]
        gain = costs_LA[right_E[rows], num_labels] - costs_LA[right_E[rows], label]
        total = np.append(0.0, np.cumsum(gain))  # by how many are answered
        best = int(len(total) - 1 - np.argmax(total[::-1]))
        if best == 0:
            thresholds.append(NEVER if len(rows) else 0.0)
        else:
            below = probs[best] if best < len(probs) else 0.0
            thresholds.append(float((probs[best - 1] + below) / 2))
    return thresholds
