"""The label column of a table: words to ids, sets of labels to 0/1 rows, numbers to floats.

Shapes: E examples, L labels.
"""

import ast
import decimal
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

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
# Characters at the ends of a label that show a list or a quoted text that was cut into pieces.
_BRACKETS = "[](){}\"'`"
_NO_COMMA = re.compile(r"""['"]\s+['"]""")  # as NumPy prints arrays


def single_labels(
    path: str, rows: Sequence[Row], column: str, labels: Sequence[str] | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """(labels, their ids int32 [E]) of the last value of each row, without space around it.

    Args:
      path: for messages.
      rows: of the table.
      column: name of the label column, for messages.
      labels: the known labels in the order of their ids; None: make the list, sorted, or by value
        if all labels are numbers.

    Raises:
      ValueError: a label is unknown, or the new list has only one label.
    """
    values = [row.values[-1].strip() for row in rows]
    for row, value in zip(rows, values, strict=True):
        if value.startswith("[") and _parse_list(value) is not None:
            raise ValueError(
                f"{path}:{row.line}: column {column!r} holds the list {value}. A text with several "
                f"labels needs --config.task.problem_type={MULTI}."
            )
    if labels is None:
        labels = _sorted_labels(path, column, set(values))
        if len(labels) < 2:
            raise ValueError(
                f"{path}: every one of the {len(rows)} rows has the label {values[0]!r}. "
                "A classifier needs at least two labels."
            )
    ids = _ids_of(path, rows, column, [[value] for value in values], labels)
    return tuple(labels), np.array([row_ids[0] for row_ids in ids], np.int32)


def _ids_of(
    path: str,
    rows: Sequence[Row],
    column: str,
    sets: Sequence[Sequence[str]],
    labels: Sequence[str],
) -> list[list[int]]:
    """The ids of the labels of each row. The spelling of a number can differ from training.

    Raises:
      ValueError: a label is not known.
    """
    id_of = {label: index for index, label in enumerate(labels)}
    same = _spelled_otherwise({value for values in sets for value in values}, labels)
    if same:
        logging.warning(
            "%s: column %r: %s, because they are equal as numbers",
            path,
            column,
            ", ".join(f"{found!r} is read as the label {known!r}" for found, known in same.items()),
        )
    ids = []
    for row, values in zip(rows, sets, strict=True):
        values = [same.get(value, value) for value in values]
        for value in values:
            _check_known(path, row, column, value, id_of)
        ids.append([id_of[value] for value in values])
    return ids


def _spelled_otherwise(found: Iterable[str], labels: Sequence[str]) -> dict[str, str]:
    """{spelling in a file: the only label of training that is the same number}."""
    known = _by_number(labels)
    spellings = {}
    for label in sorted(set(found) - set(labels)):
        equal = known.get(decimal.Decimal(label), []) if _NUMBER.fullmatch(label) else []
        if len(equal) == 1:
            spellings[label] = equal[0]
    return spellings


def _by_number(labels: Iterable[str]) -> dict[decimal.Decimal, list[str]]:
    """{number: the labels that spell it}."""
    spellings = defaultdict(list)
    for label in sorted(filter(_NUMBER.fullmatch, labels)):
        spellings[decimal.Decimal(label)].append(label)
    return spellings


def _check_known(path: str, row: Row, column: str, label: str, known: Iterable[str]) -> None:
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
    _warn_of_pieces(path, column, found)
    are_numbers = all(_NUMBER.fullmatch(label) for label in found)
    return tuple(sorted(found, key=lambda label: (float(label) if are_numbers else 0, label)))


def _warn_of_equal_numbers(path: str, column: str, labels: set[str]) -> None:
    """Warns of labels that are equal as numbers: usually two programs wrote the same label."""
    for names in _by_number(labels).values():
        if len(names) > 1:
            logging.warning(
                "%s: column %r: the labels %s are equal as numbers, but different labels. If they "
                "are the same label, spell them the same",
                path,
                column,
                " and ".join(map(repr, names)),
            )


def _warn_of_pieces(path: str, column: str, labels: set[str]) -> None:
    """Warns of brackets and quotes at the ends of labels: usually the text was cut wrongly."""
    odd = sorted(x for x in labels if len(x) > 1 and (x[0] in _BRACKETS or x[-1] in _BRACKETS))
    if odd:
        shown = ", ".join(odd[:_SHOWN_LABELS]) + (", ..." if len(odd) > _SHOWN_LABELS else "")
        logging.warning(
            "%s: column %r: brackets or quotes are part of the labels %s. If this is wrong, write "
            "each label alone, or several as a list such as %s",
            path,
            column,
            shown,
            '["a", "b"]',
        )


def label_sets(
    path: str,
    rows: Sequence[Row],
    column: str,
    labels: Sequence[str] | None,
    separator: str,
) -> tuple[tuple[str, ...], np.ndarray]:
    """(labels, float32 [E,L] of 0 and 1) of rows whose last value is a list or a text of labels.

    A text in brackets is a list as JSON or Python write it: `["a", "b"]`, `['a', 'b']`.

    The arguments are as for `single_labels`; `separator` separates the labels in other texts.

    Raises:
      ValueError: a label is unknown, the new list has fewer than two labels, or a text begins like
        a list but is not one.
    """
    sets = [_members(path, row.line, column, row.values[-1], separator) for row in rows]
    if labels is None:
        labels = _sorted_labels(path, column, {label for members in sets for label in members})
        if len(labels) < 2:
            raise ValueError(
                f"{path}: column {column!r} holds the labels {list(labels)}; expected at least "
                f"two, as lists or with {separator!r} between them (task.label_separator)."
            )
    targets_EL = np.zeros((len(rows), len(labels)), np.float32)
    for number, ids in enumerate(_ids_of(path, rows, column, sets, labels)):
        targets_EL[number, ids] = 1.0
    return tuple(labels), targets_EL


def _members(
    path: str, line: int, column: str, value: str | list[str], separator: str
) -> list[str]:
    parts = value
    if isinstance(value, str):
        text = value.strip()
        parts = _parse_list(text) if text.startswith("[") else text.split(separator)
        if parts is None:
            raise ValueError(
                f"{path}:{line}: column {column!r} is {text[:60]}, which begins like a list but is "
                'not one. Expected a list such as ["a", "b"], or labels with '
                f"{separator!r} between them (task.label_separator)."
            )
    return [part.strip() for part in parts if part.strip()]


def _parse_list(text: str) -> list[str] | None:
    """The items of a list of texts or numbers in JSON's or Python's notation; None otherwise."""
    if _NO_COMMA.search(text):
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            items = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(items, list) and all(isinstance(x, str | int | float) for x in items):
            return [x if isinstance(x, str) else json.dumps(x) for x in items]
    return None


def label_flags(path: str, rows: Sequence[Row], columns: Sequence[str]) -> np.ndarray:
    """float32 [E,L] of rows whose last L values are 0 or 1, one column for each label.

    Raises:
      ValueError: a value is neither 0 nor 1. The message names line and column.
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
    """float32 [E]: the last value of each row; ValueError if it is not a finite number."""
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
