"""In which precision norms, softmax and pooling are computed."""

import keras
import tensorflow as tf
from keras import ops


def at_least_float32(x: tf.Tensor) -> tf.Tensor:
    """`x` in float32. What is float64 stays: a model of that dtype computes in nothing less."""
    is_wider = keras.backend.standardize_dtype(x.dtype) == "float64"
    return x if is_wider else ops.cast(x, "float32")
