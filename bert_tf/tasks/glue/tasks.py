"""The tasks of GLUE in their official folder layout, and the files for their leaderboard.

    CoLA/train.tsv   CoLA/dev.tsv   CoLA/test.tsv   ...   diagnostic/diagnostic.tsv

Each file may be compressed (`train.tsv.gz`). The files have no quoting. AX has no training data: a
model of MNLI answers it together with both test sets of MNLI.

Reference: Wang et al. 2019, table 1, and the layout of the archives at gluebenchmark.com.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import tensorflow as tf

from bert_tf.data.text.lines import COMPRESSIONS
from bert_tf.tasks.classification.examples import TableFormat
from bert_tf.tasks.classification.labels import REGRESSION, SINGLE
from bert_tf.tasks.glue import TRAINED

_THREE_WAY = ("entailment", "neutral", "contradiction")
_TWO_WAY = ("entailment", "not_entailment")
_BINARY = ("0", "1")


@dataclasses.dataclass(frozen=True)
class GlueTask:
    """One task.

    Attributes:
      name: the name on the command line.
      folders: possible names of its folder; the first is official.
      texts: names of the text columns.
      label_column: name of the label column.
      labels: in the order of their ids; empty for a regression.
      metrics: official scores; the first selects the best model.
      header: column names of the files without a header line.
      dev: {name of the set: file} of the labelled evaluation sets.
      test: {name of the set: file} of the sets without labels.
      submissions: {name of a test set: file in the archive for the leaderboard}.
      skip_faulty_rows: whether the official files have rows that no reader can read.
    """

    name: str
    folders: tuple[str, ...]
    texts: tuple[str, ...]
    label_column: str
    labels: tuple[str, ...]
    metrics: tuple[str, ...]
    submissions: Mapping[str, str]
    header: tuple[str, ...] = ()
    skip_faulty_rows: bool = False
    dev: Mapping[str, str] = dataclasses.field(default_factory=lambda: {"dev": "dev.tsv"})
    test: Mapping[str, str] = dataclasses.field(default_factory=lambda: {"test": "test.tsv"})

    @property
    def table_format(self) -> TableFormat:
        """The meaning of the columns."""
        return TableFormat(
            text_column=self.texts[0],
            text_pair_column=self.texts[1] if len(self.texts) > 1 else None,
            label_column=self.label_column,
            header=self.header,
            problem_type=SINGLE if self.labels else REGRESSION,
            skip_faulty_rows=self.skip_faulty_rows,
        )


_PAIR = ("sentence1", "sentence2")
_TASKS = (
    GlueTask(
        "cola",
        ("CoLA",),
        ("sentence",),
        "label",
        _BINARY,
        ("matthews",),
        {"test": "CoLA.tsv"},
        header=("source", "label", "mark", "sentence"),
    ),
    GlueTask(
        "sst2",
        ("SST-2",),
        ("sentence",),
        "label",
        _BINARY,
        ("accuracy",),
        {"test": "SST-2.tsv"},
    ),
    GlueTask(
        "mrpc",
        ("MRPC",),
        ("#1 String", "#2 String"),
        "Quality",
        _BINARY,
        ("f1", "accuracy"),
        {"test": "MRPC.tsv"},
    ),
    GlueTask(
        "stsb",
        ("STS-B",),
        _PAIR,
        "score",
        (),
        ("spearman", "pearson"),
        {"test": "STS-B.tsv"},
    ),
    GlueTask(
        "qqp",
        ("QQP",),
        ("question1", "question2"),
        "is_duplicate",
        _BINARY,
        ("f1", "accuracy"),
        {"test": "QQP.tsv"},
        skip_faulty_rows=True,
    ),
    GlueTask(
        "mnli",
        ("MNLI",),
        _PAIR,
        "gold_label",
        _THREE_WAY,
        ("accuracy",),
        {"test_matched": "MNLI-m.tsv", "test_mismatched": "MNLI-mm.tsv"},
        dev={"dev_matched": "dev_matched.tsv", "dev_mismatched": "dev_mismatched.tsv"},
        test={"test_matched": "test_matched.tsv", "test_mismatched": "test_mismatched.tsv"},
    ),
    GlueTask(
        "qnli",
        ("QNLI",),
        ("question", "sentence"),
        "label",
        _TWO_WAY,
        ("accuracy",),
        {"test": "QNLI.tsv"},
    ),
    GlueTask("rte", ("RTE",), _PAIR, "label", _TWO_WAY, ("accuracy",), {"test": "RTE.tsv"}),
    GlueTask("wnli", ("WNLI",), _PAIR, "label", _BINARY, ("accuracy",), {"test": "WNLI.tsv"}),
    GlueTask(
        "ax",
        ("diagnostic", "AX"),
        _PAIR,
        "label",
        _THREE_WAY,
        ("matthews",),
        {"ax": "AX.tsv"},
        dev={},
        test={"ax": "diagnostic.tsv"},
    ),
)
TASKS = {task.name: task for task in _TASKS}
SUBMISSION_FILES = tuple(file for task in _TASKS for file in task.submissions.values())


@dataclasses.dataclass(frozen=True)
class GlueFiles:
    """The files found for a task: {name of the set: path}; `train` may be None."""

    train: str | None
    dev: dict[str, str]
    test: dict[str, str]


def find_files(data_dir: str, name: str) -> GlueFiles:
    """Finds the files of the task `name` below `data_dir`.

    The test sets of MNLI include AX.

    Raises:
      ValueError: the task is unknown, or `data_dir` has no files of it.
    """
    task = task_of(name)
    train = _find(data_dir, task.folders, "train.tsv")
    dev = _all_of(data_dir, task.folders, task.dev)
    test = _all_of(data_dir, task.folders, task.test)
    if not (train or dev or test):
        raise ValueError(
            f"{data_dir} holds nothing of {name}: expected a folder {task.folders[0]} with "
            "train.tsv in it. Pass the folder above it with --data_dir."
        )
    if name == "mnli":
        ax = TASKS["ax"]
        test |= _all_of(data_dir, ax.folders, ax.test)
        test |= {} if "ax" in test else _all_of(data_dir, ax.folders, {"ax": "AX.tsv"})
    return GlueFiles(train, dev, test)


def present(data_dir: str) -> list[str]:
    """The tasks with a training file below `data_dir`."""
    if not tf.io.gfile.isdir(data_dir):
        raise ValueError(f"{data_dir}: no such folder. Expected the one that holds CoLA, MRPC, ...")
    return [name for name in TRAINED if _find(data_dir, TASKS[name].folders, "train.tsv")]


def task_of(name: str) -> GlueTask:
    """The task `name`; ValueError with the known names for any other name."""
    if name not in TASKS:
        raise ValueError(f"unknown GLUE task {name!r}. Known: {', '.join(TASKS)}.")
    return TASKS[name]


def _all_of(data_dir: str, folders: Sequence[str], files: Mapping[str, str]) -> dict[str, str]:
    found = {name: _find(data_dir, folders, file) for name, file in files.items()}
    return {name: path for name, path in found.items() if path}


def _find(data_dir: str, folders: Sequence[str], file: str) -> str | None:
    for folder in folders:
        for extension in ("", *COMPRESSIONS):
            path = tf.io.gfile.join(data_dir, folder, file + extension)
            if tf.io.gfile.exists(path):
                return path
    return None


def submission_lines(labels: Sequence[str], answers: Sequence[int | float]) -> Iterator[str]:
    """The lines of a file of the archive: the row number (from 0) and the answer.

    Args:
      labels: labels of the task; empty for a regression, whose answers are clipped to [0, 5].
      answers: label ids or numbers, in the order of the test file.
    """
    yield "index\tprediction"
    for index, answer in enumerate(answers):
        said = labels[int(answer)] if labels else f"{min(5.0, max(0.0, float(answer))):.3f}"
        yield f"{index}\t{said}"
