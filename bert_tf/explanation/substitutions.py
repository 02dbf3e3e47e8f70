"""The fewest words that, put in place of others, make a model answer something else.

A word gets the place of one that has a like vector in the model's own table of words. Which of them
to try is estimated from the gradient, and every one that is named was tried.

Reference: Ebrahimi et al. 2018, "HotFlip" (the estimate).

Shape suffixes: C cases, P questions, S sequence, V vocabulary, W width of the word vectors, N
neighbours.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from bert_tf.explanation.believer import Believer, Cases
from bert_tf.explanation.parts import Parts
from bert_tf.tasks.beliefs import NUMBER

_NEIGHBOURS = 40  # like words among which are those that are tried
_TRIED = 6  # of them, in each place
_PLACES = 24  # words of a case that may be replaced: those with the largest parts
_MOST_WORDS = 3  # that are replaced


@dataclasses.dataclass(frozen=True)
class Substitution:
    """Other words that flip an answer.

    Attributes:
      words: numbers of the words that are replaced, ascending.
      by: the words that take their places.
      answer: id of the answer then.
      belief: in the old answer, then.
    """

    words: tuple[int, ...]
    by: tuple[str, ...]
    answer: int
    belief: float


class Neighbours:
    """Like words: tokens that are whole words of letters, by the cosine of their vectors.

    Args:
      believer: of the model.
    """

    def __init__(self, believer: Believer):
        tokenizer = believer.task.tokenizer
        texts, begins = tokenizer.token_texts, tokenizer.begins_word
        special = {*tokenizer.special_ids}
        self._known = np.array(
            [
                number
                for number, text in enumerate(texts)
                if begins[number] and number not in special and len(text) > 1 and text.isalpha()
            ],
            np.int64,
        )
        self._is_known = np.isin(np.arange(len(texts)), self._known)
        self.texts = texts
        self.table_VW = np.asarray(believer.model.encoder.word_embeddings, np.float32)
        lengths = np.linalg.norm(self.table_VW[self._known], axis=1, keepdims=True)
        self._unit_VW = self.table_VW[self._known] / np.maximum(lengths, 1e-9)

    def is_word(self, token: int) -> bool:
        """Whether the token is a whole word that has neighbours."""
        return bool(self._is_known[token])

    def of(self, token: int) -> np.ndarray:
        """Ids [N] of the words that are most like a word, without itself."""
        vector_W = self.table_VW[token] / max(float(np.linalg.norm(self.table_VW[token])), 1e-9)
        likeness = self._unit_VW @ vector_W
        order = self._known[np.argsort(-likeness, kind="stable")[: _NEIGHBOURS + 1]]
        return order[order != token][:_NEIGHBOURS]


def find(believer: Believer, cases: Cases, parts: Sequence[Parts]) -> list[Substitution | None]:
    """The fewest words of each case that flip its answer; None: none were found.

    One word after another is replaced, always by what leaves the least belief. Words that the
    answer itself consists of stay, and so do words of several tokens.

    Args:
      believer, cases: what was explained.
      parts: of the words of each case: where there are many words, they say which are tried.
    """
    if believer.task.belief_unit == NUMBER or not len(cases):
        return [None] * len(cases)
    search = _Search(believer, cases, parts)
    found: list[Substitution | None] = [None] * len(cases)
    for _ in range(_MOST_WORDS):
        missing = [case for case in range(len(cases)) if found[case] is None]
        for case, flipped in zip(missing, search.replace_one_more(missing), strict=True):
            found[case] = flipped
    return found


class _Search:
    """Replaces words one by one."""

    def __init__(self, believer: Believer, cases: Cases, parts: Sequence[Parts]):
        self._believer, self._cases = believer, cases
        self._like = Neighbours(believer)
        self._ids = cases.inputs["input_ids"].copy()  # as replaced so far
        self._replaced: list[dict[int, int]] = [{} for _ in cases.beliefs]  # {word: token}
        expected = np.array([belief.answer for belief in cases.beliefs], np.int64)
        ones = np.ones(cases.word_ids.shape, np.float32)
        _, answers = believer.beliefs(cases, np.arange(len(cases)), ones)
        self._expected, self._is_given = expected, answers == expected
        self._places = [self._places_of(case, parts[case]) for case in range(len(cases))]

    def _places_of(self, case: int, parts: Parts) -> list[tuple[int, int]]:
        """(word, place of its token) of the words that may be replaced."""
        belief, ids = self._cases.beliefs[case], self._cases.word_ids[case]
        found = []
        for word in np.argsort(-np.abs(parts.weights), kind="stable").tolist():
            places = np.flatnonzero(ids == word)
            about = self._cases.words[case][word]
            is_answer = (
                belief.span is not None
                and belief.text == about.text
                and about.start < belief.span[1]
                and belief.span[0] < about.end
            )
            if (
                len(places) == 1
                and not is_answer
                and self._like.is_word(self._ids[case, places[0]])
            ):
                found.append((word, int(places[0])))
        return found[:_PLACES]

    def replace_one_more(self, chosen: Sequence[int]) -> list[Substitution | None]:
        """Tries one more word in each of the chosen cases; keeps the best where none flips."""
        cases = dataclasses.replace(
            self._cases, inputs={**self._cases.inputs, "input_ids": self._ids}
        )
        gradients = self._believer.gradients(cases, np.array(chosen, int))
        tries = [
            (case, word, place, token)
            for case, gradient_SW in zip(chosen, gradients, strict=True)
            for word, place in self._places[case]
            if word not in self._replaced[case]
            for token in self._tokens(case, place, gradient_SW)
        ]
        if not tries:
            return [None] * len(chosen)
        of_case = np.array([case for case, *_ in tries])
        beliefs, answers = self._answered(cases, of_case, tries)
        found: list[Substitution | None] = []
        for case in chosen:
            mine = np.flatnonzero(of_case == case)
            found.append(self._best(case, mine, tries, beliefs, answers) if len(mine) else None)
        return found

    def _tokens(self, case: int, place: int, gradient_SW: np.ndarray) -> np.ndarray:
        """The like words that promise the least belief, or the most in an answer not given."""
        old = int(self._cases.inputs["input_ids"][case, place])
        near = self._like.of(old)
        change = (self._like.table_VW[near] - self._like.table_VW[old]) @ gradient_SW[place]
        return near[np.argsort(change if self._is_given[case] else -change, kind="stable")[:_TRIED]]

    def _answered(self, cases: Cases, of_case: np.ndarray, tries: Sequence[tuple]):
        """What is believed, and answered, with one more word in place of another."""
        ids = self._ids[of_case]
        for row, (_, _, place, token) in enumerate(tries):
            ids[row, place] = token
        asked = cases.chosen(of_case, input_ids=ids)
        ones = np.ones(asked.word_ids.shape, np.float32)
        return self._believer.beliefs(asked, np.arange(len(of_case)), ones)

    def _best(self, case, mine, tries, beliefs, answers) -> Substitution | None:
        sign = 1 if self._is_given[case] else -1
        flips = mine[(answers[mine] == self._expected[case]) != self._is_given[case]]
        among = flips if len(flips) else mine
        best = among[np.argmin(sign * beliefs[among])]
        _, word, place, token = tries[best]
        self._ids[case, place] = token
        self._replaced[case][word] = token
        if not len(flips):
            return None
        words = sorted(self._replaced[case])
        by = tuple(self._like.texts[self._replaced[case][word]] for word in words)
        return Substitution(tuple(words), by, int(answers[best]), float(beliefs[best]))
