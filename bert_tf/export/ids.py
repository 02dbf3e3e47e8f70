"""The graph of a model from token ids to outputs, with the weights as constants.

LiteRT and ONNX models are made from it. A SavedModel has variables instead, because TensorFlow
holds twenty copies of such constants (2.7 GB for a model of 90 MB).
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from bert_tf.models.model import EncoderConfig

_INPUTS = ("input_ids", "input_mask", "segment_ids")
_LARGEST = 1_900_000_000  # bytes: a graph is a protocol buffer, which has 2 GB at most


@dataclasses.dataclass(frozen=True)
class IdsGraph:
    """A graph from token ids to outputs.

    Attributes:
      function: takes int32 tensors [B, S] in the order of `inputs`; returns a list in the order of
        `outputs`.
      inputs: the names of the model's inputs.
      outputs: the names of the model's outputs, sorted.
    """

    function: tf.types.experimental.ConcreteFunction
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __call__(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The model's outputs, floats as float32, for a batch that holds `inputs`."""
        outputs = self.function(*[batch[name] for name in self.inputs])
        return dict(zip(self.outputs, outputs, strict=True))


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
      ValueError: the weights are too large for one graph.
    """
    size = sum(4 * int(np.prod(weight.shape)) for weight in model.weights)
    if size > _LARGEST:
        raise ValueError(
            f"the weights have {size / 1e9:.1f} GB; at most {_LARGEST / 1e9:.1f} fit into a "
            "LiteRT or ONNX model. Export it as a saved_model."
        )

    call, specs = outputs_of(model, inputs)
    function = tf.function(call, autograph=False).get_concrete_function(*specs)
    outputs = tuple(sorted(function.structured_outputs))
    return IdsGraph(convert_variables_to_constants_v2(function), inputs, outputs)
