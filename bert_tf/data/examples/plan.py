"""The plan of a data set: the first sentence of every example, and the examples of every row.

Shapes: N examples, R rows, E: the most examples in a row.
"""

import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bert_tf.data.corpus.flat_corpus import Corpus, map_in_order
from bert_tf.data.examples import objective as examples
from bert_tf.data.examples import packing
from bert_tf.data.examples.objective import Objective, Window
from bert_tf.files import write_whole

_SENTENCES_PER_WINDOW = 1 << 16
_PACKED_TOGETHER = 8192  # examples; more would save padding and take more memory
_NUMBER = np.dtype(np.int64)


@dataclasses.dataclass(frozen=True)
class Part:
    """Some rows of a plan.

    Attributes:
      objective: cuts their examples.
      begins: int64 [N], the sentences at which the examples begin, ascending.
      numbers: int64 [N], the examples' numbers in the data set, ascending.
      rows: int64 [R, E], the examples of each row as indices into these N, then -1; None: one
        example per row.
    """

    objective: Objective
    begins: np.ndarray
    numbers: np.ndarray
    rows: np.ndarray | None


class Plan:
    """The examples of all copies of a corpus, copy after copy.

    Args:
      path: a plan that `create` finished.
      objectives, max_examples_per_row: as in `create`; an objective for each copy.

    Attributes:
      num_rows: rows of all copies.
      left_out: number of sentences, in all copies, at which no example can begin.
    """

    def __init__(self, path: str, objectives: Sequence[Objective], max_examples_per_row: int = 1):
        with open(path + ".json") as file:
            example_counts, row_counts, self.left_out = json.load(file)
        self._path, self._objectives = path, objectives
        self._max_examples = max_examples_per_row
        self._example_ends, self._row_ends = np.cumsum(example_counts), np.cumsum(row_counts)
        self.num_rows = int(self._row_ends[-1])

    @property
    def label_name(self) -> str:
        """The name of the examples with label 1 in the counts; "" without labels."""
        return self._objectives[0].label_name

    @staticmethod
    def exists(path: str) -> bool:
        """Whether `path` has a finished plan."""
        return os.path.exists(path + ".json")

    @staticmethod
    def create(
        path: str,
        open_corpus: Callable[[], Corpus],
        objectives: Sequence[Objective],
        max_examples_per_row: int,
        num_workers: int,
    ) -> None:
        """Chooses where examples begin and, for packed rows, the examples of every row.

        Raises:
          ValueError: the corpus is too short for an example.
        """
        counts, left_out = [], 0
        with open(path, "wb") as file:
            for objective in objectives:
                objective.check(open_corpus())
                counts.append(0)
                for begins, is_example in _walk(open_corpus, objective, num_workers):
                    begins[is_example].astype(_NUMBER).tofile(file)
                    counts[-1] += int(np.count_nonzero(is_example))
                    left_out += int(np.count_nonzero(~is_example))
        if not any(counts):
            raise ValueError("the input is too short for a single example: give more text")
        rows = counts
        if max_examples_per_row > 1:
            rows = _pack(path, counts, open_corpus, objectives, max_examples_per_row, num_workers)
        write_whole(path + ".json", json.dumps([counts, rows, left_out]))

    def parts(self, first: int, count: int, most: int) -> Iterator[Part]:
        """Yields the rows `first` to `first + count - 1` (or to the last), `most` at a time."""
        stop = min(first + count, self.num_rows)
        while first < stop:
            copy = int(np.searchsorted(self._row_ends, first, side="right"))
            size = min(most, stop - first, int(self._row_ends[copy]) - first)
            yield self._part(self._objectives[copy], first, size)
            first += size

    def _part(self, objective: Objective, first: int, size: int) -> Part:
        if self._max_examples == 1:
            numbers = np.arange(first, first + size)
            return Part(objective, _read(self._path, first, size), numbers, None)
        width = self._max_examples
        rows_RE = _read(_rows_path(self._path), first * width, size * width).reshape(size, width)
        numbers = np.sort(rows_RE[rows_RE >= 0])
        begins = _read(self._path, int(numbers[0]), int(numbers[-1] - numbers[0]) + 1)
        places_RE = np.where(rows_RE >= 0, np.searchsorted(numbers, rows_RE), -1)
        return Part(objective, begins[numbers - numbers[0]], numbers, places_RE)


def _rows_path(path: str) -> str:
    return path + ".rows"


def _read(path: str, first: int, count: int) -> np.ndarray:
    return np.fromfile(path, _NUMBER, count, offset=first * _NUMBER.itemsize)


def _pack(
    path: str,
    counts: Sequence[int],
    open_corpus: Callable[[], Corpus],
    objectives: Sequence[Objective],
    max_examples: int,
    num_workers: int,
) -> list[int]:
    """Writes the rows. Returns the number of rows of each copy."""

    def work(block: tuple[int, int, int]) -> tuple[int, np.ndarray]:
        copy, first, last = block
        begins = _read(path, first, last - first)
        objective = objectives[copy]
        window = Window.of(open_corpus(), begins[0], begins[-1] + 1, objective.lookahead)
        lengths = objective.cut(window, begins).row_lengths
        rows_RE = packing.pack(lengths, objective.max_seq_length, max_examples)
        return copy, np.where(rows_RE >= 0, rows_RE + first, -1)

    ends = np.cumsum(counts).tolist()
    blocks = (
        (copy, first, min(first + _PACKED_TOGETHER, end))
        for copy, (end, count) in enumerate(zip(ends, counts, strict=True))
        for first in range(end - count, end, _PACKED_TOGETHER)
    )
    row_counts = [0] * len(counts)
    with open(_rows_path(path), "wb") as file:
        for copy, rows_RE in map_in_order(work, blocks, num_workers):
            rows_RE.astype(_NUMBER).tofile(file)
            row_counts[copy] += len(rows_RE)
    return row_counts


def _walk(
    open_corpus: Callable[[], Corpus], objective: Objective, num_workers: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields for each window the sentences at which examples begin, and whether to keep them."""
    num_sentences = open_corpus().num_sentences

    def work(first: int) -> tuple[int, int, np.ndarray, np.ndarray]:
        last = min(first + _SENTENCES_PER_WINDOW, num_sentences)
        window = Window.of(open_corpus(), first, last, objective.lookahead)
        return first, last, *objective.following(window)

    firsts = range(0, num_sentences, _SENTENCES_PER_WINDOW)
    begin = 0
    for first, last, following, is_example in map_in_order(work, firsts, num_workers):
        begins, begin = examples.walk(begin, last, first, following)
        yield begins, is_example[begins - first]
