"""The files that a fine-tuning run writes beside the model, for every task.

results.json          scores of every set, statistics of the data, config and facts
predictions/<set>/    predictions for every set, in the files of the task, and judged.jsonl
dev.*                 examples that were held out, if there was no evaluation file
report.json           the error analysis, see `error_analysis`
report.html           all of it as a page
"""

import json
from collections.abc import Callable, Iterable, Mapping

import tensorflow as tf

from bert_tf import locks
from bert_tf.config import as_json
from bert_tf.files import remove, write_lines
from bert_tf.report import page, run_curves
from bert_tf.tasks import error_analysis
from bert_tf.tasks.error_analysis import Analysed, Looking, Part, Wrong
from bert_tf.tasks.sets import Prepared, Result
from bert_tf.tasks.task import Score

FORMAT_VERSION = 1
_LAST = "results.json"


def begin_results(folder: str) -> None:
    """Says that the work directory `folder` is not complete, until `write_results` has ended.

    A finished run can be scored again, with other evaluation or test data. If it is killed then,
    the results of the first time would stand beside the model and predictions of the second.
    """
    remove(tf.io.gfile.join(folder, _LAST))


def write_results(
    folder: str,
    task: Score,
    prepared: Prepared,
    results: Mapping[str, Result],
    looking: Looking = Looking(),  # noqa: B008 - frozen
    colour: Callable[[list[Wrong]], list[list[Part]]] | None = None,
    train: Result | None = None,
) -> None:
    """Writes the files that are listed at the head of this module.

    Args:
      folder: the work directory.
      task: the task that was trained.
      prepared: its data.
      results: {name of the set: its results}.
      looking: what the error analysis shall show besides.
      colour: of the words of mistakes, see `Analysed.add_colours`; None: without colours.
      train: the results for the training set, if it was answered.
    """
    splits = {**prepared.dev, **prepared.test}
    answered = train and (prepared.train, train)
    analysed = error_analysis.analyse(task, splits, results, looking, answered)
    if colour is not None:
        analysed.add_colours(colour, looking.coloured)
    for name, result in results.items():
        files = task.prediction_files(result.rows, splits[name].arrays)
        files = {**files, **analysed.row_files(name)}
        write_files(tf.io.gfile.join(folder, "predictions", name), files)
    write_files(folder, prepared.held_out)
    content = {
        "format_version": FORMAT_VERSION,
        "known_by": list(task.known_by),
        "scores": {name: result.scores for name, result in results.items() if result.scores},
        "data": prepared.looked,
        "config": as_json.to_dict(task.config),
        "facts": as_json.to_dict(task.facts),
    }
    write_lines(tf.io.gfile.join(folder, error_analysis.JSON), [analysed.as_line()])
    sections = _sections(folder, task, prepared, results, analysed)
    page.write_page(tf.io.gfile.join(folder, "report.html"), f"Fine-tuning: {folder}", sections)
    # Written last: where it is, everything is.
    write_lines(tf.io.gfile.join(folder, _LAST), [json.dumps(content, indent=2)])


def check_held_out(folder: str, held_out: Mapping[str, Iterable[str]]) -> None:
    """Checks that no file of somebody else would be replaced by held-out examples.

    Args:
      folder: the work directory.
      held_out: {file name: its lines}, see `Prepared`. A run that continues holds out the same
        examples again, so its own file is recognised by its content.

    Raises:
      ValueError: there is another file of that name.
    """
    for name, lines in held_out.items():
        path = tf.io.gfile.join(folder, name)
        if not tf.io.gfile.exists(path):
            continue
        with tf.io.gfile.GFile(path, "rb") as file:
            is_own = file.read() == "".join(line + "\n" for line in lines).encode()
        if not is_own:
            raise ValueError(
                f"{path} is there already and holds something else than this run holds out, which "
                "would take its place. Move it, give an evaluation file (--eval_data), or choose "
                "another --work_dir."
            )


def write_files(folder: str, files: Mapping[str, Iterable[str]]) -> None:
    """Writes {file name: its lines} into `folder`, which is made."""
    if not files:
        return
    with locks.folder(folder):
        for name, lines in files.items():
            write_lines(tf.io.gfile.join(folder, name), lines)


def _sections(
    folder: str,
    task: Score,
    prepared: Prepared,
    results: Mapping[str, Result],
    analysed: Analysed,
) -> Iterable[tuple[str, str]]:
    scored = {name: result for name, result in results.items() if result.scores}
    sets = {**prepared.dev, **prepared.test}
    if scored:
        # A column a set: a task may have many scores.
        names = list(dict.fromkeys(name for result in scored.values() for name in result.scores))
        rows = [[name, *(r.scores.get(name, "") for r in scored.values())] for name in names]
        yield "Scores", page.table(["", *scored], rows)
    yield from _curve_sections(folder)
    yield from analysed.sections()
    for name, result in scored.items():
        yield from task.sections(sets[name], result, name)
    yield "Data", page.preformatted("\n".join(prepared.look_lines))
    config = json.dumps(as_json.to_dict(task.config), indent=2)
    yield "Settings", page.folded("config of the run", page.preformatted(config))
    facts = json.dumps(as_json.to_dict(task.facts), indent=2)
    yield "", page.folded("facts found in the data", page.preformatted(facts))


def _curve_sections(folder: str) -> Iterable[tuple[str, str]]:
    path = tf.io.gfile.join(folder, run_curves.METRICS)
    series = run_curves.series_of(run_curves.read_lines(path))
    scores = [name for name in series if name.startswith("eval_") and not name.endswith("loss")]
    groups = {
        "Loss": ("loss", "eval_loss"),
        "Evaluation": scores,
        "Learning rate": ("learning_rate",),
    }
    return run_curves.sections(
        series, {head: {name: name for name in names} for head, names in groups.items()}
    )
