"""Integrated gradients, and gradient times input.

Shape suffixes: C cases, P questions, S sequence, G steps.
"""

import numpy as np

from bert_tf.explanation.believer import Believer, Cases
from bert_tf.explanation.parts import Parts

LEAST_DIFFERENCE = 1e-3  # gaps are relative to the difference of the beliefs, or to this


def integrated_gradients(
    believer: Believer,
    cases: Cases,
    *,
    steps: int = 16,
    largest_gap: float = 0.02,
    most_steps: int = 512,
) -> list[Parts]:
    """The part of each word: its gradient along the straight way from the baseline, summed up.

    The parts of a text add up to the difference between the belief in it and that in the baseline.
    How far they miss it is the gap; steps are doubled until it is small enough.

    Args:
      believer: of the model.
      cases: what is explained.
      steps: to begin with: the points of a Gauss-Legendre rule.
      largest_gap: as a share of the difference.
      most_steps: cases that need more keep their gap, which is told.

    Returns:
      Parts with `gap`, `steps`, `belief` and `baseline_belief`.

    Reference: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks".
    """
    everything, nothing = end_points(believer, cases)
    differences = everything - nothing
    found: list[Parts | None] = [None] * len(cases)
    open_cases = np.arange(len(cases))
    while len(open_cases):
        sums = _integral(believer, cases, open_cases, steps)
        for case, sums_S in zip(open_cases.tolist(), sums, strict=True):
            weights = cases.word_sums(case, sums_S)
            missed = abs(weights.sum() - differences[case])
            about = {
                "gap": float(missed / max(abs(differences[case]), LEAST_DIFFERENCE)),
                "steps": steps,
                "belief": float(everything[case]),
                "baseline_belief": float(nothing[case]),
            }
            found[case] = Parts(weights, about)
        if 2 * steps > most_steps:
            break
        open_cases = np.array([c for c in open_cases if found[c].about["gap"] > largest_gap], int)
        steps *= 2
    return found


def _integral(believer: Believer, cases: Cases, chosen: np.ndarray, steps: int) -> np.ndarray:
    """float64 [len(chosen), S]: the mean slope of each token on the way."""
    points_G, weights_G = np.polynomial.legendre.leggauss(steps)
    shares_G = (points_G + 1) / 2
    is_word_CS = cases.word_ids[chosen] >= 0
    shares_CGS = np.where(is_word_CS[:, np.newaxis], shares_G[:, np.newaxis], 1.0)
    shares = shares_CGS.reshape(-1, is_word_CS.shape[1]).astype(np.float32)
    slopes = believer.slopes(cases, np.repeat(chosen, steps), shares)
    slopes_CGS = slopes.reshape(len(chosen), steps, -1)
    return np.einsum("cgs,g->cs", slopes_CGS, weights_G / 2)


def end_points(believer: Believer, cases: Cases) -> tuple[np.ndarray, np.ndarray]:
    """float64 [C] each: the beliefs in the texts and in their baselines."""
    every = np.arange(len(cases))
    shares = np.ones(cases.word_ids.shape, np.float32)
    everything, _ = believer.beliefs(cases, every, shares)
    nothing, _ = believer.beliefs(cases, every, np.where(cases.word_ids >= 0, 0, shares))
    return everything, nothing


def gradient_x_input(believer: Believer, cases: Cases) -> list[Parts]:
    """The slope of the belief at the text, times the word vectors.

    Reference: Shrikumar et al. 2016, "Not Just a Black Box".
    """
    every, shares = np.arange(len(cases)), np.ones(cases.word_ids.shape, np.float32)
    slopes_CS = believer.slopes(cases, every, shares, from_zero=True)
    return [Parts(cases.word_sums(case, slopes_CS[case])) for case in range(len(cases))]
