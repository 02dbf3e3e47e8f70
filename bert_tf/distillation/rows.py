"""Training rows in memory: labelled ones, and others that count in the teacher's terms only.

Shapes: R rows, S tokens.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from bert_tf.tasks.teaching import SOFT_WEIGHTS

Arrays = Mapping[str, np.ndarray]


def with_arrays(data: Any, arrays: Arrays) -> Any:
    """The same data with other arrays."""
    return arrays if isinstance(data, Mapping) else dataclasses.replace(data, arrays=arrays)


def with_unlabelled(labelled: Arrays, others: list[Arrays], weights: str) -> dict[str, np.ndarray]:
    """The rows of all arrays, in this order; those of `others` have no weight in the own loss.

    Args:
      labelled: the rows with labels.
      others: rows of the same kind; arrays that they lack are filled with zeros.
      weights: the name of the array of weights in the own loss. `labelled` may lack it: ones, [R].

    Returns:
      The joined arrays, with `soft_weights` among them: what each answer counts in the terms of the
      teacher, which is what it would count with a label.
    """
    parts = [_weighted(part, weights) for part in (labelled, *others)]
    first = parts[0]
    for part in parts[1:]:
        part[weights] = np.zeros_like(part[weights])
    return {
        name: np.concatenate([_rows(part, name, array) for part in parts])
        for name, array in first.items()
    }


def _weighted(part: Arrays, weights: str) -> dict[str, np.ndarray]:
    """The arrays with both kinds of weights."""
    own = part.get(weights, np.ones(len(part["input_ids"]), np.float32))
    return {**part, weights: own, SOFT_WEIGHTS: part.get(SOFT_WEIGHTS, own)}


def _rows(part: Arrays, name: str, like: np.ndarray) -> np.ndarray:
    """An array of a part; zeros if the part has none."""
    count = len(part["input_ids"])
    return part.get(name, np.zeros((count, *like.shape[1:]), like.dtype)).astype(like.dtype)
