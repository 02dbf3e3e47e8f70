"""Writes the weights of a model into its .tflite file, on request as int8.

The file comes from a graph with placeholders (`ids.freeze`). In a .tflite file a dense layer is an
operation FULLY_CONNECTED. With int8 weights and float inputs the runtime quantises each row of the
inputs as it comes ("dynamic"). With int8 inputs and outputs the ranges of both stand in the file
("static"); operations before and after it convert.

Shape suffixes: O outputs, I inputs.
"""

from collections.abc import Callable, Sequence

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from bert_tf.export.ids import Weight, Weights
from bert_tf.quantization import integers
from bert_tf.quantization.integers import Range

_DTYPES = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.INT8: np.int8}
_OPERATORS = schema.BuiltinOperator
# The first version of FULLY_CONNECTED that has a scale for each channel.
_PER_CHANNEL_VERSION = 12
_RangesOf = Callable[[Weight], tuple[Range, Range] | None]
_SMALLEST = 1024  # numbers of a matrix: int8 would not make a smaller one faster


def fill(content: bytes, weights: Weights, ranges_of: _RangesOf | None = None) -> bytes:
    """The file with the weights in the places of their placeholders.

    Args:
      content: a .tflite file.
      weights: of its placeholders.
      ranges_of: None: all numbers stay float32. Otherwise the weights of dense layers become int8,
        and this gives the ranges of inputs and outputs of a layer that is static; None for a
        dynamic one.
    """
    file = _File(content, weights)
    if ranges_of is not None:
        for operator in file.dense_layers():
            file.quantize(operator, ranges_of)
    file.fill()
    return bytes(flatbuffer_utils.convert_object_to_bytearray(file.model))


class _File:
    """A .tflite file as objects, with one subgraph."""

    def __init__(self, content: bytes, weights: Weights):
        self.model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
        self.graph = self.model.subgraphs[0]
        self._places = {}  # {tensor: the weight whose placeholder it is}
        for index, tensor in enumerate(self.graph.tensors):
            weight = weights.of_array(self._array(tensor))
            if weight is not None:
                self._places[index] = weight

    def dense_layers(self) -> list[schema.OperatorT]:
        """The operations that multiply by a weight."""
        return [
            operator
            for operator in self.graph.operators
            if self._code(operator).builtinCode == _OPERATORS.FULLY_CONNECTED
            and operator.inputs[1] in self._places
        ]

    def quantize(self, operator: schema.OperatorT, ranges_of: _RangesOf) -> None:
        """Gives an operation FULLY_CONNECTED int8 weights, and if it is static int8 throughout."""
        place = operator.inputs[1]
        tensor, weight = self.graph.tensors[place], self._places[place]
        if np.prod(weight.shape) < _SMALLEST:
            return
        integers_OI, scales_O = integers.quantize_channels(_kernel(weight, tensor.shape))
        name = tensor.name.decode() + "/int8"
        kernel = self._add(name, tensor.shape, schema.TensorType.INT8, integers_OI)
        self._give_scales(kernel, scales_O, np.zeros(len(scales_O), np.int64))
        operator.inputs[1] = kernel
        operator.opcodeIndex = self._code_index(_OPERATORS.FULLY_CONNECTED, _PER_CHANNEL_VERSION)
        ranges = ranges_of(weight)
        if ranges is None:
            operator.builtinOptions.asymmetricQuantizeInputs = True
        else:
            self._make_static(operator, ranges, scales_O)

    def fill(self) -> None:
        """Writes the float32 weights into the placeholders that are still used."""
        used = {index for operator in self.graph.operators for index in operator.inputs}
        kernels = {operator.inputs[1] for operator in self.dense_layers()}
        for index, weight in self._places.items():
            tensor = self.graph.tensors[index]
            if index not in used:
                tensor.shape = [0]
                array = np.zeros(0, np.float32)
            elif index in kernels:
                array = _kernel(weight, tensor.shape)
            else:
                array = weight.in_shape(tensor.shape)
            self.model.buffers[tensor.buffer].data = _bytes(array)

    def _make_static(
        self, operator: schema.OperatorT, ranges: tuple[Range, Range], scales_O: np.ndarray
    ) -> None:
        """Inputs, outputs and bias as integers, with conversions before and after."""
        source, _, *bias = operator.inputs
        (target,) = operator.outputs
        kind = schema.TensorType.INT8
        inputs = self._like(source, "/quantized", kind, ranges[0])
        outputs = self._like(target, "/quantized", kind, ranges[1])
        operator.inputs[0], operator.outputs = inputs, [outputs]
        if bias and bias[0] >= 0:
            operator.inputs[2] = self._int32_bias(bias[0], ranges[0].scale * scales_O)
        before = self._conversion(_OPERATORS.QUANTIZE, source, inputs)
        after = self._conversion(_OPERATORS.DEQUANTIZE, outputs, target)
        place = next(i for i, other in enumerate(self.graph.operators) if other is operator)
        self.graph.operators[place : place + 1] = [before, operator, after]

    def _int32_bias(self, index: int, scales_O: np.ndarray) -> int:
        tensor = self.graph.tensors[index]
        limits = np.iinfo(np.int32)
        steps_O = np.round(self._array(tensor).astype(np.float64) / scales_O)
        steps_O = np.clip(steps_O, limits.min, limits.max).astype(np.int32)
        name = tensor.name.decode() + "/int32"
        bias = self._add(name, tensor.shape, schema.TensorType.INT32, steps_O)
        self._give_scales(bias, scales_O, np.zeros(len(scales_O), np.int64))
        return bias

    def _like(self, index: int, suffix: str, kind: int, range_: Range) -> int:
        """A new tensor of the shape of another one, with the scale of a range."""
        old = self.graph.tensors[index]
        new = self._add(old.name.decode() + suffix, old.shape, kind)
        self.graph.tensors[new].shapeSignature = old.shapeSignature
        self._give_scales(new, np.array([range_.scale]), np.array([range_.zero_point]))
        return new

    def _give_scales(self, index: int, scales: np.ndarray, zero_points: np.ndarray) -> None:
        quantization = schema.QuantizationParametersT()
        quantization.scale = scales.astype(np.float32)
        quantization.zeroPoint = zero_points.astype(np.int64)
        quantization.quantizedDimension = 0
        self.graph.tensors[index].quantization = quantization

    def _add(self, name: str, shape, kind: int, array: np.ndarray | None = None) -> int:
        """A new tensor; returns its index."""
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name.encode(), shape, kind
        tensor.buffer = 0  # an empty one, by convention
        if array is not None:
            buffer = schema.BufferT()
            buffer.data = _bytes(array)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def _conversion(self, code: int, source: int, target: int) -> schema.OperatorT:
        operator = schema.OperatorT()
        operator.opcodeIndex = self._code_index(code, 2)
        operator.inputs, operator.outputs = [source], [target]
        return operator

    def _code(self, operator: schema.OperatorT) -> schema.OperatorCodeT:
        return self.model.operatorCodes[operator.opcodeIndex]

    def _code_index(self, builtin: int, version: int) -> int:
        for index, code in enumerate(self.model.operatorCodes):
            if (code.builtinCode, code.version) == (builtin, version):
                return index
        code = schema.OperatorCodeT()
        code.builtinCode, code.version = builtin, version
        code.deprecatedBuiltinCode = min(builtin, 127)
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1

    def _array(self, tensor: schema.TensorT) -> np.ndarray:
        """The content of a constant of float32 or int8; empty for any other tensor."""
        data, kind = self.model.buffers[tensor.buffer].data, _DTYPES.get(tensor.type)
        if data is None or kind is None:
            return np.zeros(0, np.float32)
        return np.frombuffer(memoryview(data), kind)


def _kernel(weight: Weight, shape: Sequence[int]) -> np.ndarray:
    """The array [O, I] of a weight; the kernel of a dense layer is [I, O].

    A matrix that the model itself transposes has the shape already. A square one is a kernel.
    """
    array = weight.read()
    return array.T if array.shape[::-1] == tuple(shape) else array.reshape(shape)


def _bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
