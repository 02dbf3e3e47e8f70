"""GLUE as a whole: the format of a task for the config, a grid of runs, table and archive.

A run of the grid is a process of scripts/finetune.py with its own work directory,
`<work_dir>/<task>/lr<rate>_seed<seed>`. Finished runs are not repeated, and killed runs continue.
The weights are kept of the best run of each task; scores, predictions and page are kept of every
run.
"""

import dataclasses
import io
import json
import os
import statistics
import sys
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.files import read_json, write_lines, write_whole
from bert_tf.processes.children import run_logged
from bert_tf.tasks import classification
from bert_tf.tasks.classification.task import ClassificationTask
from bert_tf.tasks.glue import tasks as glue
from bert_tf.tasks.results import write_files
from bert_tf.tasks.sets import Result

# Flags of the whole that a single run does not get, or gets with another value.
_OWN_FLAGS = (
    "task",
    "tasks",
    "seeds",
    "learning_rates",
    "from_mnli",
    "work_dir",
    "init_checkpoint",
    "config.train.seed",
    "config.optimizer.learning_rate",
)


def with_format(config: ExperimentConfig, name: str) -> ExperimentConfig:
    """The config with columns, labels and metrics of the task `name` of GLUE."""
    task = glue.task_of(name)
    columns = task.table_format
    is_classification = isinstance(config.task, classification.Config)
    settings = dataclasses.replace(
        config.task if is_classification else classification.Config(),
        labels=task.labels,
        problem_type=columns.problem_type,
        metrics=task.metrics,
        text_column=columns.text_column,
        text_pair_column=columns.text_pair_column or "",
        label_column=columns.label_column,
        header=columns.header,
        skip_faulty_rows=columns.skip_faulty_rows,
    )
    return dataclasses.replace(config, task=settings)


def write_submission_files(
    folder: str, name: str, task: ClassificationTask, results: Mapping[str, Result]
) -> None:
    """Writes the files for the leaderboard of a run into `folder`/submission.

    Args:
      folder: work directory of the run.
      name: the task of GLUE.
      task: what was trained.
      results: {name of a set: what came out}; other sets than the test sets are left out.
    """
    official = glue.task_of(name)
    files = {**official.submissions, **(glue.TASKS["ax"].submissions if name == "mnli" else {})}
    target = tf.io.gfile.join(folder, "submission")
    for set_name, file_name in files.items():
        if set_name in results:
            answers = task.answers(results[set_name].rows["logits"])
            write_files(target, {file_name: glue.submission_lines(official.labels, answers)})


@dataclasses.dataclass(frozen=True)
class Grid:
    """Every task with every learning rate and seed.

    Attributes:
      data_dir: the folder with CoLA, MRPC, ... in it.
      work_dir: of the whole grid.
      init_checkpoint: the checkpoint from which the runs start.
      tasks: names; empty: all tasks that have a training file.
      seeds, learning_rates: as on the command line.
      from_mnli: tasks that start from the best model of MNLI.
    """

    data_dir: str
    work_dir: str
    init_checkpoint: str
    tasks: tuple[str, ...]
    seeds: tuple[str, ...]
    learning_rates: tuple[str, ...]
    from_mnli: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Run:
    """One finished run."""

    task: str
    rate: str
    seed: str
    folder: str
    metric: str
    score: float
    scores: dict[str, dict[str, float]]


def passed_on(words: Sequence[str]) -> list[str]:
    """The flags of a command line that every run of the grid gets too, as `--name=value`."""
    kept, index = [], 0
    while index < len(words):
        word = words[index]
        name, is_whole, _ = word.lstrip("-").partition("=")
        has_value = not is_whole and words[index + 1 : index + 2]
        if has_value and not words[index + 1].startswith("--"):
            word, index = f"{word}={words[index + 1]}", index + 1
        if name not in _OWN_FLAGS:
            kept.append(word)
        index += 1
    return kept


def run(grid: Grid, script: str, words: Sequence[str]) -> str:
    """Runs what is not finished, writes `submission.zip` and returns the table.

    Args:
      grid: what to run.
      script: path of scripts/finetune.py.
      words: further flags of every run.

    Raises:
      ValueError: a setting is bad, the work directory holds a grid of other settings, or a run
        failed.
    """
    tasks = _tasks_in_order(grid)
    for name, values in (("seeds", grid.seeds), ("learning_rates", grid.learning_rates)):
        _check_numbers(name, values)
    _check_same_grid(grid, words)
    runs: list[_Run] = []
    total = len(tasks) * len(grid.seeds) * len(grid.learning_rates)
    for task in tasks:
        for rate in grid.learning_rates:
            for seed in grid.seeds:
                number = len(runs) + 1
                print(f"{task}, rate {rate}, seed {seed} ({number} of {total})", flush=True)
                runs.append(_finished_run(grid, runs, task, rate, seed, script, words))
                _keep_best_weights([run for run in runs if run.task == task])
    best = {task: _best([run for run in runs if run.task == task]) for task in tasks}
    archive = tf.io.gfile.join(grid.work_dir, "submission.zip")
    missing = _write_archive(archive, best.values())
    rows = _table_rows(runs)
    write_lines(os.path.join(grid.work_dir, "table.json"), [json.dumps(rows, indent=2)])
    lines = [_format_table(rows), _average_line(rows), f"archive: {archive}"]
    if missing:
        lines.append(f"NOT in the archive, because the test file is missing: {', '.join(missing)}")
    return "\n".join(lines)


def _tasks_in_order(grid: Grid) -> list[str]:
    """The tasks in order: MNLI is first if others start from it."""
    there = glue.present(grid.data_dir)
    tasks = list(dict.fromkeys(grid.tasks)) or there
    for task in (*tasks, *grid.from_mnli):
        glue.task_of(task)
    missing = [task for task in tasks if task not in there]
    if missing or not tasks:
        raise ValueError(
            f"{grid.data_dir} holds no training file of {', '.join(missing) or 'any task'}."
        )
    if grid.from_mnli and "mnli" not in tasks:
        raise ValueError(
            "--from_mnli needs mnli among the tasks. To start from an existing model, pass it as "
            "--init_checkpoint."
        )
    return sorted(tasks, key=lambda task: task != "mnli") if grid.from_mnli else tasks


def _check_numbers(name: str, values: Sequence[str]) -> None:
    for value in values:
        try:
            float(value)
        except ValueError:
            raise ValueError(f"--{name}: {value!r} is no number.") from None
    if not values or len(set(values)) < len(values):
        raise ValueError(f"--{name}={','.join(values)}: expected at least one, each once.")


def _check_same_grid(grid: Grid, words: Sequence[str]) -> None:
    """Refuses runs with other settings; seeds, rates and tasks may be added."""
    settings = {"init_checkpoint": grid.init_checkpoint, "flags": sorted(words)}
    path = tf.io.gfile.join(grid.work_dir, "grid.json")
    if tf.io.gfile.exists(path):
        old = read_json(path)
        if old != settings:
            raise ValueError(
                f"{grid.work_dir} holds runs with {json.dumps(old)}, but the settings are now "
                f"{json.dumps(settings)}. Choose another --work_dir."
            )
        return
    tf.io.gfile.makedirs(grid.work_dir)
    write_lines(path, [json.dumps(settings, indent=2)])


def _finished_run(
    grid: Grid,
    runs: Sequence[_Run],
    task: str,
    rate: str,
    seed: str,
    script: str,
    words: Sequence[str],
) -> _Run:
    folder = tf.io.gfile.join(grid.work_dir, task, f"lr{rate}_seed{seed}")
    results = tf.io.gfile.join(folder, "results.json")
    if not tf.io.gfile.exists(results):
        start = grid.init_checkpoint
        if task in grid.from_mnli and task != "mnli":
            start = tf.io.gfile.join(_best([r for r in runs if r.task == "mnli"]).folder, "model")
        flags = [
            f"--task={task}",
            f"--data_dir={grid.data_dir}",
            f"--work_dir={folder}",
            f"--config.train.seed={seed}",
            f"--config.optimizer.learning_rate={rate}",
            *([f"--init_checkpoint={start}"] if start else []),
        ]
        run_logged([sys.executable, script, *words, *flags], os.path.join(folder, "log.txt"))
    checkpoints = tf.io.gfile.join(folder, "checkpoints")
    if tf.io.gfile.exists(checkpoints):  # what they hold is in the model folder
        tf.io.gfile.rmtree(checkpoints)
    content = read_json(
        results, types={"known_by": list[str], "scores": dict[str, dict]}, required=("known_by",)
    )
    metric = content["known_by"][0]
    watched = next(iter(content["scores"].values()), None)
    if watched is None:
        raise ValueError(f"{task} has no dev file below {grid.data_dir}; nothing can be selected.")
    print(f"  {metric} {watched[metric]:.4f}", flush=True)
    return _Run(task, rate, seed, folder, metric, watched[metric], content["scores"])


def _best(runs: Sequence[_Run]) -> _Run:
    return max(runs, key=lambda run: run.score)


def _keep_best_weights(runs: Sequence[_Run]) -> None:
    best = _best(runs)
    for other in runs:
        model = tf.io.gfile.join(other.folder, "model")
        if other is not best and tf.io.gfile.exists(model):
            tf.io.gfile.rmtree(model)


def _write_archive(path: str, best: Sequence[_Run]) -> list[str]:
    """Writes the test answers of the best runs into one archive; returns the missing files."""
    there = {}
    for run_ in best:
        folder = tf.io.gfile.join(run_.folder, "submission")
        if tf.io.gfile.exists(folder):
            there |= {name: tf.io.gfile.join(folder, name) for name in tf.io.gfile.listdir(folder)}
    content = io.BytesIO()  # a GFile cannot tell where it is while it is written
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(there):
            with tf.io.gfile.GFile(there[name], "rb") as source:
                archive.writestr(zipfile.ZipInfo(name), source.read())
    write_whole(path, content.getvalue())
    return [name for name in glue.SUBMISSION_FILES if name not in there]


def _table_rows(runs: Sequence[_Run]) -> list[dict[str, Any]]:
    """One for each task, rate, set and official score."""
    rows = []
    for task, rate in dict.fromkeys((run_.task, run_.rate) for run_ in runs):
        group = [run_ for run_ in runs if (run_.task, run_.rate) == (task, rate)]
        for set_name in group[0].scores:
            for metric in glue.task_of(task).metrics:
                values = [run_.scores[set_name][metric] for run_ in group]
                rows.append(
                    {
                        "task": task,
                        "set": set_name,
                        "metric": metric,
                        "learning_rate": rate,
                        "seeds": [run_.seed for run_ in group],
                        "scores": values,
                        "mean": statistics.mean(values),
                        "spread": statistics.stdev(values) if len(values) > 1 else 0.0,
                        "best": max(values),
                    }
                )
    return rows


def _format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        f"{'task':6} {'set':15} {'metric':9} {'rate':>8} {'mean':>7} {'spread':>7} {'best':>7}"
    ]
    lines += [
        f"{row['task']:6} {row['set']:15} {row['metric']:9} {row['learning_rate']:>8} "
        f"{100 * row['mean']:7.2f} {100 * row['spread']:7.2f} {100 * row['best']:7.2f}"
        for row in rows
    ]
    return "\n".join(lines)


def _average_line(rows: Sequence[Mapping[str, Any]]) -> str:
    """The mean over the tasks of the mean of their official scores, each at its best rate."""
    by_task: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        by_task.setdefault(row["task"], {}).setdefault(row["learning_rate"], []).append(row["mean"])
    scores = [max(statistics.mean(means) for means in rates.values()) for rates in by_task.values()]
    average = 100 * statistics.mean(scores)
    return f"average over {len(scores)} tasks, each at its best rate: {average:.2f}"
