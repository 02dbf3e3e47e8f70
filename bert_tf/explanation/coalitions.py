"""Methods that take words away and ask again: they know nothing of what is inside a model.

Shape suffixes: M coalitions, W words of a case.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from bert_tf.explanation.believer import Believer, Cases
from bert_tf.explanation.parts import Parts

_RIDGE = 1e-9  # keeps the system solvable where there are fewer coalitions than words


def values_of(
    believer: Believer, cases: Cases, of_case: Sequence[int], coalitions: Iterable[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Beliefs, and the best answers, with only some of the words.

    Args:
      believer, cases: what is asked.
      of_case: the case of each of `coalitions`.
      coalitions: bool or shares [M, W] each, the words that stay.

    Returns:
      (beliefs, ids of the answers): of each of `coalitions`, [M].
    """
    shares = [
        cases.token_shares(case, np.asarray(some, np.float32))
        for case, some in zip(of_case, coalitions, strict=True)
    ]
    sizes = [len(some) for some in shares]
    width = cases.word_ids.shape[1]
    joined = np.concatenate([*shares, np.zeros((0, width), np.float32)])
    found = believer.beliefs(cases, np.repeat(np.array(of_case, int), sizes), joined)
    borders = np.cumsum(sizes)[:-1]
    beliefs, answers = (np.split(values, borders) if sizes else [] for values in found)
    return beliefs, answers


def occlusion(believer: Believer, cases: Cases) -> list[Parts]:
    """What the belief loses when one word is taken away.

    Reference: Zeiler and Fergus 2014, section 4.2; Li et al. 2016, "Understanding Neural Networks
    through Representation Erasure".
    """
    every = range(len(cases))
    # The whole text first, then without each of its words.
    coalitions = [np.vstack([np.ones(w), 1 - np.eye(w)]) for w in map(len, cases.words)]
    beliefs, _ = values_of(believer, cases, every, coalitions)
    return [Parts(values[0] - values[1:]) for values in beliefs]


def shapley(believer: Believer, cases: Cases, *, budget: int = 256, seed: int = 0) -> list[Parts]:
    """Shapley values of the words: exact where the budget allows, else an estimate.

    The values add up to the difference between the belief in the text and that in the baseline,
    whatever the budget.

    Args:
      believer, cases: what is explained.
      budget: coalitions of each case.
      seed: of the coalitions that are drawn.
    """
    games = [Game(len(words), budget, seed) for words in cases.words]
    beliefs, _ = values_of(believer, cases, range(len(cases)), [game.coalitions for game in games])
    return [
        Parts(game.solve(values), {"coalitions": len(values), "exact": game.is_exact})
        for game, values in zip(games, beliefs, strict=True)
    ]


class Game:
    """The coalitions of W players that are asked, and the Shapley values that follow from them.

    A weighted least-squares fit, with the efficiency of the values as a constraint. Coalitions are
    drawn in pairs: each with those that are not in it.

    Args:
      num_players: W.
      budget: coalitions at most; the empty and the full one are always asked.
      seed: of what is drawn.

    Attributes:
      coalitions: bool [M, W], the empty and the full one first.
      is_exact: all coalitions are there.

    Reference: Lundberg and Lee 2017, theorem 2 (Kernel SHAP); Covert and Lee 2021 for the pairs.
    """

    def __init__(self, num_players: int, budget: int, seed: int = 0):
        self.is_exact = 2**num_players <= max(budget, 2)
        ends = np.array([[False] * num_players, [True] * num_players])
        if num_players < 2:
            self.coalitions, self._counts = ends[:, :num_players], np.zeros(0)
        elif self.is_exact:
            numbers = np.arange(1, 2**num_players - 1)
            some = (numbers[:, None] >> np.arange(num_players) & 1).astype(bool)
            self._counts = np.array([_kernel(num_players, int(s)) for s in some.sum(axis=1)])
            self.coalitions = np.vstack([ends, some])
        else:
            some = _drawn(num_players, max(budget - 2, 2), seed)
            # The kernel decided how often a size is drawn.
            some, self._counts = np.unique(some, axis=0, return_counts=True)
            self.coalitions = np.vstack([ends, some])

    def solve(self, values: np.ndarray) -> np.ndarray:
        """float64 [W] from the values [M] of the coalitions; they sum to full - empty."""
        num_players, total = self.coalitions.shape[1], values[1] - values[0]
        if num_players < 2:
            return np.full(num_players, total)
        # The last player's value is what the others leave of the total.
        some = self.coalitions[2:].astype(np.float64)
        design = some[:, :-1] - some[:, -1:]
        target = values[2:] - values[0] - some[:, -1] * total
        weighted = design * self._counts[:, None]
        normal = weighted.T @ design
        normal += _RIDGE * max(np.trace(normal), 1.0) * np.eye(len(normal))
        first = np.linalg.solve(normal, weighted.T @ target)
        return np.append(first, total - first.sum())


def _kernel(num_players: int, size: int) -> float:
    """The weight of one coalition of this size."""
    rest = num_players - size
    return (num_players - 1) / (math.comb(num_players, size) * size * rest)


def _drawn(num_players: int, count: int, seed: int) -> np.ndarray:
    """Bool [count, W]: coalitions by the kernel, each followed by its complement."""
    generator = np.random.default_rng(seed)
    sizes = np.arange(1, num_players)
    odds = 1 / (sizes * (num_players - sizes))
    some = []
    for size in generator.choice(sizes, (count + 1) // 2, p=odds / odds.sum()):
        coalition = np.zeros(num_players, bool)
        coalition[generator.choice(num_players, size, replace=False)] = True
        some += [coalition, ~coalition]
    return np.array(some)[:count]
