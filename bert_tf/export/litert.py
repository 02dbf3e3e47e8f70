"""The ids graph as a LiteRT (TensorFlow Lite) model.

It has one signature, `ids`. It cannot take raw text: string ops need a delegate that the Python
packages do not have. So a tokenizer must run before it.
"""

import tempfile

import numpy as np
import tensorflow as tf

from bert_tf.export import PRECISIONS, litert_file
from bert_tf.export.ids import IdsGraph
from bert_tf.export.int8_tables import with_int8_tables
from bert_tf.export.quiet import quiet

SIGNATURE = "ids"


def convert(graph: IdsGraph, precision: str) -> bytes:
    """The content of a .tflite file with dynamic batch and length.

    Args:
      graph: see `ids.freeze`.
      precision: "float32"; "dynamic_int8": int8 weights, activations quantised as they come;
        "int8": activations with the ranges of the model's layers, except for layers that have
        none.

    Raises:
      ValueError: an unknown precision, or "int8" of a model without ranges.
    """
    known = PRECISIONS["litert"]
    if precision not in known:
        raise ValueError(f"LiteRT precision {precision!r}; known: {', '.join(known)}.")
    if precision == "int8" and not any(graph.ranges_of(weight) for weight in graph.weights):
        raise ValueError("the model has no ranges for int8: calibrate it (--calibration_data).")
    if precision != "float32":
        graph = with_int8_tables(graph)
    with tempfile.TemporaryDirectory() as folder:
        _save(graph, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        with quiet():
            content = converter.convert()
    ranges_of = {"float32": None, "dynamic_int8": lambda _: None, "int8": graph.ranges_of}
    return litert_file.fill(content, graph.weights, ranges_of[precision])


def _save(graph: IdsGraph, folder: str) -> None:
    module = tf.Module()
    module.graph = graph.function

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
