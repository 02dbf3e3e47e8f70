"""The fewest words without which a model answers something else, or what it is asked about.

Shape suffixes: W words of a case.
"""

import dataclasses
import itertools

import numpy as np

from bert_tf.explanation.believer import Believer, Cases
from bert_tf.explanation.coalitions import values_of
from bert_tf.explanation.parts import Parts
from bert_tf.tasks.beliefs import NUMBER

_PAIRED = 8  # of the first words of the order all pairs are tried
_MOST_SOUGHT = 16  # words of a flip among which those that are not needed are sought


@dataclasses.dataclass(frozen=True)
class Flip:
    """A change that flips an answer.

    Attributes:
      words: numbers of the words that are taken away, ascending.
      answer: id of the answer without them.
      belief: in the old answer, without them.
    """

    words: tuple[int, ...]
    answer: int
    belief: float


def find(believer: Believer, cases: Cases, parts: list[Parts]) -> list[Flip | None]:
    """The smallest flip of each case that is found; None: no words flip it, or it is a number.

    An answer that is given flips when another is best. One that is not (see `Settings.wanted`)
    flips when it becomes the best.

    Every single word is tried, then all pairs of the words with the largest parts, then more and
    more words in the order of their parts, of which those are given back that are not needed (of up
    to 16: more are too many to be tried).

    Args:
      believer, cases: what was explained.
      parts: of the words of each case: they say which words to try first.
    """
    if believer.task.belief_unit == NUMBER:
        return [None] * len(cases)
    search = _Search(believer, cases)
    found: list[Flip | None] = [None] * len(cases)
    orders = [
        np.argsort(-p.weights if is_given else p.weights, kind="stable").tolist()
        for p, is_given in zip(parts, search.is_given, strict=True)
    ]
    for tried in (_singles, _pairs, _first_ones):
        missing = [case for case in range(len(cases)) if found[case] is None]
        flips = search.first(missing, [tried(orders[case]) for case in missing])
        for case, flip in zip(missing, flips, strict=True):
            found[case] = flip
    return [
        search.without_needless(case, flip)
        if flip and 2 < len(flip.words) <= _MOST_SOUGHT
        else flip
        for case, flip in enumerate(found)
    ]


def _singles(order: list[int]) -> list[tuple[int, ...]]:
    return [(word,) for word in order]


def _pairs(order: list[int]) -> list[tuple[int, ...]]:
    return list(itertools.combinations(order[:_PAIRED], 2))


def _first_ones(order: list[int]) -> list[tuple[int, ...]]:
    return [tuple(order[:count]) for count in range(3, len(order) + 1)]


class _Search:
    """Tries sets of words.

    Attributes:
      is_given: bool [C], whether the answer of the case is the one that the model gives.
    """

    def __init__(self, believer: Believer, cases: Cases):
        self._believer, self._cases = believer, cases
        self._expected = np.array([belief.answer for belief in cases.beliefs], np.int64)
        shares = np.ones(cases.word_ids.shape, np.float32)
        _, answers = believer.beliefs(cases, np.arange(len(cases)), shares)
        self.is_given = answers == self._expected

    def first(self, chosen: list[int], sets: list[list[tuple[int, ...]]]) -> list[Flip | None]:
        """Of each case the set of fewest words that flips it; of equals that of least belief.

        Of an answer that is not given, that of most belief.
        """
        sizes = [len(self._cases.words[case]) for case in chosen]
        coalitions = [_without(some, size) for some, size in zip(sets, sizes, strict=True)]
        beliefs, answers = values_of(self._believer, self._cases, chosen, coalitions)
        found: list[Flip | None] = []
        for case, some, values, given in zip(chosen, sets, beliefs, answers, strict=True):
            sign = 1 if self.is_given[case] else -1
            flips = [
                Flip(tuple(sorted(words)), int(answer), float(value))
                for words, value, answer in zip(some, values, given, strict=True)
                if (answer == self._expected[case]) != self.is_given[case]
            ]
            best = min(flips, key=lambda f: (len(f.words), sign * f.belief), default=None)  # noqa: B023
            found.append(best)
        return found

    def without_needless(self, case: int, flip: Flip) -> Flip:
        """Gives back one word after another, as long as the answer stays flipped."""
        for _ in flip.words:
            sets = [tuple(w for w in flip.words if w != word) for word in flip.words]
            (smaller,) = self.first([case], [sets])
            if smaller is None:
                return flip
            flip = smaller
        return flip


def _without(sets: list[tuple[int, ...]], num_words: int) -> np.ndarray:
    stays = np.ones((len(sets), num_words))
    for row, words in enumerate(sets):
        stays[row, list(words)] = 0
    return stays
