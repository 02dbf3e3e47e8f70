"""Scores a trained model on other data, for scripts/evaluate.py."""

import dataclasses
import functools
import os
import pathlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bert_tf import model_folder
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.explanation.colours import word_parts
from bert_tf.files import write_lines
from bert_tf.report import checks_page, page
from bert_tf.tasks import error_analysis
from bert_tf.tasks.beliefs import Explain
from bert_tf.tasks.error_analysis import Looking
from bert_tf.tasks.results import write_files
from bert_tf.tasks.sets import Result, Split
from bert_tf.tasks.task import Score
from bert_tf.training import distribution
from bert_tf.training.evaluate import Evaluator


@dataclasses.dataclass(frozen=True)
class Source:
    """A file or data set to score, and how to read it.

    Attributes:
      path: a file for finetune.py, or pretraining data for pretrain.py.
      header: names of the columns of a file without a header line.
      reading: format and encoding.
      settings: {name: text}: settings of the task for reading files.
    """

    path: str
    header: Sequence[str] = ()
    reading: Reading = AS_NAMED
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Report:
    """The page of an error analysis.

    Attributes:
      path: the HTML file; its numbers are written beside it, as .json.
      name: what the page calls the set.
      looking: what it shows besides; `compare` is the folder of another model, which is scored on
        the same data.
      checks: the results of behaviour tests, see `checking.check`.
    """

    path: str
    name: str
    looking: Looking = dataclasses.field(default_factory=Looking)
    checks: Sequence[Mapping[str, Any]] = ()


def evaluate(
    model: str,
    data: str | Source,
    *,
    batch_size: int = 64,
    dtype: str | None = None,
    strategy: str | tf.distribute.Strategy = "auto",
    predictions_dir: str | None = None,
    report: str | Report | None = None,
    looking: Looking | None = None,
) -> dict[str, float]:
    """The scores of a model folder on a file or data set.

    Args:
      model: a model folder or work directory.
      data: a file for finetune.py, or pretraining data for pretrain.py.
      batch_size: rows of a batch, over all replicas.
      dtype: compute dtype; None: the dtype of the training, so that scores repeat.
      strategy: the devices, one of `training.STRATEGIES`.
      predictions_dir: folder for the answers to all data; None: do not write them.
      report: the page of the error analysis, an HTML file; None: none.
      looking: what the page shows of the errors besides: rows with certain words or values of a
        column, another model. As for `finetune`.

    Returns:
      {metric: value}, including the metrics of a constant answer.

    Raises:
      ValueError: the model has no scores, or the data does not fit it.
    """
    report = _report(report, looking, data)
    source = data if isinstance(data, Source) else Source(data)
    if isinstance(strategy, str):
        strategy = distribution.make_strategy(strategy)
    evaluation = _Evaluation(source, batch_size, dtype, strategy)
    scored = evaluation.of(model)
    if predictions_dir:
        files = scored.task.prediction_files(scored.rows, scored.part.arrays)
        if not files:
            raise ValueError(
                f"--predictions_dir: a {scored.task.config.task.name} model has no prediction "
                "files. Leave it out."
            )
        write_files(predictions_dir, files)
    if report is not None:
        other = evaluation.of(report.looking.compare) if report.looking.compare else None
        _write_report(report, model, scored, other)
    return scored.scores


def _report(
    report: str | Report | None, looking: Looking | None, data: str | Source
) -> Report | None:
    """The report with what it shows; ValueError if there is none to show it."""
    if report is None and looking is not None:
        raise ValueError("looking: it needs report, the HTML file that shows it.")
    if isinstance(report, str):
        path = data.path if isinstance(data, Source) else data
        report = Report(report, name_of(path))
    return report if looking is None else dataclasses.replace(report, looking=looking)


def name_of(path: str | None) -> str:
    """What a page calls the set of a file."""
    return pathlib.PurePath(path or "").name.split(".")[0] or "data"


@dataclasses.dataclass(frozen=True)
class _Scored:
    """A model that was scored on a set."""

    task: Score
    model: keras.Model
    part: Split
    scores: dict[str, float]
    rows: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class _Evaluation:
    """How models are scored: the arguments of `evaluate`."""

    source: Source
    batch_size: int
    dtype: str | None
    strategy: tf.distribute.Strategy

    def of(self, model: str) -> _Scored:
        """Scores the model of a folder."""
        with self.strategy.scope():
            task, keras_model = model_folder.load(model, dtype=self.dtype)
        if not isinstance(task, Score):
            raise ValueError(
                f"{model}: a {task.config.task.name} model has no scores. Expected a model with a "
                "head that was trained."
            )
        source, task = self.source, for_source(task, self.source)
        with tempfile.TemporaryDirectory() as scratch:
            part = task.read(source.path, scratch)
            evaluator = Evaluator(task, keras_model, self.strategy, self.batch_size)
            scores, rows = evaluator.run_with_rows(part.arrays)
            dataset = task.make_dataset(part.arrays, BatchSlice(self.batch_size), training=False)
            scores |= task.baselines(dataset)
        return _Scored(task, keras_model, part, scores, rows)


def _write_report(report: Report, model: str, scored: _Scored, other: _Scored | None) -> None:
    """Writes the page, and its JSON beside it."""
    name, looking = report.name, report.looking
    mine = dataclasses.replace(looking, compare="")
    result = Result(scored.scores, scored.rows)
    analysed = error_analysis.analyse(scored.task, {name: scored.part}, {name: result}, mine)
    if not analysed.judged:
        raise ValueError(
            f"--report: a {scored.task.config.task.name} model has no error analysis. Leave it out."
        )
    if looking.coloured and isinstance(scored.task, Explain):
        colour = functools.partial(word_parts, scored.task, scored.model)
        analysed.add_colours(colour, looking.coloured)
    if other is not None:
        theirs = other.task.judge(other.part, other.rows)
        if theirs is None:
            raise ValueError(f"--compare={looking.compare}: that model has no error analysis.")
        analysed.add_comparison(name, looking.compare, theirs)
    rows = [[metric, value] for metric, value in scored.scores.items()]
    sections = [("Scores", page.table(["", name], rows)), *analysed.sections()]
    write_page(report, f"{model} on {name}", sections, analysed.content)


def write_page(
    report: Report, title: str, sections: Iterable[tuple[str, str]], content: Mapping[str, Any]
) -> None:
    """Writes a page, with the behaviour tests of `report` behind all else, and its JSON beside it.

    Args:
      report: where; its `checks` are added.
      title: of the page.
      sections: (title, HTML) of its parts.
      content: of the JSON, see `error_analysis.Analysed`.
    """
    if report.checks:
        sections = [*sections, *checks_page.sections(report.checks)]
        content = {**content, "checks": list(report.checks)}
    write_lines(f"{os.path.splitext(report.path)[0]}.json", [error_analysis.as_line(content)])
    page.write_page(report.path, title, sections)


def for_source(task: Score, source: Source) -> Score:
    """The task, for a file that is read so."""
    return _with_header(task, source.header).with_reading(source.reading, source.settings)


def _with_header(task: Score, header: Sequence[str]) -> Score:
    """The task, for a file whose columns have these names."""
    settings = task.config.task
    if not header:
        return task
    if not hasattr(settings, "header"):
        raise ValueError(f"--header: files of {settings.name} have no named columns. Leave it out.")
    settings = dataclasses.replace(settings, header=tuple(header))
    return task.with_config(dataclasses.replace(task.config, task=settings))
