"""Answers as text: JSON lines, or a table with a column for each value."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

FORMATS = ("auto", "jsonl", "csv", "tsv")  # values of --output_format
_BREAKS = ("\t", "\n", "\r")


def format_of(chosen: str, path: str | None) -> str:
    """One of "jsonl", "csv" and "tsv": the user's choice, or else the file's extension."""
    if chosen != "auto":
        return chosen
    ending = (path or "").lower().rpartition(".")[2]
    return ending if ending in ("csv", "tsv") else "jsonl"


class AnswerFormat:
    """Turns answers into lines. In a table, the first line also includes the header.

    A nested value becomes a separate column, such as `probabilities.pos`; a list is written as
    JSON; a missing value is empty.

    Args:
      kind: "jsonl", "csv" or "tsv".
      with_header: True for a new table, False for a table that is continued.
    """

    def __init__(self, kind: str, *, with_header: bool = True):
        self._kind, self._with_header = kind, with_header
        self._columns: list[str] = []

    def lines(self, answers: Sequence[Mapping[str, Any]], numbers: Sequence[int]) -> list[str]:
        """One text for each answer, without a line end.

        Args:
          answers: in order.
          numbers: the lines of the input that they answer, for messages.

        Raises:
          ValueError: an answer has a value that the first answer lacks, or that a TSV cannot hold.
        """
        if self._kind == "jsonl":
            return [json.dumps(answer, ensure_ascii=False) for answer in answers]
        return [self._row(*pair) for pair in zip(answers, numbers, strict=True)]

    def _row(self, answer: Mapping[str, Any], number: int) -> str:
        cells = _flat(answer)
        begins = not self._columns
        self._columns = self._columns or list(cells)
        new = [name for name in cells if name not in self._columns]
        if new:
            raise ValueError(
                f"line {number} of the input has {new[0]!r}, which the first lacks: a table has "
                "the same columns in every row. Expected --output_format=jsonl."
            )
        row = self._text([cells.get(name, "") for name in self._columns], number)
        if begins and self._with_header:
            return f"{self._text(self._columns, number)}\n{row}"
        return row

    def _text(self, fields: Sequence[str], number: int) -> str:
        if self._kind == "csv":
            buffer = io.StringIO(newline="")
            csv.writer(buffer, lineterminator="").writerow(fields)
            return buffer.getvalue()
        for name, field in zip(self._columns, fields, strict=True):
            if any(mark in field for mark in _BREAKS):
                raise ValueError(
                    f"line {number} of the input: {name!r} contains a tab or a line end, which a "
                    "TSV cannot hold. Expected --output_format=csv or jsonl."
                )
        return "\t".join(fields)


def _flat(answer: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    cells = {}
    for name, value in answer.items():
        if isinstance(value, Mapping):
            cells |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, str):
            cells[prefix + name] = value
        else:
            cells[prefix + name] = "" if value is None else json.dumps(value, ensure_ascii=False)
    return cells
