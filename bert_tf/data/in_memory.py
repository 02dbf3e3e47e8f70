"""Batches of rows that are held in memory as arrays.

Shapes: R rows, b rows of one replica's batch.
"""

import numpy as np
import tensorflow as tf

from bert_tf.data import order
from bert_tf.data.indexed import dataset_of_items


def make_array_dataset(
    arrays: dict[str, np.ndarray],
    *,
    weights: str,
    batch_slice: order.BatchSlice,
    seed: int,
    training: bool,
    start_row: int = 0,
) -> tf.data.Dataset:
    """Makes the replica batches of one worker, of static shape, first replica first.

    Training: without end, order and epochs from (seed, position). Evaluation: every row once, in
    storage order; every worker gets the same number of batches. What fills the last one are copies
    of the first row with weight 0.

    Args:
        arrays: int32 or float32, each [R, ...].
        weights: the name of the float32 array that says what counts in the loss.
        batch_slice: the global batch size and which replicas belong to this worker.
        seed: of the order, 0 <= seed < 2**32.
        training: see above.
        start_row: rows consumed so far by all workers, to continue a run.

    Returns:
        A dataset of dicts with the names, types and shapes of `arrays`, [b, ...], and `row_ids`
        int32 [b], -1 where there is no row.
    """
    num_rows = len(arrays[weights])
    if not num_rows:
        raise ValueError("the data set holds no rows. Expected at least one.")
    size = batch_slice.replica_batch_size
    ordered, num_batches = None, None
    if training:
        ordered = order.MemoryOrder(num_rows, seed, batch_slice, start_row)
    else:
        num_batches = -(-num_rows // batch_slice.global_batch_size) * batch_slice.local_replicas

    def batch(local_batch: int) -> dict[str, np.ndarray]:
        first = batch_slice.position(local_batch)
        rows = ordered.rows(local_batch) if ordered else np.arange(first, first + size)
        exists = rows < num_rows
        taken = {name: array[np.where(exists, rows, 0)] for name, array in arrays.items()}
        taken[weights] = taken[weights] * exists.reshape(-1, *[1] * (taken[weights].ndim - 1))
        return {**taken, "row_ids": np.where(exists, rows, -1)}

    signature = {
        name: tf.TensorSpec([size, *array.shape[1:]], array.dtype) for name, array in arrays.items()
    }
    signature["row_ids"] = tf.TensorSpec([size], tf.int32)
    return dataset_of_items(batch, signature, num_batches)
