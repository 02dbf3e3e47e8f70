"""Numbers as int8: scales, ranges and rounding, in NumPy.

Weights are symmetric: w = scale * q with q in -127..127, and a scale for each output channel.
Activations have one range for the whole tensor: x = scale * (q - zero_point) with q in -128..127.
0 is always exact. LiteRT and ONNX compute with the same integers.

Reference: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", section 2.

Shape suffixes: O outputs, I inputs.
"""

import dataclasses

import numpy as np

WEIGHT_MAX = 127
LOWEST, HIGHEST = -128, 127


@dataclasses.dataclass(frozen=True)
class Range:
    """The range of an activation, which includes 0.

    Attributes:
      low, high: the ends.
    """

    low: float
    high: float

    @property
    def scale(self) -> float:
        """The size of a step."""
        return (self.high - self.low) / (HIGHEST - LOWEST)

    @property
    def zero_point(self) -> int:
        """The integer of 0."""
        return int(np.clip(LOWEST - np.round(self.low / self.scale), LOWEST, HIGHEST))

    @property
    def is_given(self) -> bool:
        """Whether it is a range at all; an activation with the range 0..0 stays float."""
        return self.high > self.low

    def quantize(self, values: np.ndarray) -> np.ndarray:
        """The integers of float values, int8."""
        steps = np.round(np.asarray(values, np.float32) / np.float32(self.scale))
        return np.clip(steps + self.zero_point, LOWEST, HIGHEST).astype(np.int8)

    def dequantize(self, integers: np.ndarray) -> np.ndarray:
        """The float32 values of integers."""
        return (integers.astype(np.float32) - self.zero_point) * np.float32(self.scale)


def channel_scales(weights_OI: np.ndarray) -> np.ndarray:
    """The scale of each output channel, float32 [O]; 1 for a channel of zeros."""
    largest_O = np.abs(weights_OI).max(axis=1)
    return np.where(largest_O > 0, largest_O / WEIGHT_MAX, 1.0).astype(np.float32)


def quantize_channels(weights_OI: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(integers int8 [O, I], scales float32 [O]) of float weights."""
    scales_O = channel_scales(weights_OI)
    steps_OI = np.round(weights_OI / scales_O[:, np.newaxis])
    return np.clip(steps_OI, -WEIGHT_MAX, WEIGHT_MAX).astype(np.int8), scales_O
