"""Finds the ranges of a model's activations on data."""

import dataclasses
from collections.abc import Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf.layers import quantization
from bert_tf.listed_names import in_short
from bert_tf.quantization.histogram import Histogram
from bert_tf.quantization.integers import Range


@dataclasses.dataclass(frozen=True)
class Method:
    """How ranges are chosen.

    Attributes:
      name: "mse", "percentile" or "max", see `Histogram.range`.
      percentile: for "percentile".
      largest_error: a layer stays in higher precision if rounding its inputs or outputs has a
        larger mean squared error than this share of their mean square.
    """

    name: str = "mse"
    percentile: float = 99.99
    largest_error: float = 5e-3


def calibrate(
    model: keras.Model, batches: Iterable[Mapping[str, tf.Tensor]], method: Method
) -> list[str]:
    """Sets the ranges of a model; a layer in higher precision gets the range (0, 0).

    Args:
      model: built inside of `layers.quantization.with_ranges`.
      batches: what the model is called with; what stands at padding does not count.
      method: how to choose.

    Returns:
      The paths of the layers that stay in higher precision.

    Raises:
      ValueError: there are no batches, or the model has no layer to quantise.
    """
    layers = quantization.layers_with_ranges(model)
    if not layers:
        raise ValueError("the model has no dense layer, so there is nothing to compute in int8.")
    histograms = _count(model, batches)
    if not histograms:
        raise ValueError("there are no texts to calibrate on. Expected at least one.")
    higher = []
    for layer in layers:
        found = {name: histograms.get((id(layer.ranges), name)) for name in ("inputs", "outputs")}
        chosen = _choose(found, method)
        if not all(range_.is_given for range_ in chosen.values()):
            higher.append(layer.path)
        for name, range_ in chosen.items():
            getattr(layer.ranges, name).assign([range_.low, range_.high])
    if higher:
        listed = in_short(higher, most=30)
        logging.info(
            "%d of %d layers stay in higher precision: %s", len(higher), len(layers), listed
        )
    return higher


def _choose(found: Mapping[str, Histogram | None], method: Method) -> dict[str, Range]:
    """The ranges of a layer by name; 0..0 for all if one of them would lose too much."""
    nothing = dict.fromkeys(found, Range(0.0, 0.0))
    if None in found.values():  # the model did not use it
        return nothing
    chosen = {name: seen.range(method.name, method.percentile) for name, seen in found.items()}
    errors = [found[name].error(range_) for name, range_ in chosen.items()]
    return nothing if max(errors) > method.largest_error else chosen


def _count(
    model: keras.Model, batches: Iterable[Mapping[str, tf.Tensor]]
) -> dict[tuple[int, str], Histogram]:
    """{(id of a layer's ranges, "inputs" or "outputs"): the values}."""
    histograms: dict[tuple[int, str], Histogram] = {}
    for batch in batches:
        mask_T = np.asarray(batch["input_mask"]).reshape(-1) > 0

        def observe(ranges, name, tensor, mask_T=mask_T):
            rows = tensor.numpy().reshape(-1, tensor.shape[-1])
            rows = rows[mask_T] if len(rows) == len(mask_T) else rows
            histograms.setdefault((id(ranges), name), Histogram()).add(rows)

        with quantization.observed(observe):
            model(batch)
    return histograms
