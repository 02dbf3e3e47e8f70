"""The first ranges of a training that is aware of int8."""

import itertools
from collections.abc import Callable
from typing import Any

import keras

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.config.quantization import QuantizationConfig
from bert_tf.data.batches.order import BatchSlice
from bert_tf.layers.quantization import layers_with_ranges
from bert_tf.quantization.calibrate import Method, calibrate
from bert_tf.tasks.task import Learn

_Initialize = Callable[[keras.Model], None]
_ROWS = 16  # of a batch


def check_quantization(config: ExperimentConfig, checkpoint: str | None) -> None:
    """Raises ValueError for a training aware of int8 that starts from random weights.

    Args:
      config: of the run.
      checkpoint: the initial weights.
    """
    if config.quantization.is_on and not checkpoint:
        raise ValueError(
            f"quantization.bits is {config.quantization.bits}, but the run starts from random "
            "weights, on which no range can be measured. Train the model first, and then start "
            "from it with --init_checkpoint."
        )


def check_is_not_aware(config: ExperimentConfig, script: str) -> None:
    """Raises ValueError for a training aware of int8 in a script that measures no ranges."""
    if config.quantization.is_on:
        raise ValueError(
            f"quantization.bits is {config.quantization.bits}, but {script} does not train for "
            "int8. Leave it out, and train the model that comes out for int8 with finetune.py "
            "(configs/finetune/int8.py)."
        )


def method_of(config: QuantizationConfig) -> Method:
    """How the settings choose ranges."""
    return Method(config.calibration, config.percentile, config.largest_error)


def calibrated(initialize: _Initialize | None, task: Learn, data: Any) -> _Initialize | None:
    """`initialize`, and then the first ranges if the weights came without any.

    Args:
      initialize: loads weights into a new model.
      task: of the run.
      data: its training data; the first rows are used, so the same run has the same ranges.
    """
    config = task.config.quantization
    if initialize is None or not config.is_on:
        return initialize

    def initialize_and_calibrate(model: keras.Model) -> None:
        initialize(model)
        layers = layers_with_ranges(model)
        if any(end.numpy().any() for layer in layers for end in layer.ranges.both):
            return
        dataset = task.make_dataset(data, BatchSlice(_ROWS), training=False)
        count = -(-config.calibration_rows // _ROWS)
        calibrate(model, itertools.islice(dataset, count), method_of(config))

    return initialize_and_calibrate
