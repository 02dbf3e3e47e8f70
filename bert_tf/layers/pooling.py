"""Pools the vectors of a text's tokens into one vector.

Shape suffixes: B batch, S sequence, D hidden.
"""

from collections.abc import Mapping

import tensorflow as tf

from bert_tf.layers.attention import MASKED
from bert_tf.layers.precision import at_least_float32

POOLINGS = ("mean", "max", "cls", "pooler", "mean_sqrt_len", "weighted_mean", "last")


def pool(
    outputs: Mapping[str, tf.Tensor], input_mask: tf.Tensor, how: str, *, pooled_from: int = 0
) -> tf.Tensor:
    """Computes one vector for each text.

    Args:
      outputs: the outputs of an encoder.
      input_mask: int32 [B, S], 1 for tokens.
      how: "mean" of all tokens, including [CLS] and [SEP]; their "max"; "cls", the last layer's
        [CLS]; "pooler", a dense layer and tanh on [CLS]; "mean_sqrt_len", the sum of the tokens
        divided by the root of their number; "weighted_mean", with weight n for the n-th token;
        "last", the last token; or several, which are concatenated, such as "cls+mean".
      pooled_from: number of first tokens, for example of a prompt, to leave out. "cls" is then the
        first token after them; the pooler always uses [CLS].

    Returns:
      float32 (float64 if the model has that dtype) [B, D], or [B, n * D] for n poolings.

    Reference: Reimers and Gurevych 2019, section 3; "pooler" Devlin et al. 2018, section 3.1.
    """
    if "+" in how:
        parts = how.split("+")
        found = [pool(outputs, input_mask, one, pooled_from=pooled_from) for one in parts]
        return tf.concat(found, axis=-1)
    if how == "pooler":
        return at_least_float32(outputs["pooled_output"])
    sequence_BSD = at_least_float32(outputs["sequence_output"])
    if how == "cls" and not pooled_from:
        return sequence_BSD[:, 0]
    number_S = tf.range(1, tf.shape(input_mask)[1] + 1)
    mask_BS1 = tf.expand_dims(tf.cast(input_mask, sequence_BSD.dtype), -1)
    if pooled_from:
        mask_BS1 *= tf.cast(number_S > pooled_from, sequence_BSD.dtype)[:, tf.newaxis]
    if how == "cls":
        first_BS1 = (tf.cumsum(mask_BS1, axis=1) == 1) & (mask_BS1 > 0)
        return tf.reduce_sum(tf.where(first_BS1, sequence_BSD, 0.0), 1)
    if how == "max":
        return tf.reduce_max(tf.where(mask_BS1 > 0, sequence_BSD, MASKED), axis=1)
    if how == "last":
        number_BS1 = tf.cumsum(mask_BS1, axis=1)
        is_last_BS1 = (number_BS1 == tf.reduce_sum(mask_BS1, 1, keepdims=True)) & (mask_BS1 > 0)
        return tf.reduce_sum(tf.where(is_last_BS1, sequence_BSD, 0.0), 1)
    if how == "weighted_mean":
        mask_BS1 *= tf.cast(number_S, mask_BS1.dtype)[:, tf.newaxis]
    weight_B1 = tf.reduce_sum(mask_BS1, 1)
    if pooled_from:  # a text that was cut can have no tokens after the prompt
        weight_B1 = tf.maximum(weight_B1, 1e-9)
    weight_B1 = tf.sqrt(weight_B1) if how == "mean_sqrt_len" else weight_B1
    return tf.reduce_sum(sequence_BSD * mask_BS1, 1) / weight_B1


def check_pooling(how: str, *, setting: str, use_pooler: bool) -> None:
    """Raises ValueError for an unknown pooling, or for "pooler" without a pooler."""
    parts = how.split("+")
    if not set(parts) <= set(POOLINGS):
        raise ValueError(f"{setting} is {how!r}. Known: {', '.join(POOLINGS)}.")
    if "pooler" in parts and not use_pooler:
        raise ValueError(f"{setting} is 'pooler', but this checkpoint has no pooler.")
