"""Fake quantisation: a dense layer computes with the numbers that int8 can hold.

Weights are rounded with a scale for each output channel, which follows from the weights. The inputs
and outputs of a layer are rounded with one range each, a variable of the model. The gradient passes
through the rounding as if it were not there; values outside of a range are clipped, and their
gradient moves the end of the range.

A layer has ranges only if it is built inside of `with_ranges`. Otherwise nothing here is part of
its graph.

Reference: Jacob et al. 2018, section 3 (the rounding and its gradient); Choi et al. 2018, "PACT",
section 3 (the gradient of the ends of a range).

Shape suffixes: I inputs, O outputs.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterable, Iterator

import keras
import tensorflow as tf

from bert_tf.layers import roles

_STEPS = 255  # between the smallest and the largest integer of an activation
_WEIGHT_MAX = 127
_IS_BUILT: contextvars.ContextVar[bool] = contextvars.ContextVar("is_built", default=False)
_Observe = Callable[["Ranges", str, tf.Tensor], None]
# None: fake quantisation. Otherwise numbers stay as they are, and this is told about them.
_OBSERVE: contextvars.ContextVar[_Observe | None] = contextvars.ContextVar("observe", default=None)
_NAMES = ("input_range", "output_range")


@contextlib.contextmanager
def with_ranges(is_on: bool = True) -> Iterator[None]:
    """Inside, layers are built with ranges and quantise (False: as if it were not there)."""
    token = _IS_BUILT.set(is_on)
    try:
        yield
    finally:
        _IS_BUILT.reset(token)


@contextlib.contextmanager
def observed(observe: _Observe) -> Iterator[None]:
    """Inside, layers do not quantise but call `observe(ranges, "inputs" or "outputs", tensor)`."""
    token = _OBSERVE.set(observe)
    try:
        yield
    finally:
        _OBSERVE.reset(token)


def not_quantized() -> contextlib.AbstractContextManager[None]:
    """Inside, layers with ranges compute in float; an exporter quantises for them."""
    return observed(lambda *_: None)


class Ranges:
    """The ranges of the inputs and outputs of one product with a kernel.

    Attributes:
      inputs, outputs: float32 [2], low and high; (0, 0): these numbers are not quantised.
    """

    def __init__(self, layer: keras.layers.Layer):
        self.inputs, self.outputs = (
            roles.add_weight(
                layer, roles.RANGE, name=name, shape=(2,), initializer="zeros", autocast=False
            )
            for name in _NAMES
        )

    @property
    def both(self) -> tuple[keras.Variable, keras.Variable]:
        """Of the inputs and of the outputs."""
        return self.inputs, self.outputs

    def quantize_operands(self, inputs: tf.Tensor, kernel_IO) -> tuple[tf.Tensor, tf.Tensor]:
        """The inputs and the kernel of the product, fake-quantised."""
        observe, kernel_IO = _OBSERVE.get(), tf.convert_to_tensor(kernel_IO)
        if observe is not None:
            observe(self, "inputs", inputs)
            return inputs, kernel_IO
        return fake_quantize(inputs, self.inputs), fake_quantize_channels(kernel_IO)

    def quantize_outputs(self, outputs: tf.Tensor) -> tf.Tensor:
        """The outputs of the product, fake-quantised."""
        observe = _OBSERVE.get()
        if observe is not None:
            observe(self, "outputs", outputs)
            return outputs
        return fake_quantize(outputs, self.outputs)


def ranges_of(layer: keras.layers.Layer) -> Ranges | None:
    """New ranges for a layer that is being built; None outside of `with_ranges`."""
    return Ranges(layer) if _IS_BUILT.get() else None


def is_range(path: str) -> bool:
    """Whether a variable with this path is a range."""
    return path.rpartition("/")[2] in _NAMES


def have_ranges(paths: Iterable[str]) -> bool:
    """Whether variables with these paths belong to a model with ranges."""
    return any(map(is_range, paths))


def layers_with_ranges(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers of a model that have ranges, in the order in which they were made."""
    return [layer for layer in model._flatten_layers() if getattr(layer, "ranges", None)]


def fake_quantize(values: tf.Tensor, range_2) -> tf.Tensor:
    """The nearest numbers that int8 can hold with a range; the values themselves for (0, 0).

    Args:
      values: float of any shape and dtype.
      range_2: float32 [2], low and high.

    Returns:
      The shape and dtype of `values`.
    """
    range_2 = tf.convert_to_tensor(range_2)
    low, high = tf.minimum(range_2[0], 0.0), tf.maximum(range_2[1], 0.0)
    is_given = high > low
    scale = tf.where(is_given, (high - low) / _STEPS, 1.0)
    zero = tf.round(-low / scale)  # the integer of 0, counted from the lowest
    # The ends move with the zero point, so that 0 is exact.
    low += tf.stop_gradient(-zero * scale - low)
    high += tf.stop_gradient((_STEPS - zero) * scale - high)
    floats = tf.cast(values, tf.float32)
    clipped = tf.clip_by_value(floats, low, high)
    rounded = tf.round(clipped / scale) * scale
    quantized = clipped + tf.stop_gradient(rounded - clipped)
    return tf.cast(tf.where(is_given, quantized, floats), values.dtype)


def fake_quantize_channels(kernel_IO: tf.Tensor) -> tf.Tensor:
    """The nearest kernel that int8 can hold with a scale for each output; its gradient is 1."""
    floats_IO = tf.cast(tf.stop_gradient(kernel_IO), tf.float32)
    largest_O = tf.reduce_max(tf.abs(floats_IO), axis=0)
    scales_O = tf.where(largest_O > 0, largest_O / _WEIGHT_MAX, 1.0)
    rounded_IO = tf.cast(tf.round(floats_IO / scales_O) * scales_O, kernel_IO.dtype)
    return kernel_IO + tf.stop_gradient(rounded_IO - kernel_IO)
