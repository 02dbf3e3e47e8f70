"""Cutting a corpus into examples: what all objectives share.

The end of an example depends on its beginning, so one would have to go through a document example
by example. Here the end of an example is a function of (seed, number of its first sentence) alone.
It is computed for every sentence of a window at once, in NumPy; then `walk` only looks up the chain
of examples that are used. So any range of sentences can be cut independently of the rest, and the
random numbers of an example do not depend on the process that cuts it.

Shapes: N examples, K stretches of tokens (one or more per example), M sentences of a window.
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
    """Examples as places in `Corpus.tokens`: stretches of tokens, with special tokens around them.

    Attributes:
      layout: of a row; tells what stands before the first stretch and after the last.
      between: the ids between two stretches of an example.
      begins, lengths: int64 [K], the stretches of all examples in order.
      is_second: bool [K], the stretch is the second text of a pair.
      counts: int64 [N], how many stretches each example has.
      labels: int32 [N], the next-sentence label; 0 for an objective without one.
      cut_tokens: int64 [N], how many tokens were left out because the example would not fit.
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
        """Bool [K]: the stretch is the last one of its example."""
        is_last = np.zeros(len(self.lengths), bool)
        is_last[np.cumsum(self.counts) - 1] = True
        return is_last

    @functools.cached_property
    def _lengths_with_tails(self) -> np.ndarray:
        """int64 [K]: the tokens of each stretch and of the special ones behind it."""
        tails = np.where(self.is_last, len(self.layout.after), len(self.between))
        return self.lengths + tails

    @property
    def targets(self) -> np.ndarray:
        """int64 [K]: where each stretch begins in the rows of all examples laid end to end."""
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
        behind = len(layout.after)  # a second text is the last
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
    """The sentences `first` to `last - 1` of a corpus, and some behind them to look at.

    Attributes:
      corpus: all of it.
      first, last: numbers of sentences.
      offsets: int64, where the sentences from `first` on begin in the tokens.
    """

    corpus: Corpus
    first: int
    last: int
    offsets: np.ndarray

    @classmethod
    def of(cls, corpus: Corpus, first: int, last: int, lookahead: int) -> "Window":
        """A window that also knows the borders of `lookahead` sentences behind its last."""
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
        """The first sentence border with `num_tokens` or more before it, within the document.

        At least one sentence is taken.
        """
        reached = self.tokens_before(sentences) + num_tokens
        ends = np.searchsorted(self.offsets, reached, side="left") + self.first
        document_ends = self.document_offsets[self.documents_of(sentences) + 1]
        return np.clip(ends, sentences + 1, document_ends)


class Objective(abc.ABC):
    """How a corpus becomes examples.

    Args:
      layout: of a row.
      max_seq_length: tokens of an example at most, special tokens included.
      short_seq_prob: share of examples with a target length drawn from 2 to the greatest.
      seed: in [0, 2**32).
      copy: a corpus that is cut several times is cut otherwise for every copy.

    Raises:
      ValueError: a setting is out of range.
    """

    num_texts = 2  # of an example; each has a token or more
    label_name = ""  # what the examples with label 1 are called in the counts

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
                f"max_seq_length is {max_seq_length}; at least {num_special_tokens + 2} is needed"
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
        """How many sentences behind its last sentence a window must know."""
        return self.max_tokens + 2  # every sentence has a token

    def check(self, corpus: Corpus) -> None:
        """Raises ValueError if no examples can be made of this corpus."""
        if not corpus.num_sentences:
            raise ValueError("the input holds no text that becomes tokens")

    @abc.abstractmethod
    def following(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """For an example that begins at each sentence of the window: what follows.

        Returns:
          int64 [M], the sentence at which the next example begins (greater than this one, not
          behind the end of the document unless examples cross it); bool [M], False if this
          sentence cannot be the beginning of an example and is left out.
        """

    @abc.abstractmethod
    def cut(self, window: Window, begins: np.ndarray) -> Examples:
        """The examples that begin at the sentences `begins`, int64 [N], of the window."""

    def targets(self, sentences: np.ndarray) -> np.ndarray:
        """How many tokens of text the example that begins at each sentence should have."""
        if not self.short_seq_prob:
            return np.full(len(sentences), self.max_tokens)
        is_short = self.chance(sentences, hashing.STREAM_IS_SHORT, self.short_seq_prob)
        lengths = 2 + self.below(sentences, hashing.STREAM_SHORT_LENGTH, self.max_tokens - 1)
        return np.where(is_short, lengths, self.max_tokens)

    def draw(self, sentences: np.ndarray, *counters: int) -> np.ndarray:
        """Random uint32 of the examples that begin at `sentences`; streams as in `order`."""
        return hashing.hash_u32(self._key, *hashing.split_words(sentences), *counters)

    def chance(self, sentences: np.ndarray, stream: int, probability: float) -> np.ndarray:
        """True with `probability`."""
        return self.draw(sentences, stream) < probability * 2.0**32

    def below(self, sentences: np.ndarray, stream: int, limits: np.ndarray | int) -> np.ndarray:
        """Uniform over 0..limits-1, for limits far below 2**32."""
        bits = self.draw(sentences, stream).astype(np.uint64)
        return ((bits * np.asarray(limits, np.uint64)) >> np.uint64(32)).astype(np.int64)

    def heads(self, sentences: np.ndarray, stream: int, flips: np.ndarray) -> np.ndarray:
        """How many of `flips` coins show heads, int64 [N]."""
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
    """The number of bits that are set in each number of 32 bits, int64."""
    x = x - ((x >> 1) & 0x55555555)
    x = (x & 0x33333333) + ((x >> 2) & 0x33333333)
    x = (x + (x >> 4)) & 0x0F0F0F0F
    return (x + (x >> 8) + (x >> 16) + (x >> 24)) & 0x3F


def truncate(
    first: np.ndarray, second: np.ndarray, max_tokens: int
) -> tuple[np.ndarray, np.ndarray]:
    """How many tokens of pairs stay, so that each pair has `max_tokens` at most.

    Single tokens are taken from the longer text, from the second if both are equally long, until
    the pair fits.

    Args:
      first, second: int64 [N], the lengths.
      max_tokens: of both together.

    Returns:
      int64 [N] each.
    """
    kept_first = np.minimum(first, np.maximum((max_tokens + 1) // 2, max_tokens - second))
    return kept_first, np.minimum(second, max_tokens - kept_first)


def walk(begin: int, last: int, first: int, following: np.ndarray) -> tuple[np.ndarray, int]:
    """Follows the chain of examples through a window.

    Args:
      begin: the sentence of the window at which an example begins.
      first, last: of the window.
      following: from `Objective.following`.

    Returns:
      int64, the sentences at which examples begin; and the first one at or behind `last`.
    """
    begins, jumps = [], following.tolist()
    while begin < last:
        begins.append(begin)
        begin = jumps[begin - first]
    return np.asarray(begins, np.int64), begin
