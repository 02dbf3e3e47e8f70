"""Exports models for other programs, for scripts/export.py."""

import dataclasses
import itertools
from collections.abc import Mapping

import keras
import tensorflow as tf

from bert_tf import model_folder
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.export import PRECISIONS
from bert_tf.export.ids_model import export_ids_model
from bert_tf.export.saved_model import export_saved_model
from bert_tf.inference import rows, stream
from bert_tf.layers import quantization
from bert_tf.quantization.calibrate import Method, calibrate
from bert_tf.tasks.task import Serve

# Asked of both models before success is reported; {mask} is the tokenizer's own mask token.
_SAMPLES = ["a short text", "", "Another one, with {mask} and accents: ÀÉÎ 中文 🙂", "long " * 600]


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Texts on which int8 of LiteRT measures the ranges of activations.

    Attributes:
      path: a file for predict.py; None: there is none.
      num_lines: the number of lines to use.
      reading: format and encoding.
      settings: {name: text}: settings of the task for reading files.
      method: how ranges are chosen.
    """

    path: str | None = None
    num_lines: int = 200
    reading: Reading = AS_NAMED
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    method: Method = Method()


_TEXTS_PER_BATCH = 16
_NO_CALIBRATION = Calibration()


def export_model(
    model: str,
    output_dir: str,
    *,
    format: str = "saved_model",
    precision: str = "float32",
    calibration: str | Calibration = _NO_CALIBRATION,
) -> float:
    """Writes a trained model for another program, and compares the answers of both.

    Args:
      model: a model folder, work directory or checkpoint of another project.
      output_dir: the folder to write; it must not exist yet.
      format: "saved_model", "litert" or "onnx".
      precision: one of `export.PRECISIONS[format]`.
      calibration: for int8 of litert: a file of typical texts.

    Returns:
      The largest difference between the outputs of both models.

    Raises:
      ValueError: the format does not have the precision, or a package is missing.
    """
    _check(format, precision)
    if isinstance(calibration, str):
        calibration = Calibration(calibration)
    dtype = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    is_static = format == "litert" and precision == "int8"
    checkpoint = model_folder.read_checkpoint(model)
    with quantization.with_ranges(is_static or quantization.have_ranges(checkpoint.weights)):
        task, keras_model = model_folder.build(checkpoint, dtype=dtype, with_ranges=is_static)
        task, keras_model = task.served(keras_model)
    if is_static and not quantization.have_ranges(checkpoint.weights):
        _calibrate(keras_model, task, calibration)
    metrics = model_folder.read_metrics(model)
    mask = task.tokenizer.tokens[task.tokenizer.mask_id]
    samples = [text.replace("{mask}", mask) for text in _SAMPLES]
    if format == "saved_model":
        return export_saved_model(task, keras_model, output_dir, samples, metrics)
    return export_ids_model(
        task,
        keras_model,
        output_dir,
        format=format,
        precision=precision,
        samples=samples,
        metrics=metrics,
    )


def _check(format: str, precision: str) -> None:
    """Raises ValueError for an unknown format, or a precision that the format does not have."""
    if format not in PRECISIONS:
        raise ValueError(f"--format={format}: expected one of {', '.join(PRECISIONS)}.")
    if precision not in PRECISIONS[format]:
        known = ", ".join(PRECISIONS[format])
        raise ValueError(f"--format={format} has no {precision}; it has: {known}.")


def _calibrate(model: keras.Model, task: Serve, calibration: Calibration) -> None:
    """Sets the ranges of a model for int8 on the calibration data."""
    task_of_file = rows.for_reading(task, calibration.reading, calibration.settings)
    columns = _columns(task_of_file, calibration)
    starts = range(0, len(columns[0]), _TEXTS_PER_BATCH)
    parts = ([tf.constant(c[i : i + _TEXTS_PER_BATCH]) for c in columns] for i in starts)
    calibrate(model, (task.encode(*part) for part in parts), calibration.method)


def _columns(task: Serve, calibration: Calibration) -> list[list[str]]:
    """The texts of the calibration data; both columns for a task with pairs."""
    path = calibration.path
    if not path:
        raise ValueError(
            "--precision=int8 needs --calibration_data, a file of texts, because the model has no "
            "ranges. (dynamic_int8 needs none, nor does a model that was trained with "
            "--config.quantization.bits=8.)"
        )
    lines = rows.read(path, task, task.reading, calibration.settings)
    lines = itertools.islice(lines, calibration.num_lines)
    texts = [stream.texts_of(task, line, path) for line in lines]
    if not texts:
        raise ValueError(f"--calibration_data={path} has no texts. Expected at least one line.")
    return [list(column) for column in zip(*texts, strict=True)]
