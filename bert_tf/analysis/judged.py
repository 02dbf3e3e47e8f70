"""What became of every row of a scored set: the one form in which every task says it.

A row is what a task scores and draws by itself: a text, a sentence, a question. An item is what is
right or wrong: a text's label, an entity, an answer. A row has any number of items.

Shapes: U rows, I items, C counts, N candidates.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

RIGHT = "right"
NONE = ""  # the label of an item that is not there, or was not found


class Metric(NamedTuple):
    """A score that is a function of counts which add up over rows.

    Attributes:
      name: of the score.
      function: float64 [..., C] sums of counts -> [...] scores.
      lower_is_better: for errors.
    """

    name: str
    function: Callable[[np.ndarray], np.ndarray]
    lower_is_better: bool = False


def mean(name: str, lower_is_better: bool = False) -> Metric:
    """The mean of a value: counts (value, 1)."""
    return Metric(name, lambda sums: _ratio(sums[..., 0], sums[..., 1]), lower_is_better)


def f1(name: str = "f1") -> Metric:
    """F1 over all items: counts (right, answered, expected)."""
    return Metric(name, lambda sums: _ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2]))


def root_mean(name: str) -> Metric:
    """The root of a mean of squares: counts (square, 1)."""
    return Metric(name, lambda sums: np.sqrt(_ratio(sums[..., 0], sums[..., 1])), True)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros_like(part, np.float64), where=whole > 0)


class Items(NamedTuple):
    """What is right or wrong, each at its row.

    Attributes:
      rows: int [I], ascending.
      expected: I labels, `NONE` where there is nothing to find.
      given: I labels, `NONE` where nothing was found.
      outcomes: I words such as `RIGHT` or "missed".
      confidences: float [I], the probability that the model gave to what it did; NaN: not known.
      words: I parts of the texts, or "" where it is the whole text.
      right_words: I parts of the texts that were expected, where they differ.
      starts: I characters of the first of `Judged.inputs`, where the words begin; () where an item
        is about a whole text.
    """

    rows: np.ndarray
    expected: Sequence[str]
    given: Sequence[str]
    outcomes: Sequence[str]
    confidences: np.ndarray
    words: Sequence[str] = ()
    right_words: Sequence[str] = ()
    starts: Sequence[int] = ()

    @property
    def is_right(self) -> np.ndarray:
        """Bool [I]."""
        return np.array([outcome == RIGHT for outcome in self.outcomes], bool)

    @property
    def is_given(self) -> np.ndarray:
        """Bool [I]: whether something was found."""
        return np.array([given != NONE for given in self.given], bool)


class Candidates(NamedTuple):
    """Answers of which a threshold lets some in.

    Attributes:
      scores: float [N].
      is_right: bool [N].
      num_expected: how many there are to find, among the candidates or not.
    """

    scores: np.ndarray
    is_right: np.ndarray
    num_expected: int


class Confusion(NamedTuple):
    """How often what was expected was taken for what.

    Attributes:
      what: what is counted, for example "words".
      labels: of rows and columns.
      counts: int [L, L], expected by given.
    """

    what: str
    labels: Sequence[str]
    counts: np.ndarray


@dataclasses.dataclass(frozen=True)
class Judged:
    """What became of every row of a scored set.

    Attributes:
      unit: what rows are called: "texts", "sentences", "questions".
      places: U lines of the file, or ids.
      texts: U texts, as a reader wants to see them.
      metric: the score of any set of rows.
      counts: float64 [U, C], what `metric` adds up.
      items: what was right and wrong.
      labels: what items may be, in the order of the model; () where they are no labels.
      outcomes: all outcomes there may be, `RIGHT` first.
      lengths: int [U].
      length_unit: what lengths count.
      num_unknown: int [U], tokens that the vocabulary does not have; None: it has every text.
      candidates: {label, or what else a threshold is for: its candidates}.
      word_texts: U texts whose words are looked at, if not all of `texts` is.
      kinds: {what rows are told apart by besides: U values}, such as the word that asks.
      confusion: a matrix, or None.
      numbers: float [U, 2] of a regression, expected and given; None for other tasks.
      inputs: U rows of one or two texts, what the model was asked; () if it takes no raw text.
    """

    unit: str
    places: Sequence[int | str]
    texts: Sequence[str]
    metric: Metric
    counts: np.ndarray
    items: Items
    labels: Sequence[str]
    outcomes: Sequence[str]
    lengths: np.ndarray
    length_unit: str = "tokens"
    num_unknown: np.ndarray | None = None
    candidates: Mapping[str, Candidates] = dataclasses.field(default_factory=dict)
    word_texts: Sequence[str] = ()
    kinds: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    confusion: Confusion | None = None
    numbers: np.ndarray | None = None
    inputs: Sequence[tuple[str, ...]] = ()

    def __len__(self) -> int:
        return len(self.texts)

    def score(self, rows: np.ndarray | slice = slice(None)) -> float:
        """The metric of some rows."""
        return float(self.metric.function(self.counts[rows].sum(axis=0)))

    @property
    def is_right(self) -> np.ndarray:
        """Bool [U]: rows of which no item is wrong."""
        wrong = np.zeros(len(self), bool)
        wrong[self.items.rows[~self.items.is_right]] = True
        return ~wrong

    def said(self, expected: bool) -> list[str]:
        """For each row what was expected, or what was given, as one text."""
        parts: list[list[str]] = [[] for _ in self.texts]
        words = (self.items.right_words or self.items.words) if expected else self.items.words
        for number, row in enumerate(self.items.rows.tolist()):
            label = (self.items.expected if expected else self.items.given)[number]
            if label != NONE:
                word = words[number] if words else ""
                is_answer = word and not self.labels
                parts[row].append(word if is_answer else f"{word}: {label}" if word else label)
        return ["; ".join(part) for part in parts]
