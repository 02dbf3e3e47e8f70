"""Writes GLUE from TensorFlow Datasets once, as files in the official layout.

The same code then reads, quotes and resumes from these files and the archives of gluebenchmark.com.
"""

from collections.abc import Iterator, Sequence

import tensorflow as tf

from bert_tf.data.text import tfds
from bert_tf.files import write_lines
from bert_tf.tasks.glue import tasks

_SPLITS = {
    "train.tsv": "train",
    "dev.tsv": "validation",
    "dev_matched.tsv": "validation_matched",
    "dev_mismatched.tsv": "validation_mismatched",
    "test.tsv": "test",
    "test_matched.tsv": "test_matched",
    "test_mismatched.tsv": "test_mismatched",
    "diagnostic.tsv": "test",
}
# Tasks whose text columns have other names in TFDS than in the official files.
_FEATURES = {
    "mrpc": ("sentence1", "sentence2"),
    "mnli": ("premise", "hypothesis"),
    "ax": ("premise", "hypothesis"),
}
_NO_FIELD = str.maketrans("\t\r\n", "   ")  # the files have no quoting


def write_files(source: str, names: Sequence[str], folder: str) -> None:
    """Writes the files of the tasks `names` below `folder`; keeps existing files.

    Args:
      source: `tfds:glue`, or another dataset with its configs.
      names: names of tasks; "mnli" also writes AX, which its models answer.
      folder: gets the folders CoLA, MRPC, ... that `glue.find_files` expects.

    Raises:
      ValueError: a task is unknown; also every error of `tfds.load`.
    """
    for name in dict.fromkeys([*names, *(["ax"] if "mnli" in names else [])]):
        task = tasks.task_of(name)
        train = [] if name == "ax" else ["train.tsv"]
        for file in (*train, *task.dev.values(), *task.test.values()):
            of_task = tf.io.gfile.join(folder, task.folders[0])
            path = tf.io.gfile.join(of_task, file)
            if not tf.io.gfile.exists(path):
                tf.io.gfile.makedirs(of_task)
                write_lines(path, _lines(task, source, _SPLITS[file]))


def _lines(task: tasks.GlueTask, source: str, split: str) -> Iterator[str]:
    """A header and the rows in the order of the official file, which `idx` keeps."""
    texts = _FEATURES.get(task.name, task.texts)
    is_labelled = not split.startswith("test")  # every label of a test split is -1
    data_set, _ = tfds.load(f"{source}/{task.name}/{split}", [*texts, "label", "idx"])
    yield "\t".join([*task.texts, *([task.label_column] if is_labelled else [])])
    for row in sorted(data_set.as_numpy_iterator(), key=lambda row: int(row["idx"])):
        fields = [row[name].decode().translate(_NO_FIELD) for name in texts]
        if is_labelled:
            fields.append(task.labels[row["label"]] if task.labels else str(row["label"]))
        yield "\t".join(fields)
