"""Cuts a corpus into examples: the common part of all objectives.

Where an example begins depends on the end of the previous one. A simple implementation would go
through a document example by example. Here the end of an example is a function of (seed, number of
its first sentence) only. NumPy computes it for all sentences of a window at once; then `walk`
follows the chain of examples. So any range of sentences can be cut independently, and the random
numbers of an example do not depend on the process that cuts it.

Shapes: N examples, K token spans (one or more per example), M sentences of a window.
"""

import abc
import dataclasses
import functools

import numpy as np

from bert_tf.data import hashing
from bert_tf.data.corpus.flat_corpus import Corpus
from bert_tf.data.ranges import offsets_of, ranges
from bert_tf.data.records.row_tables import Rows
from bert_tf.tokenization.row_layout import RowLayout


@dataclasses.dataclass(frozen=True)
class Examples:
    """Examples as spans of `Corpus.tokens`, with special tokens around them.

    Attributes:
      layout: the row layout, with the ids before the first span and after the last.
      between: the ids between two spans of an example.
      begins, lengths: int64 [K], the spans of all examples in order.
      is_second: bool [K], the span is the second text of a pair.
      counts: int64 [N], number of spans in each example.
      labels: int32 [N], the next-sentence label; 0 if the objective has none.
      cut_tokens: int64 [N], number of tokens that were left out because they did not fit.
    """

    layout: RowLayout
    between: tuple[int, ...]
    begins: np.ndarray
    lengths: np.ndarray
    is_second: np.ndarray
    counts: np.ndarray
    labels: np.ndarray
    cut_tokens: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def row_lengths(self) -> np.ndarray:
        """int64 [N]: the tokens of each example, special tokens included."""
        ends = offsets_of(self.counts)
        of_stretches = np.diff(offsets_of(self._lengths_with_tails)[ends])
        return of_stretches + len(self.layout.before)

    @functools.cached_property
    def is_last(self) -> np.ndarray:
        """Bool [K]: the span is the last one of its example."""
        is_last = np.zeros(len(self.lengths), bool)
        is_last[np.cumsum(self.counts) - 1] = True
        return is_last

    @functools.cached_property
    def _lengths_with_tails(self) -> np.ndarray:
        """int64 [K]: the number of tokens in each span, with the special tokens after it."""
        tails = np.where(self.is_last, len(self.layout.after), len(self.between))
        return self.lengths + tails

    @property
    def targets(self) -> np.ndarray:
        """int64 [K]: where each span begins in the concatenated rows of all examples."""
        example_K = np.repeat(np.arange(len(self)), self.counts)
        begins = offsets_of(self._lengths_with_tails)[:-1]
        return begins + (example_K + 1) * len(self.layout.before)


def rows_of_examples(corpus: Corpus, examples: Examples) -> Rows:
    """Copies the tokens of examples into rows of one example each."""
    layout, lengths, targets = examples.layout, examples.row_lengths, examples.targets
    offsets, ends = offsets_of(lengths), targets + examples.lengths
    input_ids = np.empty(offsets[-1], np.int32)
    is_last = examples.is_last
    for begins, ids in (
        (offsets[:-1], layout.before),
        (ends[~is_last], examples.between),
        (ends[is_last], layout.after),
    ):
        for place, token_id in enumerate(ids):
            input_ids[begins + place] = token_id
    tokens = corpus.take_tokens(examples.begins, examples.lengths)
    input_ids[ranges(targets, examples.lengths)] = tokens
    segment_ids = np.zeros(offsets[-1], np.int8)
    if layout.second_segment:
        second = examples.is_second
        behind = len(layout.after)  # the second text is the last span
        places = ranges(targets[second], examples.lengths[second] + behind)
        segment_ids[places] = layout.second_segment
    return Rows(
        input_ids=input_ids,
        segment_ids=segment_ids,
        offsets=offsets,
        next_sentence_labels=examples.labels[:, None].astype(np.int32),
        example_lengths=lengths[:, None].astype(np.int32),
    )


@dataclasses.dataclass(frozen=True)
class Window:
    """The sentences `first` to `last - 1` of a corpus, and the borders of some sentences after.

    Attributes:
      corpus: the whole corpus.
      first, last: numbers of sentences.
      offsets: int64, where the sentences from `first` on begin in the tokens.
    """

    corpus: Corpus
    first: int
    last: int
    offsets: np.ndarray

    @classmethod
    def of(cls, corpus: Corpus, first: int, last: int, lookahead: int) -> "Window":
        """A window with the borders of `lookahead` sentences after its last."""
        stop = min(last + lookahead, corpus.num_sentences)
        return cls(corpus, first, last, np.array(corpus.sentence_offsets[first : stop + 1]))

    @functools.cached_property
    def first_document(self) -> int:
        """The document of the sentence `first`."""
        return int(np.searchsorted(self.corpus.document_offsets, self.first, side="right")) - 1

    @functools.cached_property
    def document_offsets(self) -> np.ndarray:
        """int64: where documents begin, from `first_document` on, to the end of the last one."""
        seen = self.first + len(self.offsets) - 1
        end = int(np.searchsorted(self.corpus.document_offsets, seen, side="left"))
        return np.array(self.corpus.document_offsets[self.first_document : end + 1])

    def documents_of(self, sentences: np.ndarray) -> np.ndarray:
        """The document of each sentence, counted from `first_document`."""
        return np.searchsorted(self.document_offsets, sentences, side="right") - 1

    def tokens_before(self, sentences: np.ndarray) -> np.ndarray:
        """Where sentences begin in the tokens."""
        return self.offsets[sentences - self.first]

    def end_of(self, sentences: np.ndarray, num_tokens: np.ndarray) -> np.ndarray:
        """The first border of sentences after at least `num_tokens` tokens.

        It is after the first sentence, and at most at the end of the document.
        """
        reached = self.tokens_before(sentences) + num_tokens
        ends = np.searchsorted(self.offsets, reached, side="left") + self.first
        document_ends = self.document_offsets[self.documents_of(sentences) + 1]
        return np.clip(ends, sentences + 1, document_ends)


class Objective(abc.ABC):
    """How a corpus becomes examples.

    Args:
      layout: the row layout.
      max_seq_length: the most tokens in an example, special tokens included.
      short_seq_prob: share of examples whose target length is drawn from 2 to the longest.
      seed: in [0, 2**32).
      copy: number of the copy; each copy of the corpus is cut with other random numbers.

    Raises:
      ValueError: a setting is out of range.
    """

    num_texts = 2  # of an example; each has at least one token
    label_name = ""  # name of the examples with label 1 in the counts

    def __init__(
        self,
        *,
        layout: RowLayout,
        max_seq_length: int,
        short_seq_prob: float,
        seed: int,
        copy: int = 0,
    ):
        self.layout = layout
        num_special_tokens = layout.num_special_tokens(self.num_texts)
        if max_seq_length < num_special_tokens + 2:
            raise ValueError(
                f"max_seq_length is {max_seq_length}; it must be at least {num_special_tokens + 2}"
            )
        if not 0 <= short_seq_prob <= 1:
            raise ValueError(f"short_seq_prob is {short_seq_prob}; it must be between 0 and 1")
        self.max_seq_length = max_seq_length
        self.max_tokens = max_seq_length - num_special_tokens
        self.short_seq_prob = short_seq_prob
        hashing.check_seed(seed)
        self._key = int(hashing.hash_u32(seed, copy, hashing.STREAM_COPY)) if copy else seed

    @property
    def lookahead(self) -> int:
        """The number of sentences after its last sentence that a window needs."""
        return self.max_tokens + 2  # every sentence has at least one token

    def check(self, corpus: Corpus) -> None:
        """Raises ValueError if this corpus has no examples."""
        if not corpus.num_sentences:
            raise ValueError("the input has no text that becomes tokens: give other files")

    @abc.abstractmethod
    def following(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """If an example began at each sentence of the window, where would the next one begin?

        Returns:
          int64 [M], the sentence at which the next example begins (greater than this one, at most
          the end of the document unless examples cross it); bool [M], False if no example can begin
          at this sentence, which is then left out.
        """

    @abc.abstractmethod
    def cut(self, window: Window, begins: np.ndarray) -> Examples:
        """Cuts the examples that begin at the sentences `begins`, int64 [N], of the window."""

    def targets(self, sentences: np.ndarray) -> np.ndarray:
        """The target length, in tokens of text, of an example that begins at each sentence."""
        if not self.short_seq_prob:
            return np.full(len(sentences), self.max_tokens)
        is_short = self.chance(sentences, hashing.STREAM_IS_SHORT, self.short_seq_prob)
        lengths = 2 + self.below(sentences, hashing.STREAM_SHORT_LENGTH, self.max_tokens - 1)
        return np.where(is_short, lengths, self.max_tokens)

    def draw(self, sentences: np.ndarray, *counters: int) -> np.ndarray:
        """Random uint32 of the examples that begin at `sentences`; streams as in `hashing`."""
        return hashing.hash_u32(self._key, *hashing.split_words(sentences), *counters)

    def chance(self, sentences: np.ndarray, stream: int, probability: float) -> np.ndarray:
        """True with `probability`."""
        return self.draw(sentences, stream) < probability * 2.0**32

    def below(self, sentences: np.ndarray, stream: int, limits: np.ndarray | int) -> np.ndarray:
        """Uniform over 0..limits-1; limits are far below 2**32."""
        bits = self.draw(sentences, stream).astype(np.uint64)
        return ((bits * np.asarray(limits, np.uint64)) >> np.uint64(32)).astype(np.int64)

    def heads(self, sentences: np.ndarray, stream: int, flips: np.ndarray) -> np.ndarray:
        """The number of heads in `flips` tosses of a coin, int64 [N]."""
        count = np.zeros(len(sentences), np.int64)
        left, word = np.array(flips, np.int64), 0
        while (waiting := np.flatnonzero(left > 0)).size:
            bits = self.draw(sentences[waiting], word, stream).astype(np.int64)
            mask = (np.int64(1) << np.minimum(left[waiting], 32)) - 1
            count[waiting] += _count_bits(bits & mask)
            left[waiting] -= 32
            word += 1
        return count


def _count_bits(x: np.ndarray) -> np.ndarray:
    """int64: the number of ones in each 32-bit number."""
    x = x - ((x >> 1) & 0x55555555)
    x = (x & 0x33333333) + ((x >> 2) & 0x33333333)
    x = (x + (x >> 4)) & 0x0F0F0F0F
    return (x + (x >> 8) + (x >> 16) + (x >> 24)) & 0x3F


def truncate(
    first: np.ndarray, second: np.ndarray, max_tokens: int
) -> tuple[np.ndarray, np.ndarray]:
    """Shortens pairs to `max_tokens` tokens.

    Token by token, the longer text (the second if both are equal) loses one until the pair fits.

    Args:
      first, second: int64 [N], the lengths of both texts.
      max_tokens: the most tokens of both together.

    Returns:
      int64 [N] each, the new lengths.
    """
    kept_first = np.minimum(first, np.maximum((max_tokens + 1) // 2, max_tokens - second))
    return kept_first, np.minimum(second, max_tokens - kept_first)


def walk(begin: int, last: int, first: int, following: np.ndarray) -> tuple[np.ndarray, int]:
    """Follows the chain of examples through a window.

    Args:
      begin: the sentence of the window at which the first example begins.
      first, last: of the window.
      following: from `Objective.following`.

    Returns:
      int64, the sentences at which examples begin; the first such sentence at or after `last`.
    """
    begins, jumps = [], following.tolist()
    while begin < last:
        begins.append(begin)
        begin = jumps[begin - first]
    return np.asarray(begins, np.int64), begin
