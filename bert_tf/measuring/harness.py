"""Measures contestants in turn and compares them round by round.

One contestant after another does one round, then all again: A B A B. Whatever else the machine is
doing at the time hits neighbours alike, so the ratio of two neighbours says more than two separate
runs do. A figure is a rate: larger is better.

Knows nothing of models, data or TensorFlow.
"""

import dataclasses
import os
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from bert_tf import files, progress

FORMAT_VERSION = 1


@dataclasses.dataclass
class Contestant:
    """Something that can be measured.

    Attributes:
      name: unique in a benchmark.
      measure_round: does one round of work and returns its rate; some take settings by name.
      info: what else is worth keeping (versions, settings); may be filled while it is measured.
      close: called once, when the measuring is over.
    """

    name: str
    measure_round: Callable[..., float]
    info: dict[str, Any] = dataclasses.field(default_factory=dict)
    close: Callable[[], None] = lambda: None


@dataclasses.dataclass(frozen=True)
class Rounds:
    """How often each contestant is measured.

    Attributes:
      count: rounds that count.
      warmup: rounds before them, which compile and do not count.
    """

    count: int = 5
    warmup: int = 1

    def __post_init__(self):
        if self.count < 1 or self.warmup < 0:
            raise ValueError(
                f"there are {self.count} rounds after {self.warmup} warm-up rounds; expected at "
                "least 1 after 0."
            )


def measure_in_turn(contestants: Sequence[Contestant], rounds: Rounds) -> dict[str, list[float]]:
    """Measures each contestant once a round, in the same order every round.

    Returns:
      {name: its figure in each round that counts}.

    Raises:
      ValueError: two contestants have one name.
    """
    names = [contestant.name for contestant in contestants]
    if len(set(names)) < len(names):
        raise ValueError(f"two contestants have one name: {', '.join(names)}.")
    figures = {name: [] for name in names}
    total = (rounds.warmup + rounds.count) * len(names)
    with progress.bar(total=total, unit="rounds", description="measuring") as bar:
        for round_number in range(-rounds.warmup, rounds.count):
            for contestant in contestants:
                figure = contestant.measure_round()
                if round_number >= 0:
                    figures[contestant.name].append(figure)
                note = "warm-up" if round_number < 0 else f"{figure:,.4g}"
                bar.set(f"{contestant.name}: {note}")
                bar.update(1)
    return figures


def spread(figures: Sequence[float]) -> dict[str, float]:
    """`min`, `median` and `max`."""
    return {"min": min(figures), "median": statistics.median(figures), "max": max(figures)}


def pair_ratios(first: Sequence[float], other: Sequence[float]) -> list[float]:
    """How many times the rate of `other` the rate of `first` was, round by round."""
    return [a / b for a, b in zip(first, other, strict=True)]


def compare(
    name: str, unit: str, contestants: Sequence[Contestant], figures: dict[str, list[float]]
) -> dict[str, Any]:
    """The figures of `contestants` and how the first of them compares with each other one.

    Args:
      name: what is compared.
      unit: of the figures, for example "sequences/s".
      contestants: those that do the same work; the first is the one the others are compared to.
      figures: from `measure_in_turn`; may hold more names.

    Returns:
      A dict for `table` and `write_json`.
    """
    first = contestants[0].name
    ratios = {c.name: pair_ratios(figures[first], figures[c.name]) for c in contestants[1:]}
    return {
        "name": name,
        "unit": unit,
        "contestants": [
            {
                "name": c.name,
                "figures": figures[c.name],
                **spread(figures[c.name]),
                "info": c.info,
            }
            for c in contestants
        ],
        "ratios": [
            {"first": first, "other": other, "figures": values, **spread(values)}
            for other, values in ratios.items()
        ],
    }


def table(comparison: dict[str, Any], columns: dict[str, Callable[[dict], str]]) -> str:
    """The comparison as aligned text.

    Args:
      comparison: from `compare`.
      columns: {title: text of a contestant's entry} to stand between figures and ratios.
    """
    rows = [[comparison["name"], "min", "median", "max", *columns, "ratio", "(min-max)"]]
    ratios = {ratio["other"]: ratio for ratio in comparison["ratios"]}
    for entry in comparison["contestants"]:
        ratio = ratios.get(entry["name"])
        rows.append(
            [
                entry["name"],
                *(format_number(entry[key]) for key in ("min", "median", "max")),
                *(column(entry) for column in columns.values()),
                f"{ratio['median']:.2f}" if ratio else "",
                f"({ratio['min']:.2f}-{ratio['max']:.2f})" if ratio else "",
            ]
        )
    note = f"min, median, max in {comparison['unit']}"
    if ratios:
        note += "; ratio: how many times as fast as this one the first is, round by round"
    else:
        rows = [row[:-2] for row in rows]
    return f"{aligned(rows)}\n({note})"


def format_number(value: float | None) -> str:
    """Four digits at most after what is large: `1,234`, `45.67`; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def aligned(rows: list[list[str]]) -> str:
    """Rows of cells as a table: the first column to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    rows = [rows[0], ["-" * width for width in widths], *rows[1:]]
    lines = [
        [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        for row in rows
    ]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def write_json(path: str, result: dict[str, Any]) -> None:
    """Writes `result` with its `format_version`; makes the folder."""
    folder = os.path.dirname(path)
    if folder:
        os.makedirs(folder, exist_ok=True)
    files.write_json(path, {"format_version": FORMAT_VERSION, **result})
