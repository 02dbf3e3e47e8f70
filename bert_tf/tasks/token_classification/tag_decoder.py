"""The best valid sequence of tags, and the entities it spells, in TF ops.

Shape suffixes: L labels, N texts or sentences, W words of a text, X words of all texts, K entities
of all texts.
"""

import numpy as np
import tensorflow as tf

from bert_tf.layers.attention import MASKED
from bert_tf.tasks.token_classification import tags as tag_lib
from bert_tf.tasks.token_classification.best_path import BestPath


def _stretches(texts_N: tf.Tensor, start: tf.RaggedTensor, end: tf.RaggedTensor) -> tf.Tensor:
    """String [K]: characters `start` to `end` of each text.

    Not a substring of each: for that every entity would get a copy of its whole text.
    """
    characters = tf.strings.unicode_split(texts_N, "UTF-8")
    shift_K = tf.gather(characters.row_starts(), start.value_rowids())
    begin_K, stop_K = (tf.cast(place.values, tf.int64) + shift_K for place in (start, end))
    places = tf.ragged.range(begin_K, stop_K)
    return tf.strings.reduce_join(tf.gather(characters.values, places), axis=-1)


class TagDecoder:
    """The best valid sequence of tags, and the entities it spells, in TF ops.

    Args:
      labels: the tags in the order of the scores.
      scheme: which of them may follow which. `O` and special tokens are never entities.
    """

    def __init__(self, labels: list[str], scheme: str):
        is_plain = scheme == "plain"
        may_follow = [
            [is_plain or tag_lib.may_follow(before, tag, scheme) for tag in labels]
            for before in labels
        ]
        # Plain tags may stand anywhere, so any of them does for the borders of a text.
        outside = 0 if is_plain else labels.index(tag_lib.OUTSIDE)
        self._best_path = BestPath(np.where(may_follow, 0.0, MASKED), outside)
        pairs = [
            ("S", label) if is_plain and not tag_lib.is_outside(label) else tag_lib.split_tag(label)
            for label in labels
        ]
        types = sorted({kind for _, kind in pairs} - {""})
        self._types = ["", *types]
        self._type_L = np.array([self._types.index(kind) for _, kind in pairs], np.int32)
        self._always_begins_L = np.array([prefix in "BS" for prefix, _ in pairs])
        self._always_ends_L = np.array([prefix in "ES" for prefix, _ in pairs])

    def best(self, scores_XL: tf.Tensor, lengths_N: tf.Tensor) -> tf.Tensor:
        """int32 [X]: for each text the valid sequence of tags with the largest sum of scores.

        Args:
          scores_XL: float32, log probabilities of the words of all texts, laid end to end.
          lengths_N: int32, how many words each text has.
        """
        return self._best_path(scores_XL, lengths_N)

    def entities(self, scores_XL: tf.Tensor, words: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """See `TokenClassificationTask.decode`; `words` is what `encode` gave."""
        present_NW = words["word_mask"] > 0
        lengths_N = tf.math.count_nonzero(present_NW, axis=1, dtype=tf.int32)
        text_X = tf.cast(tf.where(present_NW)[:, 0], tf.int32)
        tags_X = self.best(scores_XL, lengths_N)
        type_X = tf.gather(self._type_L, tags_X)
        begins_X, ends_X = self._borders(tags_X, type_X, text_X)
        number_X = tf.cumsum(tf.cast(begins_X, tf.int32)) - 1
        prob_X = tf.exp(tf.gather(scores_XL, tags_X, batch_dims=1))
        inside_X = type_X > 0
        score_K = tf.math.unsorted_segment_mean(
            tf.boolean_mask(prob_X, inside_X),
            tf.boolean_mask(number_X, inside_X),
            tf.reduce_sum(tf.cast(begins_X, tf.int32)),
        )
        start_X, end_X = (
            tf.boolean_mask(words[name], present_NW) for name in ("word_starts", "word_ends")
        )
        label_X = tf.gather(tf.constant(self._types), type_X)

        def of_texts(values_K):
            text_K = tf.boolean_mask(text_X, begins_X)
            return tf.RaggedTensor.from_value_rowids(values_K, text_K, tf.size(lengths_N))

        start = of_texts(tf.boolean_mask(start_X, begins_X))
        end = of_texts(tf.boolean_mask(end_X, ends_X))
        # Offsets count what is not UTF-8 as U+FFFD.
        texts_N = tf.strings.unicode_transcode(words["text"], "UTF-8", "UTF-8")
        entity_K = _stretches(texts_N, start, end)
        return {
            "label": of_texts(tf.boolean_mask(label_X, begins_X)).to_tensor(""),
            "start": start.to_tensor(-1),
            "end": end.to_tensor(-1),
            "entity": start.with_values(entity_K).to_tensor(""),
            "score": start.with_values(score_K).to_tensor(0.0),
        }

    def _borders(
        self, tags_X: tf.Tensor, type_X: tf.Tensor, text_X: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Bool [X] each: the first and the last words of entities."""
        is_first_X = tf.concat([[True], text_X[1:] != text_X[:-1]], axis=0)[: tf.size(text_X)]
        changed_X = tf.concat([[True], type_X[1:] != type_X[:-1]], axis=0)[: tf.size(text_X)]
        ended_X = tf.gather(self._always_ends_L, tags_X)
        ended_X = tf.concat([[True], ended_X], axis=0)[:-1]
        always_X = tf.gather(self._always_begins_L, tags_X)
        inside_X = type_X > 0
        begins_X = inside_X & (is_first_X | changed_X | ended_X | always_X)
        breaks_X = tf.concat([(begins_X | ~inside_X | is_first_X), [True]], axis=0)[1:]
        return begins_X, inside_X & breaks_X
