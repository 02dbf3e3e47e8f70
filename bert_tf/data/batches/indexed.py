"""A tf.data.Dataset whose items are computed by a Python function of their index.

Used in place of `tf.data.Dataset.from_generator`: with that, on TensorFlow 2.20, a process whose
iterator was still alive at exit (in a global, or in the traceback of the error that ended the run)
sometimes never ended; seen in one of three runs with a generator that uses a thread. Prefetching
threads call Python while the interpreter goes down. A function of an index has no state that must
be torn down, and `_drain` waits for the calls under way.
"""

import atexit
import threading
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

_DRAIN_SECONDS = 0.2  # time for prefetching threads to fill their buffers and rest
_WAIT_SECONDS = 10.0  # time for an item that takes long

_running = set()


def dataset_of_items(
    make_item: Callable[[int], dict[str, np.ndarray]],
    signature: dict[str, tf.TensorSpec],
    num_items: int | None = None,
) -> tf.data.Dataset:
    """The dataset make_item(0), make_item(1), ...

    Args:
      make_item: index -> arrays named, shaped and typed as `signature` says. An exception in it
        reaches the reader as tf.errors.InvalidArgumentError or the like, with its text.
      signature: the items.
      num_items: where to end; None goes on for ever.
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
