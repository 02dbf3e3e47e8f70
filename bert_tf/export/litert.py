"""The ids graph as a LiteRT (TensorFlow Lite) model.

It has one signature, `ids`. It cannot take raw text: string ops need a delegate that the Python
packages do not have. So a tokenizer must run before it.
"""

import tempfile
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from bert_tf.export import PRECISIONS
from bert_tf.export.ids import IdsGraph
from bert_tf.export.quiet import quiet
from bert_tf.layers.attention import MASKED

SIGNATURE = "ids"
# One scale of int8 must span what attention adds to a score and the scores themselves: -1e9 would
# make all scores equal. exp(-25) is 1e-11.
_INT8_MASK = -25.0


def convert(
    graph: IdsGraph, precision: str, calibration: Sequence[dict[str, np.ndarray]] = ()
) -> bytes:
    """The content of a .tflite file with dynamic batch and length.

    Args:
      graph: see `ids.freeze`.
      precision: "float32"; "dynamic_int8": int8 weights, activations quantised as they come;
        "int8": activations too, with ranges measured on `calibration`.
      calibration: for "int8": batches of the graph's inputs, int32 [B, S] each.

    Raises:
      ValueError: an unknown precision, or "int8" without calibration.
    """
    known = PRECISIONS["litert"]
    if precision not in known:
        raise ValueError(f"LiteRT precision {precision!r}; known: {', '.join(known)}.")
    if precision == "int8" and not calibration:
        raise ValueError("precision int8 needs calibration text (--calibration_data).")
    function = graph.function
    if precision == "int8":
        function = _with_other_mask(function, _INT8_MASK)
    with tempfile.TemporaryDirectory() as folder:
        _save(graph, function, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "int8":
            converter.representative_dataset = lambda: (
                (SIGNATURE, {name: batch[name] for name in graph.inputs}) for batch in calibration
            )
        with quiet():
            return converter.convert()


def _with_other_mask(function, value: float):
    """The same graph with another attention mask: `value` is added at positions that are masked."""
    definition = function.graph.as_graph_def()
    masks = [
        node
        for node in definition.node
        if node.op == "Const"
        and tf.make_ndarray(node.attr["value"].tensor).size == 1
        and tf.make_ndarray(node.attr["value"].tensor).item() == MASKED
    ]
    if not masks:
        raise ValueError("the graph has no attention mask that could be quantised.")
    for node in masks:
        shape = tf.make_ndarray(node.attr["value"].tensor).shape
        tensor = tf.make_tensor_proto(value, tf.float32, shape)
        node.attr["value"].tensor.CopyFrom(tensor)
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(definition, name=""), [])
    ends = [
        [wrapped.graph.get_tensor_by_name(tensor.name) for tensor in tensors]
        for tensors in (function.inputs, function.outputs)
    ]
    return wrapped.prune(*ends)


def _save(graph: IdsGraph, function, folder: str) -> None:
    module = tf.Module()
    module.graph = function

    @tf.function(autograph=False)
    def ids(**batch):
        outputs = module.graph(*[batch[name] for name in graph.inputs])
        return dict(zip(graph.outputs, outputs, strict=True))

    specs = {name: tf.TensorSpec([None, None], tf.int32, name=name) for name in graph.inputs}
    signatures = {SIGNATURE: ids.get_concrete_function(**specs)}
    tf.saved_model.save(module, folder, signatures=signatures)


def load(content: bytes, num_threads: int | None = None):
    """`{name: int32 [B, S]} -> {name: array}` of a .tflite model.

    Raises:
      ValueError: ai-edge-litert is missing.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ValueError("ai-edge-litert is missing: pip install ai-edge-litert.") from error
    interpreter = Interpreter(model_content=content, num_threads=num_threads or 1)
    runner = interpreter.get_signature_runner(SIGNATURE)
    names = list(runner.get_input_details())
    return lambda batch: runner(**{name: np.asarray(batch[name]) for name in names})
