"""Runs a model on any number of rows in blocks, so that a long text needs no more memory.

A text of one megabyte becomes thousands of windows. Their hidden states would take gigabytes; the
outputs that are kept are small.
"""

from collections.abc import Callable, Mapping

import tensorflow as tf

TOKENS_PER_BLOCK = 1 << 15  # of the rows in one call of the model

Batch = Mapping[str, tf.Tensor]


def in_blocks(function: Callable[[Batch], Batch], batch: Batch) -> dict[str, tf.Tensor]:
    """`function(batch)`, computed in blocks of `TOKENS_PER_BLOCK` tokens.

    Args:
      function: its result for a row must depend only on that row.
      batch: tensors of B rows, including `input_ids`, whose last axis is tokens.

    Returns:
      The outputs, of B rows each.
    """
    specs = {name: tf.TensorSpec([None, *t.shape[1:]], t.dtype) for name, t in batch.items()}
    call = tf.function(function, autograph=False).get_concrete_function(specs)
    shape = tf.shape(batch["input_ids"])
    tokens_per_row = tf.maximum(tf.reduce_prod(shape[1:]), 1)
    size = tf.maximum(TOKENS_PER_BLOCK // tokens_per_row, 1)
    count = tf.maximum(-(-shape[0] // size), 1)  # no rows are one block of none
    outputs = call.structured_outputs
    found = {
        name: tf.TensorArray(spec.dtype, count, infer_shape=False, element_shape=spec.shape)
        for name, spec in outputs.items()
    }

    def step(block: tf.Tensor, found: dict[str, tf.TensorArray]):
        rows = {name: t[block * size : (block + 1) * size] for name, t in batch.items()}
        return block + 1, {name: found[name].write(block, v) for name, v in call(rows).items()}

    _, found = tf.while_loop(
        lambda block, _: block < count, step, (tf.constant(0), found), parallel_iterations=1
    )
    return {
        name: tf.ensure_shape(array.concat(), outputs[name].shape) for name, array in found.items()
    }
