"""What methods of many texts do with a single one, and with ids of any form.

Shapes: N texts, S ids in a row. A dimension in brackets is ragged.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf


def or_one_text(method: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a method of texts, string [N], take a single text, too.

    Then all that it returns is of this text, without the dimension N. What else is given by
    position must be a single text, or None.
    """

    @functools.wraps(method)
    def of_any(self: Any, texts: Any, *others: Any, **options: Any) -> Any:
        texts = tf.convert_to_tensor(texts, tf.string)
        if texts.shape.rank != 0:
            return method(self, texts, *others, **options)
        others = [other if other is None else [other] for other in others]
        result = method(self, texts[tf.newaxis], *others, **options)
        return tf.nest.map_structure(lambda values: values[0], result)

    return of_any


def as_rows(
    input_ids: tf.Tensor | tf.RaggedTensor | np.ndarray | Sequence,
) -> tuple[tf.RaggedTensor, bool]:
    """Ids as int32 [N, (S)], and whether they were those of a single text, [S]."""
    if isinstance(input_ids, list | tuple) and any(np.ndim(row) for row in input_ids):
        input_ids = tf.ragged.constant([list(row) for row in input_ids], tf.int32, ragged_rank=1)
    if isinstance(input_ids, tf.RaggedTensor):
        return input_ids.with_values(tf.cast(input_ids.values, tf.int32)), False
    ids = tf.cast(tf.convert_to_tensor(input_ids), tf.int32)
    if ids.shape.rank == 1:
        return tf.RaggedTensor.from_tensor(ids[tf.newaxis]), True
    if ids.shape.rank != 2:
        raise ValueError(
            f"input_ids has shape {ids.shape}; expected the ids of a text, or rows of them"
        )
    return tf.RaggedTensor.from_tensor(ids), False
