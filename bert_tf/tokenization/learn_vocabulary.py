"""Learns a WordPiece vocabulary from text: the same bytes on every run.

Pieces are merged as in byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909), as the trainer
of Hugging Face's `tokenizers` does too: the pair that occurs most often becomes a token, ties are
broken by the strings. Words come from the tokenizer's own normalisation and splitting.

Shapes: P positions (the pieces of all words, one after the other), K pairs, M places of one pair.
"""

import collections
import heapq
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import progress
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import CONTINUATION_PREFIX, SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.words import normalize, word_borders

_CHARACTERS_AT_A_TIME = 1_000_000
_WORDS_AT_A_TIME = 100_000
_NONE = -1  # no neighbour; or a piece that was merged into the one before it


def count_words(texts: Iterable[str], do_lower_case: bool) -> collections.Counter[str]:
    """Counts words as the `Tokenizer` sees them: normalised, split at spaces and punctuation.

    Args:
      texts: any number of texts, read once; only a megabyte of them is held at a time.
      do_lower_case: as the `Tokenizer` will be set.

    Returns:
      the number of occurrences of each word.
    """

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def find_words(texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        normalized = normalize(texts, do_lower_case=do_lower_case)
        joined = tf.strings.reduce_join(normalized, separator=" ")
        starts, ends = word_borders(joined[tf.newaxis])
        return joined, starts.values, ends.values

    counts = collections.Counter()
    for batch in _batches(texts):
        joined, starts, ends = (tensor.numpy() for tensor in find_words(tf.constant(batch)))
        counts.update(map(joined.__getitem__, map(slice, starts.tolist(), ends.tolist())))
    return collections.Counter({word.decode("utf-8"): count for word, count in counts.items()})


def learn_vocabulary(
    word_counts: Mapping[str, int],
    vocab_size: int,
    *,
    min_frequency: int = 2,
    limit_alphabet: int = 1000,
) -> Vocabulary:
    """Learns a vocabulary: special tokens first, then the alphabet, then merges as they were made.

    Args:
      word_counts: how often each word occurs (`count_words`).
      vocab_size: the number of tokens wanted. Less come out, with a warning, if the corpus has no
        more pairs of `min_frequency`.
      min_frequency: pairs that occur less often do not become tokens.
      limit_alphabet: the number of different characters, the most frequent ones. Words with other
        characters will be [UNK] and are left out.

    Returns:
      the vocabulary, with [PAD] as id 0.

    Raises:
      ValueError: no words, or `vocab_size` too small for the special tokens and the alphabet.
    """
    alphabet = _most_frequent_characters(word_counts, limit_alphabet)
    words = sorted(word for word in word_counts if word and alphabet.issuperset(word))
    if not words:
        raise ValueError("there are no words to learn a vocabulary from; is the input empty?")
    tokens = [*SPECIAL_TOKENS, *_alphabet_tokens(words, alphabet)]
    if len(tokens) > vocab_size:
        raise ValueError(
            f"vocab_size is {vocab_size}, but the special tokens and the alphabet alone are "
            f"{len(tokens)} tokens; raise vocab_size or lower limit_alphabet ({limit_alphabet})"
        )
    pieces = _Pieces(words, np.array([word_counts[word] for word in words]), tokens)
    with progress.bar(total=vocab_size, unit="tokens", description="learning vocabulary") as bar:
        bar.update(len(tokens))
        while len(tokens) < vocab_size and pieces.merge_best_pair(min_frequency):
            bar.update(1)
    if len(tokens) < vocab_size:
        logging.warning(
            "the text gives only %d tokens, not %d: no other pair of pieces occurs %d times or "
            "more. Use more text, or a smaller vocab_size.",
            len(tokens),
            vocab_size,
            min_frequency,
        )
    return Vocabulary(tokens, source="learnt vocabulary")


def measure_coverage(tokenizer: Tokenizer, word_counts: Mapping[str, int]) -> dict[str, float]:
    """How well a vocabulary fits counted words (normalised as this tokenizer normalises).

    Returns:
      `tokens_per_word`, and `unknown_share`, the share of words that are [UNK]; both count a word
      as often as it occurs.
    """
    words = list(word_counts)
    num_tokens = num_unknown = 0
    for i in range(0, len(words), _WORDS_AT_A_TIME):
        ids = tokenizer.tokenize(words[i : i + _WORDS_AT_A_TIME])
        counts = np.array([word_counts[word] for word in words[i : i + _WORDS_AT_A_TIME]])
        is_unknown = tf.reduce_any(ids == tokenizer.vocabulary.unk_id, axis=-1).numpy()
        num_tokens += int(counts @ ids.row_lengths().numpy())
        num_unknown += int(counts @ is_unknown)
    num_words = max(sum(word_counts.values()), 1)
    return {"tokens_per_word": num_tokens / num_words, "unknown_share": num_unknown / num_words}


class _Pieces:
    """All words as linked lists of pieces, with the count and the places of every adjacent pair.

    One merge costs as much as the pair has occurrences: its places are looked up, their neighbours'
    pairs recounted. Places are only checked for being still true when their pair's turn comes.
    """

    def __init__(self, words: list[str], counts: np.ndarray, tokens: list[str]):
        self._tokens = tokens  # shared with the caller, extended by merges
        self._id_of = {token: i for i, token in enumerate(tokens)}
        self._piece_P, begins_P = _spell(words, self._id_of)
        lengths = np.array([len(word) for word in words])
        self._weight_P = np.repeat(counts.astype(np.int64), lengths)
        places_P = np.arange(len(self._piece_P), dtype=np.int32)
        self._previous_P = np.where(begins_P, _NONE, places_P - 1).astype(np.int32)
        ends_P = np.append(begins_P[1:], True)
        self._next_P = np.where(ends_P, _NONE, places_P + 1).astype(np.int32)
        self._is_merged_P = np.zeros(len(self._piece_P), np.bool_)  # scratch, False between merges
        self._count_of: dict[int, int] = {}
        self._places_of: dict[int, list[np.ndarray]] = {}
        self._queue: list[tuple[int, str, str, int]] = []
        places = places_P[~ends_P]
        self._add_pairs(self._pairs(places, self._next_P[places]), places, self._weight_P[places])

    def merge_best_pair(self, min_frequency: int) -> bool:
        """Merges the most frequent pair everywhere; False if none occurs `min_frequency` times."""
        while self._queue:
            negative_count, left, right, pair = heapq.heappop(self._queue)
            count = self._count_of.get(pair, 0)
            if -negative_count == count >= min_frequency:
                self._merge(pair, left + right.removeprefix(CONTINUATION_PREFIX))
                return True
            if -negative_count > count >= min_frequency:  # it has lost places since it was queued
                heapq.heappush(self._queue, (-count, left, right, pair))
        return False

    def _merge(self, pair: int, token: str) -> None:
        new_id = self._id_of.setdefault(token, len(self._tokens))
        if new_id == len(self._tokens):
            self._tokens.append(token)
        left_M = self._true_places(pair)
        right_M = self._next_P[left_M]
        before_M, after_M = self._previous_P[left_M], self._next_P[right_M]
        weight_M = self._weight_P[left_M]
        self._is_merged_P[left_M] = True
        # Where two merged places touch, the pair between them is counted from the right one only.
        has_before_M = before_M >= 0
        has_after_M = (after_M >= 0) & ~self._is_merged_P[after_M]
        self._is_merged_P[left_M] = False

        old_pairs = [
            self._pairs(left_M, right_M),
            self._pairs(before_M[has_before_M], left_M[has_before_M]),
            self._pairs(right_M[has_after_M], after_M[has_after_M]),
        ]
        old_weights = [weight_M, weight_M[has_before_M], weight_M[has_after_M]]
        self._remove_pairs(np.concatenate(old_pairs), np.concatenate(old_weights))

        self._piece_P[left_M] = new_id
        self._piece_P[right_M] = _NONE
        self._next_P[left_M] = after_M
        self._previous_P[after_M[after_M >= 0]] = left_M[after_M >= 0]

        # The piece before may just have been merged itself: look it up again.
        before = self._previous_P[left_M][has_before_M]
        left, after = left_M[has_after_M], after_M[has_after_M]
        new_pairs = [self._pairs(before, left_M[has_before_M]), self._pairs(left, after)]
        self._add_pairs(
            np.concatenate(new_pairs),
            np.concatenate([before, left]),
            np.concatenate([weight_M[has_before_M], weight_M[has_after_M]]),
        )

    def _true_places(self, pair: int) -> np.ndarray:
        """Where the pair still stands, in order, without overlaps."""
        left_id, right_id = pair >> 32, pair & 0xFFFFFFFF
        places = np.sort(np.concatenate(self._places_of[pair]))
        places = places[(self._piece_P[places] == left_id) & (self._next_P[places] >= 0)]
        places = places[self._piece_P[self._next_P[places]] == right_id]
        return self._without_overlaps(places) if left_id == right_id else places

    def _without_overlaps(self, places: np.ndarray) -> np.ndarray:
        """Of the places of a pair of equal pieces, every other one in a run, from the left."""
        kept, taken = [], _NONE
        for place in places.tolist():
            if place != taken:
                kept.append(place)
                taken = self._next_P[place]
        return np.array(kept, dtype=places.dtype)

    def _pairs(self, left_M: np.ndarray, right_M: np.ndarray) -> np.ndarray:
        """The pieces at two places as one int64 number."""
        return (self._piece_P[left_M].astype(np.int64) << 32) | self._piece_P[right_M]

    def _remove_pairs(self, pairs_M: np.ndarray, weights_M: np.ndarray) -> None:
        pairs_K, inverse_M = np.unique(pairs_M, return_inverse=True)
        weights_K = np.bincount(inverse_M, weights_M).astype(np.int64)
        for pair, weight in zip(pairs_K.tolist(), weights_K.tolist(), strict=True):
            self._count_of[pair] -= weight
            if not self._count_of[pair]:
                del self._count_of[pair], self._places_of[pair]

    def _add_pairs(self, pairs_M: np.ndarray, places_M: np.ndarray, weights_M: np.ndarray) -> None:
        order_M = np.argsort(pairs_M, kind="stable")
        places_M = places_M[order_M]
        pairs_K, first_K = np.unique(pairs_M[order_M], return_index=True)
        weights_K = np.add.reduceat(weights_M[order_M], first_K) if len(first_K) else first_K
        bounds = [*first_K.tolist(), len(places_M)]
        for i, (pair, weight) in enumerate(zip(pairs_K.tolist(), weights_K.tolist(), strict=True)):
            count = self._count_of[pair] = self._count_of.get(pair, 0) + weight
            places = places_M[bounds[i] : bounds[i + 1]]
            self._places_of.setdefault(pair, []).append(places)
            left, right = self._tokens[pair >> 32], self._tokens[pair & 0xFFFFFFFF]
            heapq.heappush(self._queue, (-count, left, right, pair))


def _spell(words: list[str], id_of: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """All words as the ids of their characters, int32 [P], and which of them begin a word."""
    characters_P = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)
    lengths = np.array([len(word) for word in words])
    begins_P = np.zeros(len(characters_P), np.bool_)
    begins_P[np.cumsum(lengths) - lengths] = True
    alphabet, index_P = np.unique(characters_P, return_inverse=True)
    first = np.array([id_of[chr(c)] for c in alphabet], np.int32)
    inside = [id_of.get(CONTINUATION_PREFIX + chr(c), _NONE) for c in alphabet]
    return np.where(begins_P, first[index_P], np.array(inside, np.int32)[index_P]), begins_P


def _most_frequent_characters(word_counts: Mapping[str, int], limit: int) -> set[str]:
    counts = collections.Counter()
    for word, count in word_counts.items():
        for character in word:
            counts[character] += count
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    if len(ranked) > limit:
        logging.info("%d of %d characters are rare and left out", len(ranked) - limit, len(ranked))
    return set(ranked[:limit])


def _alphabet_tokens(words: list[str], alphabet: set[str]) -> list[str]:
    """Every character as a word's beginning, and as a continuation if it was seen inside a word."""
    inside = set().union(*(word[1:] for word in words))
    return [*sorted(alphabet), *(CONTINUATION_PREFIX + c for c in sorted(inside))]


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch, size = [], 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _CHARACTERS_AT_A_TIME:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
