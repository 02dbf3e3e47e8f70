"""Whether an explanation names the words that the model used: ERASER's two scores.

Comprehensiveness: what the model believes less without the words that are named. Sufficiency: what
it believes less with these words alone. A good explanation has a high one and a low one; both are
compared with a random order of the words.

Shape suffixes: W words of a case.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from bert_tf.explanation.believer import Believer, Cases
from bert_tf.explanation.coalitions import values_of
from bert_tf.explanation.parts import Parts
from bert_tf.tasks.beliefs import probability

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of the words, those of ERASER
RANDOM = "random"
_RANDOM_ORDERS = 5


def measure(
    believer: Believer, cases: Cases, found: Mapping[str, Sequence[Parts]], *, seed: int = 0
) -> dict[str, dict[str, float]]:
    """The mean scores of each method, and of random orders as `RANDOM`.

    Args:
      believer, cases: what was explained.
      found: {method: the parts of the words of each case}.
      seed: of the random orders.

    Returns:
      {method: {"comprehensiveness": x, "sufficiency": y}}: areas over `SHARES` of the words, in
      probabilities, or in the model's own unit for a number.

    Reference: DeYoung et al. 2020, section 4.2.
    """
    generator = np.random.default_rng(seed)
    orders = {
        method: [np.argsort(-p.weights, kind="stable") for p in parts]
        for method, parts in found.items()
    }
    orders |= {
        f"{RANDOM} {number}": [generator.permutation(len(words)) for words in cases.words]
        for number in range(_RANDOM_ORDERS)
    }
    scores = {method: _scores(believer, cases, some) for method, some in orders.items()}
    drawn = [scores.pop(f"{RANDOM} {number}") for number in range(_RANDOM_ORDERS)]
    scores[RANDOM] = {name: float(np.mean([one[name] for one in drawn])) for name in drawn[0]}
    return scores


def _scores(believer: Believer, cases: Cases, orders: Sequence[np.ndarray]) -> dict[str, float]:
    coalitions = [np.vstack([np.ones(len(o)), without(o), ~without(o)]) for o in orders]
    beliefs, _ = values_of(believer, cases, range(len(cases)), coalitions)
    unit, losses = believer.task.belief_unit, []
    for values in beliefs:
        values = probability(values, unit)
        removed, alone = np.split(values[0] - values[1:], 2)
        losses.append((removed.mean(), alone.mean()))
    means = np.mean(losses, axis=0) if losses else (0.0, 0.0)
    return {"comprehensiveness": float(means[0]), "sufficiency": float(means[1])}


def without(order: np.ndarray) -> np.ndarray:
    """Bool [len(SHARES), W]: the words that stay when the first ones of an order are taken away.

    Of each share at least one word is taken.
    """
    places = np.argsort(order)
    counts = [max(1, int(np.ceil(share * len(order)))) for share in SHARES]
    return np.array([places >= count for count in counts])
