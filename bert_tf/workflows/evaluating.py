"""Scores of a trained model on data that it has not seen, as scripts/evaluate.py gives them."""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence

import tensorflow as tf

from bert_tf import model_folder
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.tasks.results import write_files
from bert_tf.tasks.task import Score
from bert_tf.training import distribution
from bert_tf.training.evaluate import Evaluator


@dataclasses.dataclass(frozen=True)
class Source:
    """A file or data set to score, and how it is read.

    Attributes:
      path: a file as finetune.py takes it, or pretraining data as pretrain.py takes it.
      header: names of the columns of a file that has no header line.
      reading: format and encoding.
      settings: {name: text}: settings of the task that say how a file is read.
    """

    path: str
    header: Sequence[str] = ()
    reading: Reading = AS_NAMED
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)


def evaluate(
    model: str,
    data: str | Source,
    *,
    batch_size: int = 64,
    dtype: str | None = None,
    strategy: str | tf.distribute.Strategy = "auto",
    predictions_dir: str | None = None,
) -> dict[str, float]:
    """The scores of a model folder on a file or data set.

    Args:
      model: a model folder or work directory.
      data: a file as finetune.py takes it, or pretraining data as pretrain.py takes it.
      batch_size: rows of a batch, over all replicas.
      dtype: to compute in; None: that of the training, so scores repeat.
      strategy: which devices, one of `training.STRATEGIES`.
      predictions_dir: where the answers to all data are written; None: nowhere.

    Returns:
      {metric: value}, with those of a constant answer.

    Raises:
      ValueError: the model has no scores, or the data are not for it.
    """
    source = data if isinstance(data, Source) else Source(data)
    if isinstance(strategy, str):
        strategy = distribution.make_strategy(strategy)
    with strategy.scope():
        task, keras_model = model_folder.load(model, dtype=dtype)
    if not isinstance(task, Score):
        raise ValueError(
            f"{model}: a {task.config.task.name} model has no scores. Expected a model with a head "
            "that was trained."
        )
    task = _with_header(task, source.header).with_reading(source.reading, source.settings)
    with tempfile.TemporaryDirectory() as scratch:
        arrays = task.read(source.path, scratch).arrays
        scores, rows = Evaluator(task, keras_model, strategy, batch_size).run_with_rows(arrays)
        part = BatchSlice(batch_size)
        scores |= task.baselines(task.make_dataset(arrays, part, training=False))
    if predictions_dir:
        files = task.prediction_files(rows, arrays)
        if not files:
            raise ValueError(f"--predictions_dir: a {task.config.task.name} model has no files.")
        write_files(predictions_dir, files)
    return scores


def _with_header(task: Score, header: Sequence[str]) -> Score:
    """The task, for a file whose columns have these names."""
    settings = task.config.task
    if not header:
        return task
    if not hasattr(settings, "header"):
        raise ValueError(f"--header: files of {settings.name} have no named columns. Leave it out.")
    settings = dataclasses.replace(settings, header=tuple(header))
    return task.with_config(dataclasses.replace(task.config, task=settings))
