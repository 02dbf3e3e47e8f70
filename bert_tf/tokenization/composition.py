"""Texts in Unicode's form NFC, and where the characters of that form come from.

A letter and its marks become one character where there is one: `e` and U+0301 become `é`. The op is
tensorflow-text's (ICU), which TensorFlow Serving links.

Shapes: N texts, C characters of all texts, O characters of all normalised texts. A dimension in
brackets is ragged.
"""

import tensorflow as tf
import tensorflow_text as tf_text

from bert_tf.tokenization.code_points import Normalized

NFC = "NFC"


def compose(texts: tf.Tensor) -> tf.Tensor:
    """Texts [N], UTF-8, in NFC."""
    return tf_text.normalize_utf8(texts, NFC)


@tf.function(autograph=False, reduce_retracing=True)  # many ops, which are slow if eager
def compose_with_sources(texts: tf.Tensor) -> Normalized:
    """The same form of texts [N], UTF-8, and where its characters come from.

    A character that was joined to the one before it counts as a mark of that one.
    """
    form, changes = tf_text.normalize_utf8_with_offsets_map(texts, NFC)
    points, place_in_form = tf.strings.unicode_decode_with_offsets(form, "UTF-8")
    # The op takes no row without a place, so each row gets one more.
    place_in_form = tf.concat([place_in_form, tf.zeros([tf.size(form), 1], tf.int64)], axis=1)
    place_in_text = tf_text.find_source_offsets(changes, place_in_form)[:, :-1]
    characters, begins = tf.strings.unicode_decode_with_offsets(texts, "UTF-8")
    text_begin_N = tf.cumsum(tf.cast(tf.strings.length(texts), tf.int64), exclusive=True)
    begin_C = begins.values + tf.gather(text_begin_N, begins.value_rowids())
    place_O = place_in_text.values + tf.gather(text_begin_N, points.value_rowids())
    sources_O = tf.searchsorted(begin_C, place_O, side="right") - 1
    is_source_C = tf.math.unsorted_segment_sum(tf.ones_like(sources_O), sources_O, tf.size(begin_C))
    return Normalized(
        points=points,
        sources=sources_O,
        source_splits=characters.row_splits,
        is_mark=is_source_C == 0,
    )
