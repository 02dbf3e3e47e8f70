"""Tasks with one loss that learn from arrays in memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.data.batches.in_memory import make_array_dataset
from bert_tf.tasks.task import Learn


def arrays_of(data: Any) -> Mapping[str, np.ndarray]:
    """The arrays of `data`, see `LearnFromArrays`: itself, or its attribute `arrays`."""
    return data if isinstance(data, Mapping) else data.arrays


class LearnFromArrays(Learn):
    """A task whose data are, or have as `arrays`, {name: rows}, see `make_array_dataset`.

    Class attributes:
      weights_name: the array that says what counts in the loss.
    """

    loss_names = ("loss",)
    weights_name: str

    def make_dataset(self, data, batch_slice, *, training, start_row=0):
        """See `Learn.make_dataset` and `data.batches.in_memory.make_array_dataset`."""
        return make_array_dataset(
            arrays_of(data),
            weights=self.weights_name,
            batch_slice=batch_slice,
            seed=self.config.train.seed,
            training=training,
            start_row=start_row,
            widths=self.facts.widths,
        )

    def loss_weights(self, batch):
        """The sum of the weights."""
        return {"loss": tf.reduce_sum(batch[self.weights_name])}
