"""Merges pairs of pieces in all words at once, the most frequent pair first.

The data structure behind `learn_vocabulary`: words as linked lists of pieces, in flat arrays. One
merge costs as much as its pair has occurrences. Few of them are merged by a loop in Python, many by
NumPy: most pairs stand at a handful of places, and for those a NumPy call costs more than the loop.

Shapes: P positions (the pieces of all words, one after the other), K pairs, M places of one pair.
"""

import array
import collections
import heapq
from collections.abc import Mapping

import numpy as np

from bert_tf.tokenization.vocabulary import CONTINUATION_PREFIX

_NONE = -1  # no neighbour; or a piece that was merged into the one before it
_MANY_PLACES = 64  # where NumPy overtakes the loop, measured


class PieceMerges:
    """All words as linked lists of pieces, with the count and the places of every adjacent pair.

    Places are only checked for being still true when their pair's turn comes.
    """

    def __init__(self, words: list[str], counts: np.ndarray, tokens: list[str]):
        """Spells the words in characters and counts their pairs.

        Args:
          words: different words, of characters that are in `tokens`.
          counts: int [number of words], how often each occurs.
          tokens: shared with the caller; merges append to it.
        """
        self._tokens = tokens
        self._id_of = {token: i for i, token in enumerate(tokens)}
        self._piece_P, begins_P = _spell(words, self._id_of)
        lengths = np.array([len(word) for word in words])
        self._weight_P = np.repeat(counts.astype(np.int64), lengths)
        places_P = np.arange(len(self._piece_P), dtype=np.int32)
        self._previous_P = np.where(begins_P, _NONE, places_P - 1).astype(np.int32)
        ends_P = np.append(begins_P[1:], True)
        self._next_P = np.where(ends_P, _NONE, places_P + 1).astype(np.int32)
        self._is_merged_P = np.zeros(len(self._piece_P), np.bool_)  # scratch, False between merges
        # The same memory for the loop: an element of a memoryview costs a third of a NumPy scalar.
        self._piece, self._weight = memoryview(self._piece_P), memoryview(self._weight_P)
        self._next, self._previous = memoryview(self._next_P), memoryview(self._previous_P)
        self._count_of: dict[int, int] = {}
        self._places_of: dict[int, array.array] = {}
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
        places = self._places_of.pop(pair)
        if len(places) < _MANY_PLACES:
            self._merge_few(pair, new_id, sorted(places))
        else:
            self._merge_many(pair, new_id, self._true_places(pair, places))

    def _merge_few(self, pair: int, new_id: int, places: list[int]) -> None:
        """Merges one place after another; a place may have gone with the one before it."""
        piece, following, preceding = self._piece, self._next, self._previous
        left_id, right_id = pair >> 32, pair & 0xFFFFFFFF
        changes, new_places = collections.defaultdict(int), collections.defaultdict(list)
        for left in places:
            right = following[left]
            if piece[left] != left_id or right < 0 or piece[right] != right_id:
                continue
            weight, before, after = self._weight[left], preceding[left], following[right]
            changes[pair] -= weight
            if before >= 0:
                changes[piece[before] << 32 | left_id] -= weight
                new_pair = piece[before] << 32 | new_id
                changes[new_pair] += weight
                new_places[new_pair].append(before)
            if after >= 0:
                changes[right_id << 32 | piece[after]] -= weight
                new_pair = new_id << 32 | piece[after]
                changes[new_pair] += weight
                new_places[new_pair].append(left)
                preceding[after] = left
            piece[left], piece[right], following[left] = new_id, _NONE, after
        for changed, weight in changes.items():
            self._change(changed, weight, new_places.get(changed))

    def _change(self, pair: int, weight: int, new_places: list[int] | None) -> None:
        """Adds to a pair's count and places; queues it if it has new ones."""
        count = self._count_of.get(pair, 0) + weight
        if not count:
            self._count_of.pop(pair, None)
            self._places_of.pop(pair, None)
            return
        self._count_of[pair] = count
        if new_places:
            self._places_of.setdefault(pair, array.array("i")).extend(new_places)
            self._enqueue(pair, count)

    def _merge_many(self, pair: int, new_id: int, left_M: np.ndarray) -> None:
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

    def _true_places(self, pair: int, places: array.array) -> np.ndarray:
        """Where the pair still stands, in order, without overlaps."""
        left_id, right_id = pair >> 32, pair & 0xFFFFFFFF
        places = np.sort(np.frombuffer(places, np.int32))
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
        weights_K = np.zeros(len(pairs_K), np.int64)
        np.add.at(weights_K, inverse_M, weights_M)
        for pair, weight in zip(pairs_K.tolist(), weights_K.tolist(), strict=True):
            self._change(pair, -weight, None)

    def _add_pairs(self, pairs_M: np.ndarray, places_M: np.ndarray, weights_M: np.ndarray) -> None:
        order_M = np.argsort(pairs_M, kind="stable")
        places_M = places_M[order_M]
        pairs_K, first_K = np.unique(pairs_M[order_M], return_index=True)
        weights_K = np.add.reduceat(weights_M[order_M], first_K) if len(first_K) else first_K
        bounds = [*first_K.tolist(), len(places_M)]
        for i, (pair, weight) in enumerate(zip(pairs_K.tolist(), weights_K.tolist(), strict=True)):
            count = self._count_of[pair] = self._count_of.get(pair, 0) + weight
            places = self._places_of.setdefault(pair, array.array("i"))
            places.frombytes(places_M[bounds[i] : bounds[i + 1]].tobytes())
            self._enqueue(pair, count)

    def _enqueue(self, pair: int, count: int) -> None:
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
