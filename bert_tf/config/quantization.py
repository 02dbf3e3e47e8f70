"""Settings of a fine-tuning that knows that its model will compute in int8."""

import dataclasses

from bert_tf.config import ranges

BITS = (0, 8)
CALIBRATIONS = ("mse", "percentile", "max")


@dataclasses.dataclass
class QuantizationConfig:
    """Training aware of int8: dense layers compute with the numbers that int8 can hold.

    Weights are rounded with a scale for each output channel. The inputs and outputs of each layer
    have a range, a variable of the model, which is measured on training data before the first step
    and trained from there.

    Attributes:
      bits: 8: train for int8; 0: ordinary training.
      calibration: how the first ranges are chosen: "mse", the least mean squared error of the
        rounded values; "percentile"; "max", all values.
      percentile: for percentile: this share of the values, in percent, lies below the upper end of
        the range, and above the lower end.
      largest_error: a layer keeps float inputs and outputs if rounding them would have a larger
        mean squared error than this share of their mean square. These are the layers with outliers.
      calibration_rows: rows of the training data on which the first ranges are measured.
    """

    bits: int = 0
    calibration: str = "mse"
    percentile: float = 99.99
    largest_error: float = 5e-3
    calibration_rows: int = 256

    @property
    def is_on(self) -> bool:
        """Whether the training is aware of int8."""
        return self.bits > 0

    def check(self) -> "QuantizationConfig":
        """Returns itself; ValueError for a value that is not allowed."""
        for name, known in (("bits", BITS), ("calibration", CALIBRATIONS)):
            value = getattr(self, name)
            if value not in known:
                listed = ", ".join(map(str, known))
                raise ValueError(f"quantization.{name} is {value!r}; expected one of {listed}.")
        ranges.check_ranges("quantization", self, ranges.QUANTIZATION)
        return self
