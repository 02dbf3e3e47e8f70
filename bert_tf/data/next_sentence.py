"""Next-sentence examples: [CLS] A [SEP] B [SEP], where half of the Bs follow A in the text.

The algorithm is that of google-research/bert (create_pretraining_data.py), with two differences:

* The other document is drawn uniformly from all others, as the paper says, not within a file.
* Whether an example is cut short is drawn for every example. The original draws once per document,
  which for a document as long as a book would mean thousands of two-token examples.

An example is five numbers (`Examples`); its tokens are copied only when rows are made.
"""

import bisect
import dataclasses
from collections.abc import Iterable

import numpy as np

from bert_tf.data import order
from bert_tf.data.corpus import Corpus
from bert_tf.data.records import Rows

NUM_SPECIAL_TOKENS = 3
MIN_SEQ_LENGTH = NUM_SPECIAL_TOKENS + 2


@dataclasses.dataclass(frozen=True)
class Examples:
    """Examples as places in `Corpus.tokens`.

    Attributes:
        spans: int64 [N, 5]: first token and length of A, first token and length of B, label
            (1: B is from another document, 0: B follows A).
        cut_tokens: int64 [N], how many tokens of A and B were left out because both did not fit.
    """

    spans: np.ndarray
    cut_tokens: np.ndarray

    def __len__(self) -> int:
        return len(self.spans)


def create_examples(
    corpus: Corpus,
    *,
    max_seq_length: int,
    short_seq_prob: float,
    seed: int,
    documents: Iterable[int] | None = None,
) -> Examples:
    """Cuts documents into examples; each document is a function of (seed, document index) alone.

    Every sentence is in exactly one example as A or as the B that follows it (long pairs are cut at
    random ends, the longer of both first).

    Args:
        corpus: at least two documents.
        max_seq_length: of A, B and the three special tokens together; at least 5.
        short_seq_prob: share of examples with a target length drawn from 2 to the greatest.
        seed: in [0, 2**32).
        documents: which of the documents; all by default.

    Raises:
        ValueError: a single document, or a length or probability out of range.
    """
    _check(corpus, max_seq_length, short_seq_prob)
    key_seed = order.check_seed(seed)
    max_tokens = max_seq_length - NUM_SPECIAL_TOKENS
    found = []
    for document in range(corpus.num_documents) if documents is None else documents:
        draws = _Draws(key_seed, document)
        _cut_document(corpus, document, max_tokens, short_seq_prob, draws, found)
    table = np.asarray(found, np.int64).reshape(-1, 6)
    return Examples(spans=table[:, :5], cut_tokens=table[:, 5])


def _check(corpus: Corpus, max_seq_length: int, short_seq_prob: float) -> None:
    if max_seq_length < MIN_SEQ_LENGTH:
        raise ValueError(f"max_seq_length is {max_seq_length}; at least {MIN_SEQ_LENGTH} is needed")
    if not 0 <= short_seq_prob <= 1:
        raise ValueError(f"short_seq_prob is {short_seq_prob}; it must be between 0 and 1")
    if corpus.num_documents < 2:
        raise ValueError(
            f"the input holds {corpus.num_documents} document(s) with text; next-sentence examples "
            "need at least 2, because half of the second sentences come from another document. "
            "Give more files, separate documents by a blank line (lines format) or write one "
            "document per line (jsonl format)"
        )


def _cut_document(
    corpus: Corpus,
    document: int,
    max_tokens: int,
    short_seq_prob: float,
    draws: "_Draws",
    found: list[tuple[int, ...]],
) -> None:
    """Appends (A begin, A length, B begin, B length, label, tokens cut) for a document."""
    offsets = corpus.sentence_offsets
    begin, end = corpus.document_offsets[document : document + 2].tolist()
    while begin < end:
        target = max_tokens
        if draws.chance(short_seq_prob):
            target = 2 + draws.below(max_tokens - 1)
        stop = bisect.bisect_left(offsets, offsets[begin] + target, begin + 1, end)
        a_stop = begin + 1 + draws.below(stop - begin - 1) if stop - begin > 1 else stop
        is_random = a_stop == stop or draws.chance(0.5)
        b_begin, b_stop = a_stop, stop
        if is_random:
            missing = target - (offsets[a_stop] - offsets[begin])
            b_begin, b_stop = _random_sentences(corpus, document, missing, draws)
        a, b = offsets[[begin, a_stop]].tolist(), offsets[[b_begin, b_stop]].tolist()
        kept = _truncate(*a, *b, max_tokens, draws)
        num_cut = (a[1] - a[0]) + (b[1] - b[0]) - kept[1] - kept[3]
        found.append((*kept, int(is_random), num_cut))
        begin = a_stop if is_random else stop  # sentences not used are put back


def _random_sentences(
    corpus: Corpus, document: int, num_tokens: int, draws: "_Draws"
) -> tuple[int, int]:
    """Sentences of another document, from a random one on, of `num_tokens` or more: begin, stop."""
    other = draws.below(corpus.num_documents - 1)
    other += other >= document  # uniform over all documents but this one
    first, end = corpus.document_offsets[other : other + 2].tolist()
    begin = first + draws.below(end - first)
    offsets = corpus.sentence_offsets
    return begin, bisect.bisect_left(offsets, offsets[begin] + num_tokens, begin + 1, end)


def _truncate(
    a_begin: int, a_end: int, b_begin: int, b_end: int, max_tokens: int, draws: "_Draws"
) -> tuple[int, int, int, int]:
    """(A begin, A length, B begin, B length) of what stays.

    The same as taking single tokens from the longer (B if equal), each from the front or the back
    with equal probability, until both fit.
    """
    a_length, b_length = a_end - a_begin, b_end - b_begin
    if a_length + b_length <= max_tokens:
        return a_begin, a_length, b_begin, b_length
    a_kept = min(a_length, max((max_tokens + 1) // 2, max_tokens - b_length))
    b_kept = min(b_length, max_tokens - a_kept)
    a_begin += draws.heads(a_length - a_kept)
    b_begin += draws.heads(b_length - b_kept)
    return a_begin, a_kept, b_begin, b_kept


class _Draws:
    """Random numbers of one document, from the raw words of Philox, which NumPy never changes."""

    def __init__(self, seed: int, document: int):
        self._raw = np.random.Philox(key=np.array([seed, document], np.uint64)).random_raw

    def below(self, limit: int) -> int:
        """Uniform over 0..limit-1."""
        return self._raw() * limit >> 64

    def chance(self, probability: float) -> bool:
        return (self._raw() >> 11) * 2.0**-53 < probability

    def heads(self, flips: int) -> int:
        """How many of `flips` coins show heads."""
        count = 0
        while flips > 0:
            count += (self._raw() & ((1 << min(flips, 64)) - 1)).bit_count()
            flips -= 64
        return count


def rows_of_examples(corpus: Corpus, spans: np.ndarray, cls_id: int, sep_id: int) -> Rows:
    """Copies the tokens of examples into rows of one example each.

    Args:
        corpus: the tokens.
        spans: int64 [N, 5], some of `Examples.spans`.
        cls_id, sep_id: the special tokens.
    """
    a_begin, a_length, b_begin, b_length, labels = spans.T
    lengths = a_length + b_length + NUM_SPECIAL_TOKENS
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    a_target = offsets[:-1] + 1
    b_target = a_target + a_length + 1
    input_ids = np.full(offsets[-1], sep_id, np.int32)
    input_ids[offsets[:-1]] = cls_id
    input_ids[_ranges(a_target, a_length)] = corpus.tokens[_ranges(a_begin, a_length)]
    input_ids[_ranges(b_target, b_length)] = corpus.tokens[_ranges(b_begin, b_length)]
    segment_ids = np.zeros(offsets[-1], np.int8)
    segment_ids[_ranges(b_target, b_length + 1)] = 1
    return Rows(
        input_ids=input_ids,
        segment_ids=segment_ids,
        offsets=offsets,
        next_sentence_labels=labels[:, None].astype(np.int32),
        example_lengths=lengths[:, None].astype(np.int32),
    )


def _ranges(begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """begins[0]..begins[0]+lengths[0]-1, then the same for 1, and so on, as one array."""
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(begins - before, lengths)
