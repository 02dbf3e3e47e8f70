"""The graph of a model from token ids to outputs, with placeholders for its weights.

LiteRT and ONNX models are made from it. A converter holds ten copies of the weights: 14 GB for a
model of 440 MB. So in place of each matrix and table the graph has a constant with one value
everywhere, of which TensorFlow stores a single number. No two weights have the same value, so the
weights can be written into the finished file.

Shape suffixes: V vocabulary, W width of the word embeddings, D hidden.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from bert_tf.layers import roles
from bert_tf.layers.attention import SelfAttention, attention_layers, holding
from bert_tf.layers.quantization import not_quantized
from bert_tf.models.model import EncoderConfig
from bert_tf.quantization.integers import Range

_INPUTS = ("input_ids", "input_mask", "segment_ids")
_LARGEST = 1_900_000_000  # bytes: a file is a protocol or flat buffer, which has 2 GB at most


@dataclasses.dataclass(frozen=True)
class Weight:
    """A matrix or table whose place in the graph is held by a constant.

    Attributes:
      path: of the variable, or of the attention layer whose three projections are joined.
      shape: of the array.
      read: gives the array.
      layer: the layer that multiplies by it in `dense.project`; None: there is none.
    """

    path: str
    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]
    layer: keras.layers.Layer | None = None

    def in_shape(self, shape: Sequence[int]) -> np.ndarray:
        """The array in the shape of its place, where a converter may have transposed it."""
        array, shape = self.read(), tuple(shape)
        is_turned = array.shape != shape and array.shape[::-1] == shape
        return array.T if is_turned else array.reshape(shape)


class Weights:
    """The weights of a graph by the value of their placeholders."""

    def __init__(self):
        self._by_value: dict[float | int, Weight] = {}

    def add(self, weight: Weight) -> float:
        """The placeholder of a weight: a float32 that no other weight has."""
        value = float(np.float32(0.5 + (1 + len(self._by_value)) * 2.0**-20))
        self._by_value[value] = weight
        return value

    def add_integers(self, weight: Weight) -> int:
        """The placeholder of an array of int8; a graph can have 127 of them."""
        value = 1 + sum(isinstance(known, int) for known in self._by_value)
        self._by_value[value] = weight
        return value

    def of_value(self, value: float | int, size: int) -> Weight | None:
        """The weight of `size` numbers that has this placeholder; None: no weight has."""
        weight = self._by_value.get(value)
        return weight if weight and int(np.prod(weight.shape)) == size else None

    def of_array(self, array: np.ndarray) -> Weight | None:
        """The weight whose place `array` holds, float32 or int8; None: an ordinary constant."""
        if not array.size:
            return None
        first = array.reshape(-1)[0]
        weight = self.of_value(first.item(), array.size)
        return weight if weight and (array == first).all() else None

    def __iter__(self) -> Iterator[Weight]:
        return iter(self._by_value.values())


@dataclasses.dataclass(frozen=True)
class IdsGraph:
    """A graph from token ids to outputs.

    Attributes:
      function: takes int32 tensors [B, S] in the order of `inputs`; returns a list in the order of
        `outputs`. It has placeholders for `weights`, so its numbers are meaningless.
      inputs: the names of the model's inputs.
      outputs: the names of the model's outputs, sorted.
      weights: what belongs into the places of the placeholders.
      call: the model itself, called as `function`; returns a dict.
    """

    function: tf.types.experimental.ConcreteFunction
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: Weights
    call: Callable[..., dict[str, tf.Tensor]]

    def __call__(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The model's outputs, floats as float32, for a batch that holds `inputs`."""
        with not_quantized():
            return self.call(*[batch[name] for name in self.inputs])

    @staticmethod
    def ranges_of(weight: Weight) -> tuple[Range, Range] | None:
        """The ranges of the inputs and outputs of a weight's layer; None: they stay float."""
        ranges = getattr(weight.layer, "ranges", None)
        if ranges is None:
            return None
        both = [Range(*(float(end) for end in end_2.numpy())) for end_2 in ranges.both]
        return tuple(both) if all(range_.is_given for range_ in both) else None


def inputs_of(config: EncoderConfig) -> tuple[str, ...]:
    """What an exported model takes as ids: int32 [B, S], those of three that its encoder takes."""
    return tuple(name for name in _INPUTS if name in config.inputs)


def outputs_of(
    model: keras.Model, inputs: tuple[str, ...], rank: int = 2
) -> tuple[Callable[..., dict[str, tf.Tensor]], list[tf.TensorSpec]]:
    """(function, what it takes): the model with floats as float32, called with tensors.

    Args:
      model: of any task, called with a batch.
      inputs: the names in the batch of the tensors, in their order.
      rank: their axes: 2 for [B, S], 3 for [B, C, S], rows of several sequences.
    """

    def function(*tensors):
        batch = dict(zip(inputs, tensors, strict=True))
        return {name: tf.cast(value, tf.float32) for name, value in model(batch).items()}

    return function, [tf.TensorSpec([None] * rank, tf.int32, name=name) for name in inputs]


def freeze(model: keras.Model, inputs: tuple[str, ...]) -> IdsGraph:
    """The graph of a model of any task.

    Args:
      model: any that is called with a batch.
      inputs: the entries of the batch that it takes, see `inputs_of`.

    Raises:
      ValueError: the weights are too large for one file.
    """
    size = sum(4 * int(np.prod(weight.shape)) for weight in model.weights)
    if size > _LARGEST:
        raise ValueError(
            f"the weights have {size / 1e9:.1f} GB; at most {_LARGEST / 1e9:.1f} fit into a "
            "LiteRT or ONNX model. Export it as a saved_model."
        )
    call, specs = outputs_of(model, inputs)
    weights = Weights()
    constants = _constants_of(model, weights)
    joined = _joined_of(model, weights)
    names = []

    def with_placeholders(*tensors):
        with keras.StatelessScope() as scope:
            scope.state_mapping = {name: make() for name, make in constants.items()}
            with holding({layer: (kernel(), bias()) for layer, (kernel, bias) in joined.items()}):
                outputs = call(*tensors)
        names[:] = sorted(outputs)
        return [outputs[name] for name in names]

    with not_quantized():  # the exporter quantises
        function = tf.function(with_placeholders, autograph=False).get_concrete_function(*specs)
    return IdsGraph(function, inputs, tuple(names), weights, call)


def _constants_of(model: keras.Model, weights: Weights) -> dict[int, Callable[[], tf.Tensor]]:
    """{id of a variable: makes its constant in a graph}, but not of what attention joins."""
    layers = model._flatten_layers()
    owners = {id(getattr(layer, "kernel", None)): layer for layer in layers}
    apart = {id(v) for layer in attention_layers(model) for v in layer.projection_variables}
    constants = {}
    for variable in model.variables:
        name, shape = id(variable), tuple(variable.shape)
        if name in apart:
            continue
        if roles.role_of(variable) in (roles.MATRIX, roles.TABLE):
            weight = Weight(variable.path, shape, variable.numpy, owners.get(name))
            constants[name] = functools.partial(_place, weights.add(weight), shape)
        else:
            constants[name] = functools.partial(tf.constant, variable.numpy())
    return constants


def _joined_of(model: keras.Model, weights: Weights) -> dict[SelfAttention, tuple]:
    """{layer: makes the placeholder of its three kernels as one, makes their bias}."""
    joined = {}
    for layer in attention_layers(model):
        kernel, bias = layer.joined()
        shape = tuple(kernel.shape)
        weight = Weight(layer.path, shape, lambda layer=layer: layer.joined()[0].numpy(), layer)
        make_bias = functools.partial(tf.constant, bias.numpy()) if layer.use_bias else _nothing
        joined[layer] = (functools.partial(_place, weights.add(weight), shape), make_bias)
    return joined


def _place(value: float, shape: tuple[int, ...]) -> tf.Tensor:
    return tf.constant(value, tf.float32, shape)  # stored as one number


def _nothing() -> None:
    return None
