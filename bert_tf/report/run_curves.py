"""The curves of a run, from the lines of its metrics.jsonl."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from absl import logging

from bert_tf import files
from bert_tf.report import page

METRICS = "metrics.jsonl"
_MOST_POINTS = 400  # of a curve; of more, means of stretches are drawn

Points = list[tuple[float, float]]  # (step, value)


def read_lines(path: str) -> list[dict[str, Any]]:
    """The objects of a file that may be missing, or end with half a line (of a killed run)."""
    if not tf.io.gfile.exists(path):
        return []
    with tf.io.gfile.GFile(path, "rb") as file:
        found = [_parsed(line, f"{path}:{n}") for n, line in enumerate(file.read().split(b"\n"), 1)]
    return [line for line in found if line]


def _parsed(line: bytes, where: str) -> dict[str, Any]:
    """The object of a line; {} with a warning if it holds none: a curve may lack a point."""
    if not line.strip():
        return {}
    try:
        values = files.parse_json(line, f"{where}: left out, because it is")
    except ValueError as error:
        logging.warning("%s", error)
        return {}
    has_step = isinstance(values, dict) and files.is_of_type(values.get("step"), int)
    if not has_step:
        logging.warning("%s: left out, because it is no object with a step.", where)
    return values if has_step else {}


def series_of(lines: Iterable[Mapping[str, Any]]) -> dict[str, Points]:
    """{name of a value: its points} from lines with `step` and any other values."""
    series: dict[str, Points] = {}
    for line in lines:
        for name, value in line.items():
            if name != "step":
                series.setdefault(name, []).append((line["step"], value))
    return series


def sections(
    series: Mapping[str, Points], groups: Mapping[str, Mapping[str, str]]
) -> Iterable[tuple[str, str]]:
    """Charts, as (heading, HTML). A group of losses is one chart, as they are one quantity.

    Args:
      series: the result of `series_of`.
      groups: {heading: {name of a value: label of its curve}}, one chart for each heading. Charts
        without values are left out.
    """
    for heading, names in groups.items():
        found = {said: thinned(series[name]) for name, said in names.items() if name in series}
        if not found:
            continue
        if all("loss" in name for name in names) or len(found) == 1:
            yield heading, page.curves(found)
        else:
            charts = (page.curves({said: points}, is_half=True) for said, points in found.items())
            yield heading, page.side_by_side(charts)


def thinned(points: Sequence[tuple[float, float]]) -> Points:
    """At most `_MOST_POINTS` points, each the mean of equally many points."""
    size = -(-len(points) // _MOST_POINTS)
    parts = (points[first : first + size] for first in range(0, len(points), size))
    return [tuple(statistics.fmean(axis) for axis in zip(*part, strict=True)) for part in parts]
