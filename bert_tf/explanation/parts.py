"""What every method of explaining returns."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Parts:
    """The part of each word in an answer.

    Attributes:
      weights: float64 [words]: positive speaks for the answer, negative against it.
      about: what else the method says, as JSON values.
    """

    weights: np.ndarray
    about: dict[str, Any] = dataclasses.field(default_factory=dict)
