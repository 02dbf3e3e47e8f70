"""Scores a trained model on data that it has not seen. It needs the model folder alone.

python scripts/evaluate.py --model=work/mini --data=data/valid
python scripts/evaluate.py --model=work/sst2 --data=SST-2/dev.tsv --output=scores.json
python scripts/evaluate.py --model=work/squad --data=dev-v1.1.json --predictions_dir=answers

The file is read as the training file was. Settings that say how a file is read may change:
--config.task.text_column=review, for example.
"""

import dataclasses
import json
import tempfile

from absl import flags

from bert_tf import app, model_folder
from bert_tf.config.experiment import DTYPES
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.labelled import records
from bert_tf.tasks.results import write_files
from bert_tf.tasks.task import Score
from bert_tf.training import distribution
from bert_tf.training.evaluate import Evaluator

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Model folder or work directory.")
flags.DEFINE_string(
    "data", None, "A file as finetune.py takes it, or pretraining data as pretrain.py takes it."
)
flags.DEFINE_list(
    "header",
    [],
    "Names of the columns, if the file has no header line and the training file had one.",
)
flags.DEFINE_enum(
    "input_format",
    "auto",
    records.FORMATS[:1] + records.KINDS,
    "How the file is read: a table in this format, whatever its name. auto: the name says it.",
)
flags.DEFINE_string("encoding", "utf-8", "Encoding of the file: cp1252, for example.")
flags.DEFINE_string("output", None, "Also write the scores to this JSON file.")
flags.DEFINE_string(
    "predictions_dir", None, "Also write the predictions for all data into this folder."
)
flags.DEFINE_integer("batch_size", 64, "Rows of a batch, over all replicas.", lower_bound=1)
flags.DEFINE_enum(
    "dtype",
    None,
    DTYPES,
    "Compute in this dtype. The default is that of the training, so scores repeat.",
)
flags.DEFINE_enum("strategy", "auto", distribution.STRATEGIES, "Which devices to use.")
flags.DEFINE_string("tpu", "", "Name or address of the TPU, 'local' on a TPU VM.")
flags.mark_flags_as_required(["model", "data"])


_READING_SETTINGS: dict[str, str] = {}  # what --config.task. says


def _edit_command(argv: list[str]) -> None:
    _READING_SETTINGS.update(app.take_flags(argv, "config.task."))


def main(argv):
    del argv
    app.check_output(FLAGS.output, [FLAGS.data])
    strategy = distribution.make_strategy(FLAGS.strategy, tpu=FLAGS.tpu)
    with strategy.scope():
        task, model = model_folder.load(FLAGS.model, dtype=FLAGS.dtype)
    if not isinstance(task, Score):
        raise ValueError(
            f"{FLAGS.model}: a {task.config.task.name} model has no scores. Expected a model with "
            "a head that was trained."
        )
    reading = records.Reading(FLAGS.input_format, FLAGS.encoding)
    task = _with_header(task).with_reading(reading, _READING_SETTINGS)
    with tempfile.TemporaryDirectory() as scratch:
        data = task.read(FLAGS.data, scratch).arrays
        scores, rows = Evaluator(task, model, strategy, FLAGS.batch_size).run_with_rows(data)
        part = BatchSlice(FLAGS.batch_size)
        scores |= task.baselines(task.make_dataset(data, part, training=False))
    for name, value in scores.items():
        print(f"{name}: {value:.4f}")
    if FLAGS.output:
        app.write_lines(FLAGS.output, [json.dumps(scores, indent=2)])
    if FLAGS.predictions_dir:
        files = task.prediction_files(rows, data)
        if not files:
            raise ValueError(f"--predictions_dir: a {task.config.task.name} model has no files.")
        write_files(FLAGS.predictions_dir, files)


def _with_header(task: Score) -> Score:
    """The task, for a file whose columns have the names --header."""
    settings = task.config.task
    if not FLAGS.header:
        return task
    if not hasattr(settings, "header"):
        raise ValueError(f"--header: files of {settings.name} have no named columns. Leave it out.")
    settings = dataclasses.replace(settings, header=tuple(FLAGS.header))
    return task.with_config(dataclasses.replace(task.config, task=settings))


if __name__ == "__main__":
    app.run(main, _edit_command)
