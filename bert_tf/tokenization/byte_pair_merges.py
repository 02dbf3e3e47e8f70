"""Byte-pair merges as TensorFlow ops: words as bytes in, token ids out.

Shapes: U words, B symbols of all words (bytes at first), T tokens of all words, K pairs that are
merged in one round, V vocabulary. A dimension in brackets is ragged.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bert_tf.tokenization import stretches
from bert_tf.tokenization.byte_pair_vocabulary import BytePairVocabulary, spell
from bert_tf.tokenization.stretches import GONE

_NEVER = np.int32(2**31 - 1)  # the rank of a pair that is not merged


class _State(NamedTuple):
    """Words of which something can still be merged.

    Attributes:
      ids: int32 [B], the symbols.
      words: int32 [B], ascending: the word of each.
      places: int32 [B], where the bytes of each begin in `result`.
      ranks: int32 [B], the rank of the merge with the next symbol, `_NEVER` if there is none.
      result: int32 [bytes of all words], the symbol that begins at each byte, or `GONE`.
    """

    ids: tf.Tensor
    words: tf.Tensor
    places: tf.Tensor
    ranks: tf.Tensor
    result: tf.Tensor


class Merger(tf.Module):
    """Merges the bytes of a word, the pair of the lowest rank first, from left to right.

    Args:
      vocabulary: the merges.
      unk_id: stands for a byte that the vocabulary does not have.
    """

    def __init__(self, vocabulary: BytePairVocabulary, unk_id: int):
        super().__init__(name="merger")
        byte_ids = [spell(bytes([byte])) for byte in range(256)]
        self._byte_ids = tf.constant(
            [vocabulary.id_of(token) if token in vocabulary else unk_id for token in byte_ids]
        )
        self._num_ids = len(vocabulary)
        firsts, seconds, merged = _merge_ids(vocabulary)
        self._merged = tf.constant(merged)
        keys = firsts.astype(np.int64) * self._num_ids + seconds
        ranks = np.arange(len(merged), dtype=np.int32)
        self._ranks = tf.lookup.StaticHashTable(  # a table must not be empty, hence -1
            tf.lookup.KeyValueTensorInitializer(np.append(keys, -1), np.append(ranks, _NEVER)),
            default_value=_NEVER,
        )
        self._all_at_once = _come_in_order(firsts, seconds, merged)

    @tf.function(autograph=False, reduce_retracing=True)
    def __call__(self, words: tf.Tensor) -> tf.RaggedTensor:
        """The tokens of words, string [U], as int32 [U, (tokens)]."""
        lengths_U = tf.strings.length(words)
        bytes_B = tf.io.decode_raw(tf.strings.reduce_join(words), tf.uint8)
        ids = tf.gather(self._byte_ids, tf.cast(bytes_B, tf.int32))
        ids = tf.RaggedTensor.from_row_lengths(ids, lengths_U, validate=False)
        if not self._all_at_once:
            return self._merge(ids)
        is_long = tf.reduce_any(lengths_U > stretches.LENGTH)
        return tf.cond(is_long, lambda: self._merge_long(ids), lambda: self._merge(ids))

    def _merge_long(self, ids: tf.RaggedTensor) -> tf.RaggedTensor:
        """The same as `_merge`, in a time that grows with the length of a word and not faster."""
        cut = stretches.cut(ids)
        joined, fits_U = stretches.join(cut, self._merge_places(cut.ids))
        whole = self._merge(tf.ragged.boolean_mask(ids, tf.logical_not(fits_U)))
        both = tf.concat([joined, whole], axis=0)
        rank_U = tf.cumsum(tf.cast(tf.logical_not(fits_U), tf.int32), exclusive=True)
        return tf.gather(
            both, tf.where(fits_U, tf.range(tf.size(fits_U)), tf.size(fits_U) + rank_U)
        )

    def _merge(self, ids: tf.RaggedTensor) -> tf.RaggedTensor:
        """Merges symbols, int32 [U, (bytes)], until no pair is left that can be."""
        result = ids.with_values(self._merge_places(ids))
        return tf.ragged.boolean_mask(result, result != GONE)

    def _merge_places(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Int32 [bytes of all words], the token that begins at each byte, or `GONE`."""
        ids_B, words_B = ids.values, tf.cast(ids.value_rowids(), tf.int32)
        places_B = tf.range(tf.size(ids_B))
        ranks_B = self._ranks_of(ids_B, words_B, places_B)
        state = _only_unfinished(_State(ids_B, words_B, places_B, ranks_B, ids_B))
        state = tf.while_loop(
            lambda *state: tf.size(state[0]) > 0,
            lambda *state: self._round(_State(*state)),
            state,
            shape_invariants=_State(*[tf.TensorShape([None])] * len(_State._fields)),
        )
        return state.result

    def _ranks_of(self, ids_B: tf.Tensor, words_B: tf.Tensor, places_K: tf.Tensor) -> tf.Tensor:
        """The ranks of the pairs that begin at some places; the last of a word begins none."""
        next_K = tf.minimum(places_K + 1, tf.size(ids_B) - 1)
        in_word_K = tf.gather(words_B, places_K) == tf.gather(words_B, next_K)
        in_word_K &= next_K > places_K
        first_K = tf.cast(tf.gather(ids_B, places_K), tf.int64)
        key_K = first_K * self._num_ids + tf.cast(tf.gather(ids_B, next_K), tf.int64)
        return tf.where(in_word_K, self._ranks.lookup(key_K), _NEVER)

    def _round(self, state: _State) -> _State:
        """One merge in every word: wherever the pair of its lowest rank stands."""
        ids_B, words_B, places_B, ranks_B, result = state
        lowest_U = tf.math.segment_min(ranks_B, words_B)
        chosen_K = tf.where(ranks_B == tf.gather(lowest_U, words_B))[:, 0]
        chosen_K = tf.cast(_without_overlaps(chosen_K), tf.int32)
        if not self._all_at_once:
            chosen_K = _first_of_each(chosen_K, tf.gather(words_B, chosen_K))
        merged_K = tf.gather(self._merged, tf.gather(ranks_B, chosen_K))
        gone_K = tf.gather(places_B, chosen_K + 1)
        result = tf.tensor_scatter_nd_update(
            result,
            tf.concat([tf.gather(places_B, chosen_K), gone_K], 0)[:, tf.newaxis],
            tf.concat([merged_K, tf.fill(tf.shape(gone_K), GONE)], 0),
        )
        ids_B = tf.tensor_scatter_nd_update(ids_B, chosen_K[:, tf.newaxis], merged_K)
        stays_B = tf.tensor_scatter_nd_update(
            tf.ones_like(ids_B, tf.bool),
            chosen_K[:, tf.newaxis] + 1,
            tf.zeros_like(chosen_K, tf.bool),
        )
        staying = tf.where(stays_B)[:, 0]
        ids_B, words_B, places_B, ranks_B = (
            tf.gather(values, staying) for values in (ids_B, words_B, places_B, ranks_B)
        )
        changed_K = chosen_K - tf.range(tf.size(chosen_K))  # where they are now
        changed_K = tf.concat([changed_K, tf.maximum(changed_K - 1, 0)], axis=0)
        new_K = self._ranks_of(ids_B, words_B, changed_K)
        ranks_B = tf.tensor_scatter_nd_update(ranks_B, changed_K[:, tf.newaxis], new_K)
        return _only_unfinished(_State(ids_B, words_B, places_B, ranks_B, result))


def _merge_ids(vocabulary: BytePairVocabulary) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Int32, the ids of both parts and of the whole of each merge; the last of one said twice."""
    last = {merge: rank for rank, merge in enumerate(vocabulary.merges)}
    merges = sorted(last, key=last.__getitem__)
    id_of = vocabulary.id_of
    ids = [(id_of(first), id_of(second), id_of(first + second)) for first, second in merges]
    firsts, seconds, merged = np.array(ids, np.int32).reshape(-1, 3).T.copy()
    return firsts, seconds, merged


def _come_in_order(firsts: np.ndarray, seconds: np.ndarray, merged: np.ndarray) -> bool:
    """Whether each merge makes a new token, which only later merges use.

    Then no merge leads to a pair of a lower rank, and all pairs of one rank can be merged at once.
    """
    if len(np.unique(merged)) < len(merged):
        return False
    ranks = np.arange(len(merged))
    made_at = np.full(np.concatenate([firsts, seconds, merged]).max(initial=0) + 1, -1)
    made_at[merged] = ranks
    return bool(np.all(np.maximum(made_at[firsts], made_at[seconds]) < ranks))


def _only_unfinished(state: _State) -> _State:
    """Leaves out the words in which nothing can be merged, and numbers the others anew."""
    lowest_U = tf.math.segment_min(state.ranks, state.words)
    unfinished_U = lowest_U != _NEVER
    stays = tf.where(tf.gather(unfinished_U, state.words))[:, 0]
    number_U = tf.cumsum(tf.cast(unfinished_U, tf.int32), exclusive=True)
    return _State(
        ids=tf.gather(state.ids, stays),
        words=tf.gather(number_U, tf.gather(state.words, stays)),
        places=tf.gather(state.places, stays),
        ranks=tf.gather(state.ranks, stays),
        result=state.result,
    )


def _without_overlaps(places_K: tf.Tensor) -> tf.Tensor:
    """Of ascending places that follow each other directly every second: `aaa` is `aa` and `a`."""
    begins_run_K = tf.concat([[True], places_K[1:] != places_K[:-1] + 1], axis=0)
    run_K = tf.cumsum(tf.cast(begins_run_K, tf.int32)) - 1
    first_K = tf.gather(tf.boolean_mask(places_K, begins_run_K), run_K)
    return tf.boolean_mask(places_K, (places_K - first_K) % 2 == 0)


def _first_of_each(places_K: tf.Tensor, words_K: tf.Tensor) -> tf.Tensor:
    is_first_K = tf.concat([[True], words_K[1:] != words_K[:-1]], axis=0)
    return tf.boolean_mask(places_K, is_first_K)
