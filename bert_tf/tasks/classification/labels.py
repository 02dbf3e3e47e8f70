"""The label column of a table: words to ids, sets of labels to 0/1 rows, numbers to floats.

Shapes: E examples, L labels.
"""

import decimal
import math
import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from absl import logging

from bert_tf.data.labelled.tables import Row

SINGLE = "single_label_classification"
MULTI = "multi_label_classification"
REGRESSION = "regression"
PROBLEM_TYPES = (SINGLE, MULTI, REGRESSION)

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_YES, _NO = ("1", "1.0", "true", "True"), ("0", "0.0", "false", "False", "")
_SHOWN_LABELS = 20


def single_labels(
    path: str, rows: Sequence[Row], column: str, labels: Sequence[str] | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """(labels, their ids int32 [E]) of the last value of each row, without space around it.

    Args:
      path: for messages.
      rows: of the table.
      column: name of the label column, for messages.
      labels: the known ones in the order of their ids; None makes the list: sorted, by value if
        all of them are numbers.

    Raises ValueError: an unknown label, or a list made of one label.
    """
    values = [row.values[-1].strip() for row in rows]
    if labels is None:
        labels = _sorted_labels(path, column, set(values))
        if len(labels) < 2:
            raise ValueError(
                f"{path}: every one of the {len(rows)} rows has the label {values[0]!r}. "
                "A classifier needs at least two labels."
            )
    id_of = {label: index for index, label in enumerate(labels)}
    for row, value in zip(rows, values, strict=True):
        _check_known(path, row, column, value, id_of)
    return tuple(labels), np.array([id_of[value] for value in values], np.int32)


def _check_known(path: str, row: Row, column: str, label: str, known: dict[str, int]) -> None:
    if label in known:
        return
    names = list(known)
    shown = ", ".join(names[:_SHOWN_LABELS]) + (", ..." if len(names) > _SHOWN_LABELS else "")
    hint = " A file whose labels are all -1 is a test file without labels." * (label == "-1")
    raise ValueError(
        f"{path}:{row.line}: column {column!r}: the label {label!r} was not seen in training. "
        f"The known labels are: {shown}.{hint}"
    )


def _sorted_labels(path: str, column: str, found: set[str]) -> tuple[str, ...]:
    _warn_of_equal_numbers(path, column, found)
    are_numbers = all(_NUMBER.fullmatch(label) for label in found)
    return tuple(sorted(found, key=lambda label: (float(label) if are_numbers else 0, label)))


def _warn_of_equal_numbers(path: str, column: str, labels: set[str]) -> None:
    """They may be meant, as house numbers are; mostly two programs wrote one label."""
    spellings = defaultdict(list)
    for label in sorted(filter(_NUMBER.fullmatch, labels)):
        spellings[decimal.Decimal(label)].append(label)
    for names in spellings.values():
        if len(names) > 1:
            logging.warning(
                "%s: column %r: the labels %s are equal as numbers, but different labels. If they "
                "are one, write them alike",
                path,
                column,
                " and ".join(map(repr, names)),
            )


def label_sets(
    path: str,
    rows: Sequence[Row],
    column: str,
    labels: Sequence[str] | None,
    separator: str,
) -> tuple[tuple[str, ...], np.ndarray]:
    """(labels, float32 [E,L] of 0 and 1) of rows whose last value is a list or a text of labels.

    Args: as `single_labels`; `separator` stands between the labels of a text.

    Raises ValueError: an unknown label, or a list made of fewer than two.
    """
    sets = [_members(row.values[-1], separator) for row in rows]
    if labels is None:
        labels = _sorted_labels(path, column, {label for members in sets for label in members})
        if len(labels) < 2:
            raise ValueError(
                f"{path}: column {column!r} holds the labels {list(labels)}; expected at least "
                f"two, as lists or with {separator!r} between them (task.label_separator)."
            )
    id_of = {label: index for index, label in enumerate(labels)}
    targets_EL = np.zeros((len(rows), len(labels)), np.float32)
    for number, (row, members) in enumerate(zip(rows, sets, strict=True)):
        for label in members:
            _check_known(path, row, column, label, id_of)
            targets_EL[number, id_of[label]] = 1.0
    return tuple(labels), targets_EL


def _members(value: str | list[str], separator: str) -> list[str]:
    parts = value if isinstance(value, list) else value.split(separator)
    return [part.strip() for part in parts if part.strip()]


def label_flags(path: str, rows: Sequence[Row], columns: Sequence[str]) -> np.ndarray:
    """float32 [E,L] of rows whose last L values are 0 or 1, one column for each label.

    Raises ValueError that names line and column of what is neither.
    """
    targets_EL = np.zeros((len(rows), len(columns)), np.float32)
    for number, row in enumerate(rows):
        for index, (name, value) in enumerate(
            zip(columns, row.values[-len(columns) :], strict=True)
        ):
            if value not in (*_YES, *_NO):
                raise ValueError(
                    f"{path}:{row.line}: column {name!r} is {value!r}; expected 0 or 1."
                )
            targets_EL[number, index] = value in _YES
    return targets_EL


def numbers(path: str, rows: Sequence[Row], column: str) -> np.ndarray:
    """float32 [E]: the last value of each row; ValueError that names what is no finite number."""
    targets_E = np.zeros(len(rows), np.float32)
    for index, row in enumerate(rows):
        try:
            targets_E[index] = float(row.values[-1])
        except ValueError:
            targets_E[index] = math.nan
        if not math.isfinite(targets_E[index]):
            raise ValueError(
                f"{path}:{row.line}: column {column!r} is {row.values[-1]!r}; expected a number "
                "(task.problem_type is 'regression')."
            )
    return targets_E


def in_words(label: np.ndarray, labels: Sequence[str]) -> str | float | list[str]:
    """A label in words, several (0/1 [L]) as a list; without `labels`, the number."""
    if not labels:
        return float(label)
    if np.ndim(label):
        return [name for name, is_one in zip(labels, label, strict=True) if is_one]
    return labels[label]
