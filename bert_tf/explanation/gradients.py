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

    Of a pair one text is faded while the other one stays, then the other way round: the part of a
    word is that on the way of its own text. Two texts without any word are alike, so on the way of
    both together a model of pairs learns nothing from what they share (measured: docs/measured.md).

    The parts of a text add up to the difference between the belief in the row and that without this
    text. How far they miss it is the gap; steps are doubled until it is small enough.

    Args:
      believer: of the model.
      cases: what is explained.
      steps: to begin with: the points of a Gauss-Legendre rule.
      largest_gap: as a share of the differences.
      most_steps: cases that need more keep their gap, which is told.

    Returns:
      Parts with `gap`, `steps`, `belief` and `baseline_belief`; of a pair the latter has two
      numbers, without the first and without the second text.

    Reference: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks".
    """
    every, ones = np.arange(len(cases)), np.ones(cases.word_ids.shape, np.float32)
    everything, _ = believer.beliefs(cases, every, ones)
    fades = _fading(cases)
    nothing = [believer.beliefs(cases, every, np.where(fade, 0, ones))[0] for fade in fades]
    found: list[Parts | None] = [None] * len(cases)
    open_cases = every
    while len(open_cases):
        sums = [_integral(believer, cases, open_cases, steps, fade[open_cases]) for fade in fades]
        for place, case in enumerate(open_cases.tolist()):
            of_texts = [cases.word_sums(case, one[place]) for one in sums]
            differences = [everything[case] - one[case] for one in nothing]
            missed = sum(
                abs(one.sum() - difference)
                for one, difference in zip(of_texts, differences, strict=True)
            )
            without = [float(one[case]) for one in nothing]
            about = {
                "gap": float(missed / max(np.abs(differences).sum(), LEAST_DIFFERENCE)),
                "steps": steps,
                "belief": float(everything[case]),
                "baseline_belief": without if len(without) > 1 else without[0],
            }
            found[case] = Parts(np.sum(of_texts, axis=0), about)
        if 2 * steps > most_steps:
            break
        open_cases = np.array([c for c in open_cases if found[c].about["gap"] > largest_gap], int)
        steps *= 2
    return found


def along(believer: Believer, cases: Cases, steps: int) -> list[np.ndarray]:
    """The parts of the words by integrated gradients, without the passes that check their sum."""
    if not len(cases):
        return []
    every, fades = np.arange(len(cases)), _fading(cases)
    sums = [_integral(believer, cases, every, steps, fade) for fade in fades]
    return [sum(cases.word_sums(case, one[case]) for one in sums) for case in every.tolist()]


def _fading(cases: Cases) -> list[np.ndarray]:
    """Bool [C, S] each: the tokens that fade together, those of all words or of one text."""
    is_word_CS = cases.word_ids >= 0
    second_CS = np.zeros_like(is_word_CS)
    for case, words in enumerate(cases.words):
        of_text = np.array([word.text for word in words] + [0])
        second_CS[case] = is_word_CS[case] & (of_text[cases.word_ids[case]] == 1)
    return [is_word_CS & ~second_CS, second_CS] if second_CS.any() else [is_word_CS]


def _integral(
    believer: Believer, cases: Cases, chosen: np.ndarray, steps: int, fades_CS: np.ndarray
) -> np.ndarray:
    """float64 [len(chosen), S]: the mean slope of each token that fades, on the way."""
    points_G, weights_G = np.polynomial.legendre.leggauss(steps)
    shares_G = (points_G + 1) / 2
    shares_CGS = np.where(fades_CS[:, np.newaxis], shares_G[:, np.newaxis], 1.0)
    shares = shares_CGS.reshape(-1, fades_CS.shape[1]).astype(np.float32)
    slopes = believer.slopes(cases, np.repeat(chosen, steps), shares)
    slopes_CGS = slopes.reshape(len(chosen), steps, -1)
    return np.where(fades_CS, np.einsum("cgs,g->cs", slopes_CGS, weights_G / 2), 0.0)


def gradient_x_input(believer: Believer, cases: Cases) -> list[Parts]:
    """The slope of the belief at the text, times the word vectors.

    Reference: Shrikumar et al. 2016, "Not Just a Black Box".
    """
    every, shares = np.arange(len(cases)), np.ones(cases.word_ids.shape, np.float32)
    slopes_CS = believer.slopes(cases, every, shares, from_zero=True)
    return [Parts(cases.word_sums(case, slopes_CS[case])) for case in range(len(cases))]
