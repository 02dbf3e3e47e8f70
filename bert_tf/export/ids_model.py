"""Exports the ids graph as LiteRT or ONNX, with the files that its tokenizer needs."""

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bert_tf import model_folder
from bert_tf.export import description, litert, onnx_model
from bert_tf.export.ids import freeze, inputs_of
from bert_tf.files import new_folder
from bert_tf.tasks.task import Task

FILES = {"litert": "model.tflite", "onnx": "model.onnx"}


def export_ids_model(
    task: Task,
    model: keras.Model,
    folder: str,
    *,
    format: str,
    precision: str,
    samples: Sequence[str],
    metrics: Mapping[str, Any] | None = None,
) -> float:
    """Writes the model file, export.json, the card and what `model_folder.load_task` reads.

    Args:
      task, model: what is exported; for LiteRT's int8 a model with ranges.
      folder: must not exist yet.
      format: "litert" or "onnx".
      precision: see `litert.convert` and `onnx_model.convert`.
      samples: texts on which both models are compared. For a task on pairs, each text is paired
        with itself.
      metrics: the model's scores, for manifest and card.

    Returns:
      The largest difference of any output at a token from the original model.

    Raises:
      ValueError: the folder exists, an unknown precision, or a float32 form that differs.
    """
    with new_folder(folder) as temporary:
        graph = freeze(model, inputs_of(task.config.model))
        if format == "litert":
            content = litert.convert(graph, precision)
        else:
            content = onnx_model.convert(graph, precision)
        path = posixpath.join(temporary, FILES[format])
        with tf.io.gfile.GFile(path, "wb") as file:
            file.write(content)
        model_folder.save_task(temporary, task)
        about = description.manifest(
            task,
            model,
            format=format,
            precision=precision,
            signatures=_interface(graph),
            metrics=metrics or {},
        )
        description.write(temporary, about)
        columns = [list(samples)] * (2 if task.takes_pairs else 1)
        batch = task.encode(*[tf.constant(column) for column in columns])
        difference = _difference(graph(batch), load(temporary, format)(batch), batch)
        if precision == "float32" and not difference < 1e-3:
            raise ValueError(f"the {format} model differs by {difference:.1e} from the original.")
    return difference


def load(folder: str, format: str, num_threads: int | None = None):
    """`{name: int32 [B, S]} -> {name: array}` of a folder written by `export_ids_model`.

    Args:
      folder, format: what and where.
      num_threads: threads of the runtime; None: the default of onnxruntime, one for LiteRT.
    """
    with tf.io.gfile.GFile(posixpath.join(folder, FILES[format]), "rb") as file:
        content = file.read()
    return (litert if format == "litert" else onnx_model).load(content, num_threads)


def _interface(graph) -> description.Interface:
    inputs = {name: ["int32", [-1, -1]] for name in graph.inputs}
    outputs = {
        name: [tensor.dtype.name, [-1 if size is None else size for size in tensor.shape]]
        for name, tensor in zip(graph.outputs, graph.function.outputs, strict=True)
    }
    return {"ids": {"inputs": inputs, "outputs": outputs}}


def _difference(expected, answered, batch) -> float:
    """The largest difference. Outputs at padding do not count: nobody reads them."""
    mask_BS = batch["input_mask"].numpy() > 0
    largest = 0.0
    for name, tensor in expected.items():
        array = np.abs(tensor.numpy() - np.asarray(answered[name]))
        if array.shape[:2] == mask_BS.shape:
            array = array[mask_BS]
        largest = max(largest, float(array.max(initial=0.0)))
    return largest
