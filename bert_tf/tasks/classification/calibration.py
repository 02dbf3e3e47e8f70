"""Calibrates probabilities with a temperature fitted on labelled text.

Reference: Guo et al. 2017, sections 2 (expected calibration error) and 4.2 (temperature).

Shape suffixes: N examples, L labels, K bins.
"""

import dataclasses

import numpy as np

from bert_tf.analysis import reliability

_SMALLEST = 1e-38  # of a float32 probability
_RANGE = (0.01, 100.0)  # of temperatures


@dataclasses.dataclass(frozen=True)
class Calibration:
    """The result of a fit on labelled text.

    Attributes:
      temperature: divides the logits.
      error_before, error_after: expected calibration error without and with it.
      num_examples: how many examples it was fitted on.
    """

    temperature: float
    error_before: float
    error_after: float
    num_examples: int

    @property
    def is_worse(self) -> bool:
        """Whether the error is larger with the temperature than without."""
        return self.error_after > self.error_before

    @property
    def kept(self) -> float:
        """The temperature, or 1 if it makes the error worse."""
        return 1.0 if self.is_worse else self.temperature

    def __str__(self) -> str:
        said = (
            f"temperature {self.temperature:.3f} from {self.num_examples} examples; expected "
            f"calibration error {self.error_before:.4f} before, {self.error_after:.4f} after"
        )
        if not self.is_worse:
            return said
        return f"{said}: it makes the error WORSE, so the temperature stays 1"


def fit(probabilities_NL: np.ndarray, label_ids_N: np.ndarray) -> Calibration:
    """The temperature with the smallest negative log likelihood of the labels."""
    log_NL = np.log(np.maximum(np.asarray(probabilities_NL, np.float64), _SMALLEST))
    labels_N = np.asarray(label_ids_N)

    def loss(log_temperature: float) -> float:
        scaled_NL = log_NL / np.exp(log_temperature)
        largest_N1 = scaled_NL.max(axis=-1, keepdims=True)
        total_N = np.log(np.exp(scaled_NL - largest_N1).sum(axis=-1)) + largest_N1[:, 0]
        return float((total_N - scaled_NL[np.arange(len(labels_N)), labels_N]).mean())

    temperature = float(np.exp(_minimum(loss, *np.log(_RANGE))))
    return Calibration(
        temperature,
        calibration_error(probabilities_NL, labels_N),
        calibration_error(apply(probabilities_NL, temperature), labels_N),
        len(labels_N),
    )


def apply(probabilities_NL: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(logits / temperature), from softmax(logits); float32, any leading shape."""
    log_NL = np.log(np.maximum(np.asarray(probabilities_NL, np.float64), _SMALLEST)) / temperature
    powers_NL = np.exp(log_NL - log_NL.max(axis=-1, keepdims=True))
    return (powers_NL / powers_NL.sum(axis=-1, keepdims=True)).astype(np.float32)


def calibration_error(probabilities_NL: np.ndarray, label_ids_N: np.ndarray) -> float:
    """Expected calibration error: the mean gap of confidence and accuracy over 15 equal bins."""
    hit_N = np.argmax(probabilities_NL, axis=-1) == label_ids_N
    return reliability.calibration_error(np.max(probabilities_NL, axis=-1), hit_N)


def _minimum(function, low: float, high: float) -> float:
    """The minimum of a unimodal function, by golden-section search."""
    ratio = (np.sqrt(5) - 1) / 2
    first, second = high - ratio * (high - low), low + ratio * (high - low)
    at_first, at_second = function(first), function(second)
    while high - low > 1e-6:
        if at_first < at_second:
            high, second, at_second = second, first, at_first
            first = high - ratio * (high - low)
            at_first = function(first)
        else:
            low, first, at_first = first, second, at_second
            second = low + ratio * (high - low)
            at_second = function(second)
    return float((low + high) / 2)
