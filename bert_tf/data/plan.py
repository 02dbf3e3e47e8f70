"""Which examples a data set has: the first sentence of each, in a file.

Shapes: N examples.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bert_tf.data import examples
from bert_tf.data.corpus import Corpus, map_in_order
from bert_tf.data.examples import Objective, Window
from bert_tf.data.records import INCOMPLETE

_SENTENCES_PER_WINDOW = 1 << 16
_BEGIN = np.dtype(np.int64)


class Plan:
    """The examples of all copies of a corpus, one copy behind the other.

    Args:
        path: of a plan that `create` finished.
        objectives: those it was made with, one for each copy.

    Attributes:
        num_examples: in all copies together.
        left_out: sentences with which no example can begin, in all copies together.
    """

    def __init__(self, path: str, objectives: Sequence[Objective]):
        with open(path + ".json") as file:
            counts, self.left_out = json.load(file)
        self._path, self._objectives = path, objectives
        self._ends = np.cumsum(counts)
        self.num_examples = int(self._ends[-1])

    @staticmethod
    def exists(path: str) -> bool:
        """Whether a plan was finished at `path`."""
        return os.path.exists(path + ".json")

    @staticmethod
    def create(
        path: str,
        open_corpus: Callable[[], Corpus],
        objectives: Sequence[Objective],
        num_workers: int,
    ) -> None:
        """Decides where examples begin.

        Raises:
            ValueError: no example can be made of this corpus.
        """
        counts, left_out = [], 0
        with open(path, "wb") as file:
            for objective in objectives:
                objective.check(open_corpus())
                counts.append(0)
                for begins, is_example in _walk(open_corpus, objective, num_workers):
                    begins[is_example].astype(_BEGIN).tofile(file)
                    counts[-1] += int(np.count_nonzero(is_example))
                    left_out += int(np.count_nonzero(~is_example))
        if not any(counts):
            raise ValueError("the input is too short: not one example can be made of it")
        with open(path + INCOMPLETE, "w") as file:
            json.dump([counts, left_out], file)
        os.replace(path + INCOMPLETE, path + ".json")

    def parts(self, first: int, count: int, most: int) -> Iterator[tuple[Objective, np.ndarray]]:
        """The examples `first` to `first + count - 1` (as far as there are any), `most` at a time.

        Yields the objective that cuts them and int64 [N], the sentences at which they begin.
        """
        stop = min(first + count, self.num_examples)
        while first < stop:
            copy = int(np.searchsorted(self._ends, first, side="right"))
            size = min(most, stop - first, int(self._ends[copy]) - first)
            offset = first * _BEGIN.itemsize
            yield self._objectives[copy], np.fromfile(self._path, _BEGIN, size, offset=offset)
            first += size


def _walk(
    open_corpus: Callable[[], Corpus], objective: Objective, num_workers: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields, window by window, the sentences at which examples begin and which are kept."""
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
