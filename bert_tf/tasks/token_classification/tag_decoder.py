"""The best valid sequence of tags, and the entities it spells, in TF ops.

Shape suffixes: L labels, N texts or sentences, W words of a text, K entities of all texts.
"""

import numpy as np
import tensorflow as tf

from bert_tf.layers.attention import MASKED
from bert_tf.tasks.token_classification import tags as tag_lib


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
            for before in [*labels, tag_lib.OUTSIDE]
        ]
        penalties = np.where(may_follow, 0.0, MASKED).astype(np.float32)
        self._between_LL, self._first_L = penalties[:-1], penalties[-1]
        may_end = [is_plain or tag_lib.may_follow(tag, tag_lib.OUTSIDE, scheme) for tag in labels]
        self._last_L = np.where(may_end, 0.0, MASKED).astype(np.float32)
        pairs = [
            ("S", label) if is_plain and not tag_lib.is_outside(label) else tag_lib.split_tag(label)
            for label in labels
        ]
        types = sorted({kind for _, kind in pairs} - {""})
        self._types = ["", *types]
        self._type_L = np.array([self._types.index(kind) for _, kind in pairs], np.int32)
        self._always_begins_L = np.array([prefix in "BS" for prefix, _ in pairs])
        self._always_ends_L = np.array([prefix in "ES" for prefix, _ in pairs])

    def best(self, scores_NWL: tf.Tensor, mask_NW: tf.Tensor) -> tf.Tensor:
        """int32 [N, W]: the valid sequence with the largest sum of scores (Viterbi 1967).

        Args:
          scores_NWL: float32, log probabilities.
          mask_NW: bool, which words there are: the first ones of each row.
        """
        # With two words that are absent behind, because tf.scan cannot go over nothing.
        words_WNL = tf.pad(tf.transpose(scores_NWL, [1, 0, 2]), [[0, 2], [0, 0], [0, 0]])
        present_WN1 = tf.pad(tf.transpose(mask_NW), [[0, 2], [0, 0]])[..., tf.newaxis]
        start_NL = words_WNL[0] + self._first_L
        stay_NL = tf.zeros_like(start_NL, tf.int32) + tf.range(start_NL.shape[-1])

        def forward(state, word):
            sums_NLL = state[0][:, :, tf.newaxis] + self._between_LL
            before_NL = tf.argmax(sums_NLL, axis=1, output_type=tf.int32)
            sums_NL = tf.reduce_max(sums_NLL, axis=1) + word[0]
            return tf.where(word[1], sums_NL, state[0]), tf.where(word[1], before_NL, stay_NL)

        sums_WNL, before_WNL = tf.scan(
            forward, (words_WNL[1:], present_WN1[1:]), initializer=(start_NL, stay_NL)
        )
        last_N = tf.argmax(sums_WNL[-1] + self._last_L, axis=-1, output_type=tf.int32)

        def backward(tag_N, before_NL):
            return tf.gather(before_NL, tag_N, batch_dims=1)

        tags_WN = tf.scan(backward, before_WNL, initializer=last_N, reverse=True)
        return tf.transpose(tags_WN)[:, :-1]

    def entities(self, scores_NWL: tf.Tensor, words: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """See `TokenClassificationTask.decode`; `words` is what `encode` gave."""
        mask_NW = words["word_mask"] > 0
        tags_NW = self.best(scores_NWL, mask_NW)
        type_NW = tf.where(mask_NW, tf.gather(self._type_L, tags_NW), 0)
        begins_NW, ends_NW = self._borders(tags_NW, type_NW)
        number_NW = tf.reshape(tf.cumsum(tf.reshape(tf.cast(begins_NW, tf.int32), [-1])), [-1]) - 1
        prob_NW = tf.exp(tf.gather(scores_NWL, tags_NW, batch_dims=2))
        inside_NW = type_NW > 0
        score_K = tf.math.unsorted_segment_mean(
            tf.boolean_mask(prob_NW, inside_NW),
            tf.boolean_mask(number_NW, tf.reshape(inside_NW, [-1])),
            tf.reduce_sum(tf.cast(begins_NW, tf.int32)),
        )
        start = tf.ragged.boolean_mask(words["word_starts"], begins_NW)
        end = tf.ragged.boolean_mask(words["word_ends"], ends_NW)
        label = tf.ragged.boolean_mask(tf.gather(tf.constant(self._types), type_NW), begins_NW)
        # Offsets count what is not UTF-8 as U+FFFD.
        texts_N = tf.strings.unicode_transcode(words["text"], "UTF-8", "UTF-8")
        entity_K = _stretches(texts_N, start, end)
        return {
            "label": label.to_tensor(""),
            "start": start.to_tensor(-1),
            "end": end.to_tensor(-1),
            "entity": start.with_values(entity_K).to_tensor(""),
            "score": start.with_values(score_K).to_tensor(0.0),
        }

    def _borders(self, tags_NW: tf.Tensor, type_NW: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Bool [N, W] each: the first and the last words of entities."""
        always_begins_NW = tf.gather(self._always_begins_L, tags_NW)
        always_ends_NW = tf.gather(self._always_ends_L, tags_NW)
        none_N1 = tf.zeros_like(type_NW[:, :1])
        before_NW = tf.concat([none_N1, type_NW[:, :-1]], axis=1)
        ended_NW = tf.concat([tf.ones_like(none_N1, tf.bool), always_ends_NW[:, :-1]], axis=1)
        begins_NW = (type_NW > 0) & (always_begins_NW | ended_NW | (before_NW != type_NW))
        outside_NW = type_NW == 0
        next_NW = tf.concat([(begins_NW | outside_NW)[:, 1:], none_N1 == 0], axis=1)
        return begins_NW, (type_NW > 0) & next_NW
