"""Compares models and their exported forms on one labelled file, for scripts/compare.py.

The scores are computed in this process. Speed and memory are measured in a process for each
contestant; all take turns, so that whatever else the machine does hits all of them.
"""

import contextlib
import dataclasses
import functools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf import files, machine, progress
from bert_tf.analysis import comparison, numbers, paired, pareto
from bert_tf.analysis.judged import Judged, Metric
from bert_tf.data.batches.order import BatchSlice
from bert_tf.export import PRECISIONS
from bert_tf.inference.contestants import KERAS, Contestant
from bert_tf.measuring import apart, harness
from bert_tf.report import models_page, page
from bert_tf.tasks.sets import Split
from bert_tf.tasks.task import Batch, Score
from bert_tf.training.evaluate import in_order
from bert_tf.workflows import evaluating, exporting
from bert_tf.workflows.evaluating import Source
from bert_tf.workflows.exporting import Calibration

FORMAT_VERSION = 1
_BATCH_SIZE = 32  # for the scores
_MOST_TEXTS = 2000  # that are sent to the processes


@dataclasses.dataclass(frozen=True)
class Timing:
    """How speed is measured.

    Attributes:
      batch_sizes: texts that are answered together.
      rounds: how often each contestant is measured; 0: speed and memory are not measured.
      requests: calls of a round with one text; a larger batch gets as many texts, and at least
        `LEAST_REQUESTS` calls.
      num_threads: of every runtime; 0: one for each core.
    """

    batch_sizes: Sequence[int] = (1, 32)
    rounds: int = 5
    requests: int = 100
    num_threads: int = 0

    LEAST_REQUESTS = 5

    def check(self) -> None:
        """ValueError for batch sizes or numbers that cannot be."""
        sizes = list(self.batch_sizes)
        if not sizes or len(set(sizes)) < len(sizes) or min(sizes) < 1:
            told = ",".join(map(str, sizes))
            raise ValueError(f"--batch_sizes={told}: expected different numbers of at least 1.")
        if self.rounds < 0 or self.requests < 1 or self.num_threads < 0:
            raise ValueError(
                f"{self.rounds} rounds of {self.requests} requests with {self.num_threads} "
                "threads: expected at least 0, 1 and 0."
            )

    @property
    def threads(self) -> int:
        """The number of threads."""
        if self.num_threads:
            return self.num_threads
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def compare(
    models: Sequence[str] | Mapping[str, str],
    data: str | Source,
    *,
    forms: Sequence[str] = (),
    calibration: str | Calibration | None = None,
    timing: Timing = Timing(),  # noqa: B008 - frozen
    page_file: str | None = None,
) -> dict[str, Any]:
    """Scores, speed, memory and size of models, side by side.

    Args:
      models: model folders, work directories, checkpoints of other projects and folders made by
        export.py; or {name: path}. The others are compared with the first one.
      data: a labelled file, as evaluate.py takes it.
      forms: each model folder is also exported in these, for the comparison alone: "onnx:int8",
        "litert:dynamic_int8", "saved_model".
      calibration: typical texts for the form "litert:int8".
      timing: how speed is measured.
      page_file: an HTML page; None: none.

    Returns:
      What scripts/compare.py writes as JSON: `metric`, `rows`, how it was measured, and `models`
      with an entry for each; docs/smaller.md says what it holds.

    Raises:
      ValueError: a path is no model, the models have different tasks or labels, or the file does
        not fit them.
    """
    timing.check()
    source = data if isinstance(data, Source) else Source(data)
    named = dict(models) if isinstance(models, Mapping) else _named(models)
    contestants = [Contestant.open(name, path) for name, path in named.items()]
    _check_same_task(contestants)
    with contextlib.ExitStack() as stack:
        contestants += _exported(stack, contestants, forms, calibration)
        if len(contestants) < 2:
            raise ValueError(f"{contestants[0].path} is one model; expected two or more, or forms.")
        entries, judged = _scored(contestants, source)
        if timing.rounds:
            for entry, measured in zip(entries, _timed(contestants, judged, timing), strict=True):
                entry.update(measured)
    metric, _ = _metric_of(judged[0])
    if timing.rounds:
        _add_front(entries, metric)
    result = {
        "format_version": FORMAT_VERSION,
        "data": source.path,
        "rows": len(judged[0]),
        "unit": judged[0].unit,
        "metric": metric.name,
        "lower_is_better": metric.lower_is_better,
        "batch_sizes": list(timing.batch_sizes) if timing.rounds else [],
        "rounds": timing.rounds,
        "num_threads": timing.threads,
        "machine": machine.describe_machine(),
        "models": entries,
    }
    if page_file:
        title = f"{len(entries)} models on {os.path.basename(source.path)}"
        page.write_page(page_file, title, models_page.sections(result))
    return result


def _named(models: Sequence[str]) -> dict[str, str]:
    """{name: path}: the last part of the path, or all of it where two have the same."""
    paths = [path for path in models if path]
    if not paths:
        raise ValueError("expected at least one model.")
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise ValueError(f"{twice} is given twice. Expected different models.")
    short = [os.path.basename(path.rstrip("/")) for path in paths]
    if len(set(short)) < len(short):
        short = paths
    return dict(zip(short, paths, strict=True))


def _check_same_task(contestants: Sequence[Contestant]) -> None:
    """Raises ValueError unless all can be scored on one file, and give the same answers."""
    first = contestants[0]
    for one in contestants:
        for what in ("task", "labels"):
            mine, theirs = getattr(first, what), getattr(one, what)
            if mine != theirs:
                raise ValueError(
                    f"{one.path} has other {what} than {first.path}: {_told(theirs)} and "
                    f"{_told(mine)}. Expected models of one task with the same labels."
                )


def _told(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value[:8]) or "none"


def _exported(
    stack: contextlib.ExitStack,
    contestants: Sequence[Contestant],
    forms: Sequence[str],
    calibration: str | Calibration | None,
) -> list[Contestant]:
    """The model folders in further forms, in a folder that goes away with `stack`."""
    wanted = [_form(form) for form in forms]
    folders = [one for one in contestants if one.form == KERAS]
    if wanted and not folders:
        raise ValueError("--forms: no contestant is a model folder that could be exported.")
    found = []
    for one in folders:
        for form, precision in wanted:
            folder = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), "model")
            name = f"{one.name} {form} {precision}"
            print(f"exporting {name}", file=sys.stderr, flush=True)
            exporting.export_model(
                one.path,
                folder,
                format=form,
                precision=precision,
                calibration=calibration or Calibration(),
            )
            found.append(Contestant.open(name, folder))
    return found


def _form(text: str) -> tuple[str, str]:
    """(format, precision) of "onnx:int8"; ValueError for a form that there is not."""
    form, _, precision = text.partition(":")
    precision = precision or "float32"
    if precision not in PRECISIONS.get(form, ()):
        known = ", ".join(f"{f}:{p}" for f, precisions in PRECISIONS.items() for p in precisions)
        raise ValueError(f"--forms={text}: expected some of {known}.")
    return form, precision


def _scored(
    contestants: Sequence[Contestant], source: Source
) -> tuple[list[dict[str, Any]], list[Judged]]:
    """What is known of each without a clock, and what became of each row."""
    entries, found = [], []
    for one in contestants:
        task = evaluating.for_source(one.open_task, source)
        with tempfile.TemporaryDirectory() as scratch:
            part = task.read(source.path, scratch)
            if not part.is_labelled:
                raise ValueError(f"{source.path} has no labels. Expected a labelled file.")
            call, parameters = one.load()
            rows = _answered(one.name, task, part, call)
            judged, scores = task.judge(part, rows), task.score(rows, part.arrays)
        if found:
            comparison.check_same(found[0], comparison.other_of(one.name, judged), source.path)
        found.append(judged)
        entries.append(
            {
                "name": one.name,
                "path": one.path,
                "form": one.form,
                "precision": one.precision,
                **_certain(judged, found[0]),
                "scores": {name: scores[name] for name in task.known_by if name in scores},
                "parameters": parameters,
                "flops": task.config.task.forward_flops(
                    task.config.model, float(np.mean(judged.lengths))
                ),
                "bytes": one.num_bytes,
            }
        )
    return entries, found


def _answered(
    name: str, task: Score, part: Split, call: Callable[[Batch], Batch]
) -> dict[str, np.ndarray]:
    """The `row_outputs` of a set, from a function of ids in any runtime."""
    outputs_of = tf.function(task.row_outputs, autograph=False, reduce_retracing=True)
    dataset = task.make_dataset(part.arrays, BatchSlice(_BATCH_SIZE), training=False)
    found = []
    with progress.bar(unit="batches", description=f"scoring {name}") as bar:
        for batch in dataset:
            rows = task.at_its_width(batch, lambda one: outputs_of(call(one), one))
            found.append({key: tensor.numpy() for key, tensor in rows.items()})
            bar.update(1)
    return in_order(found)


def _metric_of(judged: Judged) -> tuple[Metric, np.ndarray]:
    """The score of a comparison and its counts: of numbers their correlation."""
    if judged.numbers is not None:
        return numbers.pearson(judged.numbers)
    return judged.metric, judged.counts


def _certain(judged: Judged, first: Judged) -> dict[str, Any]:
    """The score with its interval of 95 %, and the difference from the first model."""
    metric, counts = _metric_of(judged)
    low, high = paired.interval(metric, counts, paired.NUM_RESAMPLES)
    is_first = judged is first
    return {
        "score": float(metric.function(counts.sum(axis=0))),
        "low": low,
        "high": high,
        "difference": None
        if is_first
        else paired.compare(metric, counts, _metric_of(first)[1])._asdict(),
    }


def _timed(
    contestants: Sequence[Contestant], judged: Sequence[Judged], timing: Timing
) -> Iterator[dict[str, Any]]:
    """Speed and memory of each, measured in turn."""
    columns = [list(column) for column in zip(*judged[0].inputs[:_MOST_TEXTS], strict=True)]
    settings = {
        "columns": columns,
        "labels": None,
        "batch_size": 1,
        "warmup_rounds": 1,
        "task": None,
        "num_threads": timing.threads,
    }
    with contextlib.ExitStack() as stack:
        running = []
        for one in contestants:
            print(f"starting {one.name}", file=sys.stderr, flush=True)
            told = {**settings, "model": one.path, "modules": one.modules}
            command = apart.worker("bert_tf.inference.timed")
            running.append(apart.start(one.name, command, told, one.module_folders))
            stack.callback(running[-1].close)
        found = {size: _of_batch_size(running, size, timing) for size in timing.batch_sizes}
        for number, process in enumerate(running):
            speed = {str(size): found[size][number] for size in timing.batch_sizes}
            memory = process.info.get("memory_bytes")
            before = process.info.get("libraries_bytes")
            yield {
                "speed": speed,
                "memory_bytes": memory,
                "model_memory_bytes": memory and before and memory - before,
                "load_seconds": process.info["load_seconds"],
            }


def _of_batch_size(
    running: Sequence[harness.Contestant], size: int, timing: Timing
) -> list[dict[str, Any]]:
    """Median and 99th percentile in milliseconds, texts per second, ratios to the first."""
    examples = size * max(timing.requests // size, Timing.LEAST_REQUESTS)
    turns = [
        dataclasses.replace(
            one,
            measure_round=functools.partial(one.measure_round, batch_size=size, examples=examples),
        )
        for one in running
    ]
    figures = harness.measure_in_turn(turns, harness.Rounds(timing.rounds, 1))
    first = figures[running[0].name]
    found = []
    for one in running:
        mine = figures[one.name]
        told = {key: one.info[key] for key in ("median_ms", "p99_ms", "requests")}
        # How many times as fast as the first, round by round.
        ratio = None if one is running[0] else harness.spread(harness.pair_ratios(mine, first))
        found.append({**told, "texts_per_second": harness.spread(mine)["median"], "ratio": ratio})
    return found


def _add_front(entries: list[dict[str, Any]], metric: Metric) -> None:
    """Adds who is on the Pareto front of score and latency at the first batch size."""
    costs = [next(iter(entry["speed"].values()))["median_ms"] for entry in entries]
    scores = [entry["score"] for entry in entries]
    for entry, others in zip(
        entries, pareto.beaten_by(costs, scores, metric.lower_is_better), strict=True
    ):
        entry["is_on_front"] = not others
        entry["beaten_by"] = [entries[other]["name"] for other in others]


def table(result: Mapping[str, Any]) -> str:
    """The result as aligned text for a terminal."""
    head, rows = models_page.columns(result)
    return "\n".join([harness.aligned([head, *rows]), *models_page.lines(result)])


def write_json(path: str, result: Mapping[str, Any]) -> None:
    """Writes what `compare` returned."""
    files.write_json(path, result)
