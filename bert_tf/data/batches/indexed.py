"""A tf.data.Dataset whose items a Python function computes from their index.

It replaces `tf.data.Dataset.from_generator`. With a generator, on TensorFlow 2.20, one of three
processes did not end if an iterator was alive at exit (in a global, or in a traceback): prefetching
threads call Python while the interpreter shuts down. A function of an index has no state to clean
up, and `_drain` waits for running calls.
"""

import atexit
import threading
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

_DRAIN_SECONDS = 0.2  # time for prefetching threads to fill their buffers and rest
_WAIT_SECONDS = 10.0  # time for a slow item

_running = set()


def dataset_of_items(
    make_item: Callable[[int], dict[str, np.ndarray]],
    signature: dict[str, tf.TensorSpec],
    num_items: int | None = None,
) -> tf.data.Dataset:
    """The dataset make_item(0), make_item(1), ...

    Args:
      make_item: index -> arrays with the names, shapes and types of `signature`. Its exceptions
        reach the reader as tf.errors.InvalidArgumentError or similar, with their text.
      signature: names, shapes and types of an item.
      num_items: number of items; None: endless.
    """
    names = list(signature)

    def call(index: np.ndarray) -> list[np.ndarray]:
        key = threading.get_ident()
        _running.add(key)
        try:
            item = make_item(int(index))
            return [np.asarray(item[name], signature[name].dtype.as_numpy_dtype) for name in names]
        finally:
            _running.discard(key)

    @tf.autograph.experimental.do_not_convert
    def to_tensors(index: tf.Tensor) -> dict[str, tf.Tensor]:
        types = [signature[name].dtype for name in names]
        values = tf.numpy_function(call, [index], types, stateful=False)
        return {
            name: tf.ensure_shape(value, signature[name].shape)
            for name, value in zip(names, values, strict=True)
        }

    indices = tf.data.Dataset.counter() if num_items is None else tf.data.Dataset.range(num_items)
    return indices.map(to_tensors)


@atexit.register
def _drain() -> None:
    time.sleep(_DRAIN_SECONDS)
    deadline = time.monotonic() + _WAIT_SECONDS
    while _running and time.monotonic() < deadline:
        time.sleep(0.01)
