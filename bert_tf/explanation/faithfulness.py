"""Whether an explanation names the words that the model used.

Comprehensiveness: what the model believes less without the words that are named. Sufficiency: what
it believes less with these words alone. A good explanation has a high one and a low one.

Contrast: how much more the model believes without the words that speak against its answer than
without those that speak for it. Many models give one answer by default, to a text without any word
too. Nothing can be taken away from such an answer, so comprehensiveness says little; but what
speaks against it can be right or wrong. That is why the contrast is in the unit of the belief (log
odds), which does not level off. Of a random order it is 0 on average.

All are compared with a random order of the words.

Shape suffixes: C cases, W words of a case.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from bert_tf.explanation.believer import Believer, Cases
from bert_tf.explanation.coalitions import values_of
from bert_tf.explanation.parts import Parts
from bert_tf.tasks.beliefs import probability

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of the words, those of ERASER
SCORES = ("comprehensiveness", "sufficiency", "contrast")
RANDOM = "random"
_RANDOM_ORDERS = 5

Scores = dict[str, dict[str, np.ndarray]]


def measure(
    believer: Believer, cases: Cases, found: Mapping[str, Sequence[Parts]], *, seed: int = 0
) -> Scores:
    """The scores of each method, and the means of random orders as `RANDOM`.

    Args:
      believer, cases: what was explained.
      found: {method: the parts of the words of each case}.
      seed: of the random orders.

    Returns:
      {method: {one of `SCORES`: float64 [C]}}: means over `SHARES` of the words. The first two are
      in probabilities, or in the model's own unit for a number; the contrast is in the unit of the
      belief.

    Reference: DeYoung et al. 2020, section 4.2, for the first two.
    """
    generator = np.random.default_rng(seed)
    orders = {
        method: [np.argsort(-p.weights, kind="stable") for p in parts]
        for method, parts in found.items()
    }
    drawn = [
        _scores(believer, cases, [generator.permutation(len(words)) for words in cases.words])
        for _ in range(_RANDOM_ORDERS)
    ]
    scores = {method: _scores(believer, cases, some) for method, some in orders.items()}
    scores[RANDOM] = {name: np.mean([one[name] for one in drawn], axis=0) for name in SCORES}
    return scores


def means(scores: Scores, chosen: np.ndarray | slice = slice(None)) -> dict[str, dict[str, float]]:
    """{method: {score: its mean}} over all cases, or over those that are chosen."""
    return {
        method: {
            name: float(values[chosen].mean()) if len(values[chosen]) else 0.0
            for name, values in one.items()
        }
        for method, one in scores.items()
    }


def stays(believer: Believer, cases: Cases) -> np.ndarray:
    """Bool [C]: the answer is given without any word too."""
    shares = np.where(cases.word_ids >= 0, 0, 1).astype(np.float32)
    _, answers = believer.beliefs(cases, np.arange(len(cases)), shares)
    return answers == np.array([belief.answer for belief in cases.beliefs], np.int64)


def _scores(
    believer: Believer, cases: Cases, orders: Sequence[np.ndarray]
) -> dict[str, np.ndarray]:
    coalitions = [
        np.vstack([np.ones(len(order)), without(order), ~without(order), without(order[::-1])])
        for order in orders
    ]
    beliefs, _ = values_of(believer, cases, range(len(cases)), coalitions)
    unit, found = believer.task.belief_unit, []
    for values in beliefs:
        removed, _, last_removed = np.split(values[1:], 3)
        values = probability(values, unit)
        losses = np.split(values[0] - values[1:], 3)
        found.append((losses[0].mean(), losses[1].mean(), (last_removed - removed).mean()))
    columns = np.array(found, np.float64).reshape(-1, len(SCORES)).T
    return dict(zip(SCORES, columns, strict=True))


def without(order: np.ndarray) -> np.ndarray:
    """Bool [len(SHARES), W]: the words that stay when the first ones of an order are taken away.

    Of each share at least one word is taken.
    """
    places = np.argsort(order)
    counts = [max(1, int(np.ceil(share * len(order)))) for share in SHARES]
    return np.array([places >= count for count in counts])
