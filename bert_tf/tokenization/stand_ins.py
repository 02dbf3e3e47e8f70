"""Special tokens written in a text, kept whole: characters stand for them while it is cut up.

A stand-in and the spaces around it take as many characters as the special token, so that offsets
stay true.

Shapes: N texts, T tokens of the whole batch, U of them. A dimension in brackets is ragged.
"""

import re

import tensorflow as tf

from bert_tf.tokenization.splitting import Tokens
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS

# Characters that Unicode keeps for such internal use (noncharacters): no vocabulary holds them.
_STAND_INS = tuple(chr(0xFDD0 + i) for i in range(len(SPECIAL_TOKENS)))
_STAND_INS_PATTERN = r"[\x{FDD0}-\x{FDD4}]"
_ANOTHER_NONCHARACTER = chr(0xFDEF)
_NOTHING_TO_DO = r"[^\[\x{FDD0}-\x{FDD4}]*"
_NONE = -1


def put(texts: tf.Tensor) -> tf.Tensor:
    """Replaces special tokens by their stand-ins; stand-ins in the text itself lose their role.

    Args:
      texts: string [N].

    Returns:
      string [N], the same number of characters in each.
    """

    def replace() -> tf.Tensor:
        result = tf.strings.regex_replace(texts, _STAND_INS_PATTERN, _ANOTHER_NONCHARACTER)
        for token, stand_in in zip(SPECIAL_TOKENS, _STAND_INS, strict=True):
            replacement = f" {stand_in}".ljust(len(token))
            result = tf.strings.regex_replace(result, re.escape(token), replacement)
        return result

    is_free = tf.reduce_all(tf.strings.regex_full_match(texts, _NOTHING_TO_DO))
    return tf.cond(is_free, lambda: texts, replace)


def find(normalized: tf.Tensor, tokens: Tokens, unk_id: int) -> tf.Tensor:
    """Which tokens are stand-ins.

    Args:
      normalized: string [N], normalised texts with stand-ins.
      tokens: of these texts; a stand-in is [UNK] among them.
      unk_id: the id of [UNK].

    Returns:
      int32 [T], the place in `SPECIAL_TOKENS` of the one that is meant, or -1.
    """
    unknown_U1 = tf.where(tokens.ids.values == unk_id)
    is_stand_in_US = tokens.words_at(normalized, unknown_U1) == tf.constant(_STAND_INS)
    which_U = tf.argmax(is_stand_in_US, axis=-1, output_type=tf.int32)
    which_U = tf.where(tf.reduce_any(is_stand_in_US, axis=-1), which_U, _NONE)
    none_T = tf.fill(tf.shape(tokens.ids.values), _NONE)
    return tf.tensor_scatter_nd_update(none_T, unknown_U1, which_U)


def resolve(
    ids: tf.RaggedTensor, which_T: tf.Tensor, special_ids: tuple[int, ...]
) -> tf.RaggedTensor:
    """Puts the ids of special tokens where their stand-ins were found."""
    special_T = tf.gather(tf.constant(special_ids), tf.maximum(which_T, 0))
    return ids.with_values(tf.where(which_T == _NONE, ids.values, special_T))


def widen(
    starts: tf.RaggedTensor, ends: tf.RaggedTensor, which_T: tf.Tensor
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Makes the offsets of stand-ins (int32 [N, (tokens)]) those of the special tokens."""
    lengths = tf.constant([len(token) for token in SPECIAL_TOKENS])
    length_T = tf.gather(lengths, tf.maximum(which_T, 0))
    is_special_T = which_T != _NONE
    start_T = starts.values - tf.cast(is_special_T, tf.int32)  # the space before it
    end_T = tf.where(is_special_T, start_T + length_T, ends.values)
    return starts.with_values(start_T), ends.with_values(end_T)
