"""The ids graph as an ONNX model, also with int8 weights. Needs the extra `export`."""

import os
import tempfile

import numpy as np

from bert_tf.export import PRECISIONS
from bert_tf.export.ids import IdsGraph, Weights
from bert_tf.export.int8_tables import with_int8_tables
from bert_tf.export.quiet import quiet

_OPSET = 17


def convert(graph: IdsGraph, precision: str) -> bytes:
    """The content of a .onnx file with dynamic batch and length, inputs and outputs by name.

    Args:
      graph: see `ids.freeze`.
      precision: "float32", or "int8": int8 weights of the products, a scale each column,
        activations quantised as they come.

    Raises:
      ValueError: an unknown precision; the packages of the extra `export` are missing.
    """
    known = PRECISIONS["onnx"]
    if precision not in known:
        raise ValueError(f"ONNX precision {precision!r}; known: {', '.join(known)}.")
    try:
        import tf2onnx
    except ImportError as error:
        raise ValueError(f"{error.name} is missing: pip install 'bert-tf[export]'.") from error
    if precision != "float32":
        graph = with_int8_tables(graph)
    renamed = {f"{name}:0": name for name in graph.inputs}
    names = [tensor.name for tensor in graph.function.outputs]
    renamed |= dict(zip(names, graph.outputs, strict=True))
    with quiet():
        model, _ = tf2onnx.convert.from_graph_def(
            graph.function.graph.as_graph_def(),
            input_names=[f"{name}:0" for name in graph.inputs],
            output_names=names,
            opset=_OPSET,
            tensors_to_rename=renamed,
        )
    _fill(model, graph.weights)
    content = model.SerializeToString()
    return content if precision == "float32" else _quantize(content)


def _fill(model, weights: Weights) -> None:
    """Writes the weights of an ONNX model into the places of their placeholders."""
    from onnx import numpy_helper

    for tensor in model.graph.initializer:
        weight = weights.of_array(numpy_helper.to_array(tensor))
        if weight is not None:
            array = np.ascontiguousarray(weight.in_shape(tensor.dims))
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def _quantize(content: bytes) -> bytes:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        before, after = os.path.join(folder, "float.onnx"), os.path.join(folder, "int8.onnx")
        with open(before, "wb") as file:
            file.write(content)
        with quiet():
            quantize_dynamic(
                before,
                after,
                per_channel=True,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["MatMul"],
            )
        with open(after, "rb") as file:
            return file.read()


def load(content: bytes, num_threads: int | None = None):
    """`{name: int32 [B, S]} -> {name: array}` of a model in onnxruntime, on the CPU.

    Raises:
      ValueError: onnxruntime is missing.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ValueError("onnxruntime is missing: pip install onnxruntime.") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads or 0
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    inputs = [node.name for node in session.get_inputs()]
    outputs = [node.name for node in session.get_outputs()]

    def answer(batch):
        arrays = session.run(outputs, {name: np.asarray(batch[name]) for name in inputs})
        return dict(zip(outputs, arrays, strict=True))

    return answer
