"""Scores a trained model on data that it has not seen. It needs the model folder alone.

python scripts/evaluate.py --model=work/mini --data=data/valid
python scripts/evaluate.py --model=work/sst2 --data=SST-2/dev.tsv --output=scores.json
python scripts/evaluate.py --model=work/squad --data=dev-v1.1.json --predictions_dir=answers
python scripts/evaluate.py --model=work/sst2 --data=SST-2/dev.tsv --report=errors.html
python scripts/evaluate.py --model=work/sst2 --checks=configs/checks/sentiment.yaml

The file is read as the training file was. Settings that say how a file is read may change:
--config.task.text_column=review, for example.
"""

import dataclasses
import json

import looking_flags
import reading_flags
from absl import flags

from bert_tf import app
from bert_tf.analysis import errors
from bert_tf.config.experiment import DTYPES
from bert_tf.training import STRATEGIES

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Model folder or work directory.")
flags.DEFINE_string(
    "data", None, "A file as finetune.py takes it, or pretraining data as pretrain.py takes it."
)
reading_flags.define_for_scoring()
flags.DEFINE_string("output", None, "Also write the scores to this JSON file.")
flags.DEFINE_string(
    "predictions_dir", None, "Also write the predictions for all data into this folder."
)
flags.DEFINE_string(
    "report",
    None,
    "Also write a page that shows where the model fails into this HTML file, and its numbers "
    "beside it, as .json.",
)
looking_flags.define(
    "With --report: another model folder or work directory, which is scored on the same data: who "
    "wins where, with a paired bootstrap test.",
    errors.FEW_COLOURED,
)
flags.DEFINE_integer("batch_size", 64, "Rows of a batch, over all replicas.", lower_bound=1)
flags.DEFINE_enum(
    "dtype",
    None,
    DTYPES,
    "Compute in this dtype. The default is that of the training, so scores repeat.",
)
flags.DEFINE_enum("strategy", "auto", STRATEGIES, "Which devices to use.")
flags.DEFINE_string("tpu", "", "Name or address of the TPU, 'local' on a TPU VM.")
flags.DEFINE_string(
    "checks",
    None,
    "Also, or without --data only, run the behaviour tests of this YAML file: templates with what "
    "the model must answer. configs/checks/ has an example.",
)
flags.mark_flags_as_required(["model"])


def main(argv):
    del argv
    from bert_tf.training import distribution
    from bert_tf.workflows import checking, evaluating

    if not FLAGS.data and not FLAGS.checks:
        raise ValueError("pass --data, a file to score, or --checks, behaviour tests, or both.")
    for flag in ("output", "report"):
        app.check_output(FLAGS[flag].value, [FLAGS.data, FLAGS.checks], flag)
    report, scores = _report(), {}
    results = _checks()
    if report is not None:
        report = dataclasses.replace(report, checks=results)
    if FLAGS.data:
        scores = evaluating.evaluate(
            FLAGS.model,
            evaluating.Source(
                FLAGS.data,
                tuple(FLAGS.header),
                reading_flags.reading(),
                reading_flags.SETTINGS,
            ),
            batch_size=FLAGS.batch_size,
            dtype=FLAGS.dtype,
            strategy=distribution.make_strategy(FLAGS.strategy, tpu=FLAGS.tpu),
            predictions_dir=FLAGS.predictions_dir,
            report=report,
        )
    elif report is not None:
        evaluating.write_page(report, f"Behaviour of {FLAGS.model}", [], {"format_version": 1})
    for name, value in scores.items():
        print(f"{name}: {value:.4f}")
    for line in checking.lines(results):
        print(line)
    if FLAGS.output:
        content = {**scores, "checks": results} if FLAGS.checks else scores
        app.write_lines(FLAGS.output, [json.dumps(content, indent=2)])


def _checks():
    """The results of the behaviour tests, if there are any."""
    from bert_tf.workflows import checking, predicting

    if not FLAGS.checks:
        return []
    settings = dict(reading_flags.SETTINGS)
    if FLAGS.header:
        settings["header"] = ",".join(FLAGS.header)
    data = FLAGS.data and predicting.Source(FLAGS.data, reading_flags.reading(), settings)
    return checking.check(FLAGS.model, FLAGS.checks, data or None, batch_size=FLAGS.batch_size)


def _report():
    """The page that the flags ask for, or None."""
    from bert_tf.workflows import evaluating

    if not (FLAGS.report and FLAGS.data) and (
        FLAGS.compare or FLAGS.slice_words or FLAGS.slice_columns
    ):
        raise ValueError(
            "--compare, --slice_words and --slice_columns need --data, and --report=errors.html "
            "for the page that shows them."
        )
    if not FLAGS.report:
        return None
    if not FLAGS.report.endswith((".html", ".htm")):
        raise ValueError(f"--report={FLAGS.report}: expected a name that ends in .html.")
    return evaluating.Report(FLAGS.report, evaluating.name_of(FLAGS.data), looking_flags.looking())


if __name__ == "__main__":
    app.run(main, reading_flags.take_settings)
