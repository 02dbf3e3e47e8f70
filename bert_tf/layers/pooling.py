"""One vector for a text from those of its tokens.

Shape suffixes: B batch, S sequence, D hidden.
"""

from collections.abc import Mapping

import tensorflow as tf

from bert_tf.layers.attention import MASKED

POOLINGS = ("mean", "max", "cls", "pooler")


def pool(outputs: Mapping[str, tf.Tensor], input_mask: tf.Tensor, how: str) -> tf.Tensor:
    """What a text is judged by.

    Args:
      outputs: of an encoder.
      input_mask: int32 [B, S], 1 for tokens.
      how: "mean" over the tokens, [CLS] and [SEP] among them; their "max"; the last layer's "cls";
        or the "pooler", which is a dense layer and tanh on that.

    Returns:
      float32 [B, D].

    Reference: Reimers and Gurevych 2019, section 3; "pooler" Devlin et al. 2018, section 3.1.
    """
    if how == "pooler":
        return tf.cast(outputs["pooled_output"], tf.float32)
    sequence_BSD = tf.cast(outputs["sequence_output"], tf.float32)
    if how == "cls":
        return sequence_BSD[:, 0]
    mask_BS1 = tf.expand_dims(tf.cast(input_mask, tf.float32), -1)
    if how == "max":
        return tf.reduce_max(tf.where(mask_BS1 > 0, sequence_BSD, MASKED), axis=1)
    return tf.reduce_sum(sequence_BSD * mask_BS1, 1) / tf.reduce_sum(mask_BS1, 1)


def check_pooling(how: str, *, setting: str, use_pooler: bool) -> None:
    """ValueError for a pooling that is unknown, or that this encoder cannot do."""
    if how not in POOLINGS:
        raise ValueError(f"{setting} is {how!r}. Known: {', '.join(POOLINGS)}.")
    if how == "pooler" and not use_pooler:
        raise ValueError(f"{setting} is 'pooler', but this checkpoint has no pooler.")
