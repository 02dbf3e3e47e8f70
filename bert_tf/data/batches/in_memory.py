"""Batches of rows that memory holds as arrays.

Training reads rows in the order of `bert_tf.data.batches.order`. An evaluation reads every row once
and fills its last global batch with rows of weight 0. A batch can consist of rows of similar
length, see `bert_tf.data.batches.length_buckets`.

Shapes: R rows, b rows of one replica's batch.
"""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from bert_tf.data.batches import order
from bert_tf.data.batches.indexed import dataset_of_items
from bert_tf.data.batches.length_buckets import BucketedRows, row_lengths, sorted_rows

# Number of a local batch -> (int64 [b] rows of a replica batch, -1 for no row; index of its width).
_Take = Callable[[int], tuple[np.ndarray, int]]


def make_array_dataset(
    arrays: dict[str, np.ndarray],
    *,
    weights: str,
    batch_slice: order.BatchSlice,
    seed: int,
    training: bool,
    start_row: int = 0,
    widths: Sequence[int] = (),
) -> tf.data.Dataset:
    """Makes the replica batches of one worker, with static shapes, first replica first.

    Training: endless; order and epochs follow from (seed, position). Evaluation: every row once, in
    storage order, or longest first with `widths`. `seed` and `start_row` have no effect, and every
    worker gets the same number of batches. The last batch is filled with copies of the first row
    (of the shortest row with `widths`), with weight 0.

    Args:
      arrays: int32 or float32, each [R, ...]; `widths` needs `input_mask` among them.
      weights: name of the float32 array with the weights of the loss.
      batch_slice: the global batch size, and the replicas of this worker.
      seed: of the order, 0 <= seed < 2**32.
      training: see above.
      start_row: rows consumed so far by all workers, to continue a run.
      widths: a batch consists of rows of similar length, and names one of these widths to which its
        rows can be cut. Empty: batches of any rows, not cut.

    Returns:
      A dataset of dicts with the names, types and shapes of `arrays`, [b, ...], and `row_ids`
      int32 [b], -1 for no row; with `widths`, also `width_index`, int32 scalar, the same on all
      replicas.

    Raises:
      ValueError: there are no rows.
    """
    num_rows = len(arrays[weights])
    if not num_rows:
        raise ValueError("the data set has no rows. Expected at least one.")
    num_batches = None
    if training:
        take = _training_rows(arrays, batch_slice, seed, start_row, widths)
    else:
        num_batches = -(-num_rows // batch_slice.global_batch_size) * batch_slice.local_replicas
        take = _evaluation_rows(arrays, num_rows, batch_slice, widths)

    filler = int(row_lengths(arrays["input_mask"]).argmin()) if widths else 0

    def batch(local_batch: int) -> dict[str, np.ndarray]:
        rows, width_index = take(local_batch)
        exists = rows >= 0
        taken = {name: array[np.where(exists, rows, filler)] for name, array in arrays.items()}
        taken[weights] = taken[weights] * exists.reshape(-1, *[1] * (taken[weights].ndim - 1))
        return {**taken, "row_ids": rows, "width_index": width_index}

    size = batch_slice.replica_batch_size
    signature = {
        name: tf.TensorSpec([size, *array.shape[1:]], array.dtype) for name, array in arrays.items()
    }
    signature["row_ids"] = tf.TensorSpec([size], tf.int32)
    if widths:
        signature["width_index"] = tf.TensorSpec([], tf.int32)
    return dataset_of_items(batch, signature, num_batches)


def _training_rows(arrays, batch_slice, seed, start_row, widths) -> _Take:
    if widths:
        lengths = row_lengths(arrays["input_mask"])
        return BucketedRows(lengths, seed, batch_slice, widths, start_row).batch
    num_rows = len(next(iter(arrays.values())))
    in_order = order.MemoryOrder(num_rows, seed, batch_slice, start_row).rows
    return lambda local_batch: (in_order(local_batch), 0)


def _evaluation_rows(arrays, num_rows, batch_slice, widths) -> _Take:
    lengths = row_lengths(arrays["input_mask"]) if widths else None
    rows = sorted_rows(lengths) if widths else np.arange(num_rows)

    def take(local_batch: int) -> tuple[np.ndarray, int]:
        first = batch_slice.position(local_batch)
        places = np.arange(first, first + batch_slice.replica_batch_size)
        found = np.where(places < num_rows, rows[np.minimum(places, num_rows - 1)], -1)
        if not widths:
            return found, 0
        longest = lengths[
            rows[first - first % batch_slice.global_batch_size]
        ]  # of the global batch
        return found, int(np.searchsorted(widths, longest))

    return take
