"""The page of a run: its curves, sample answers over time, events and settings.

It is made from the files of the work directory, so it can also be made later.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from bert_tf import files
from bert_tf.report import page, run_curves
from bert_tf.report.run_curves import METRICS, read_lines
from bert_tf.training.work_dir import checkpoint, contents
from bert_tf.training.work_dir.metrics_writer import SAMPLES

NAME = "run.html"
_MOST_COLUMNS = 8  # steps at which samples are shown

Line = Mapping[str, Any]


def write(folder: str) -> None:
    """Writes `run.html` into the work directory `folder`; replaces an older one."""
    lines = read_lines(tf.io.gfile.join(folder, METRICS))
    samples = read_lines(tf.io.gfile.join(folder, SAMPLES))
    found = checkpoint.newest_info(contents.checkpoints_of(folder))
    path = tf.io.gfile.join(folder, "config.json")
    # A run that ends before its first checkpoint has none.
    config = files.read_json(path) if tf.io.gfile.exists(path) else {}
    sections = _sections(lines, samples, found or {}, config)
    page.write_page(tf.io.gfile.join(folder, NAME), f"Run: {folder}", sections)


def _sections(
    lines: Sequence[Line], samples: Sequence[Line], found: Line, config: Line
) -> Iterable[tuple[str, str]]:
    yield "", page.tiles(_summary(lines))
    yield from _curve_sections(lines)
    for number in range(len(samples[-1]["samples"]) if samples else 0):
        yield ("What the model says" if not number else ""), _sample(samples, number)
    skipped = found.get("history", {}).get("skipped")
    if skipped:
        names = ("reason", "step", "from_row", "to_row")
        rows = [[skip[name] for name in names] for skip in skipped]
        yield "Passed over", page.table(("because", "after step", "from row", "to row"), rows)
    if "machine" in found:
        yield "Machine", page.table(("", ""), _flat(found["machine"]))
    if config:
        yield "Settings", page.folded("config of the run", page.table(("", ""), _flat(config)))


def _summary(lines: Sequence[Line]) -> dict[str, str]:
    """The state of the run in a few numbers."""
    last: dict[str, float] = {}
    for line in lines:
        last |= line
    shown = {"steps": f"{last.get('step', 0):,}"}
    for name, value in last.items():
        if name == "loss" or name.startswith("eval_"):
            shown[_words(name)] = f"{value:.4g}"
    for name in ("examples_per_second", "tokens_per_second"):
        values = [line[name] for line in lines if name in line]
        if values:
            shown[f"{_words(name)}, median"] = f"{statistics.median(values):,.0f}"
    return shown


def _curve_sections(lines: Sequence[Line]) -> Iterable[tuple[str, str]]:
    series = run_curves.series_of(lines)
    losses = [name for name in series if name.endswith("loss")]
    scores = [name for name in series if name.endswith("accuracy")]
    speeds = [name for name in series if name.endswith("_per_second")]
    left = [name for name in series if name not in (*losses, *scores, *speeds)]
    groups = {"Loss": losses, "Accuracy": scores}
    groups |= {_heading(name): [name] for name in (*speeds, *left)}
    return run_curves.sections(
        series, {head: {name: _words(name) for name in names} for head, names in groups.items()}
    )


def _sample(samples: Sequence[Line], number: int) -> str:
    """One text with the answers at some steps, the last one included."""
    last = samples[-1]["samples"][number]
    given = {  # of the last text: the data may have been others when the run was continued
        line["step"]: sample["given"]
        for line in samples
        for sample in line["samples"]
        if sample["text"] == last["text"]
    }
    every = -(-len(given) // _MOST_COLUMNS)
    steps = list(given)[::-every][::-1]
    rows = (
        (f"[{place}] {expected}", *(given[step][place - 1] for step in steps))
        for place, expected in enumerate(last["expected"], start=1)
    )
    head = ("expected", *(f"step {step:,}" for step in steps))
    return page.paragraph(last["text"]) + page.table(head, rows)


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """(dotted key, value) of every leaf."""
    found = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{key}.")
        else:
            items = value if isinstance(value, list) else [value]
            found.append((prefix + key, ", ".join(map(str, items))))
    return found


def _words(name: str) -> str:
    return "MFU" if name == "mfu" else name.replace("_", " ")


def _heading(name: str) -> str:
    words = _words(name)
    return words[0].upper() + words[1:]
