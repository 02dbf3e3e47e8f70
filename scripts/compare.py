r"""Compares models and their exported forms on one labelled file: score, speed, memory, size.

    python scripts/compare.py --models=work/sst2,work/small --data=dev.tsv
    python scripts/compare.py --models=work/sst2,small/int8,small/onnx --data=dev.tsv \
        --page=models.html --output=models.json
    python scripts/compare.py --models=work/sst2 --data=dev.tsv --page=forms.html \
        --forms=saved_model,litert:dynamic_int8,onnx:int8
    python scripts/compare.py --models=teacher=work/base,student=work/tiny --data=dev.tsv

--models are model folders, work directories, checkpoints of other projects, or folders made by
export.py, of one task with the same labels. The others are compared with the first one.

Scores have an interval of 95 % and the paired difference from the first model (bootstrap over the
rows). Each model runs in a process of its own, and all take turns: a round of the first, a round of
the second, and so on, then again. So the ratio of two models is fair on a machine that does other
work too. Latency includes the tokenizer. The Pareto front has the models that no other one beats in
score and latency.
"""

import reading_flags
from absl import flags

from bert_tf import app

FLAGS = flags.FLAGS
flags.DEFINE_list("models", None, "What to compare: PATH or NAME=PATH, see above.")
flags.DEFINE_string("data", None, "A labelled file, as evaluate.py takes it.")
reading_flags.define_for_scoring()
flags.DEFINE_list(
    "forms",
    [],
    "Export each model folder also in these forms, for the comparison alone: saved_model, "
    "litert:dynamic_int8, onnx:int8 and others, see export.py.",
)
flags.DEFINE_string(
    "calibration_data", None, "For the form litert:int8: typical texts, in a file for predict.py."
)
flags.DEFINE_string("output", None, "Also write the numbers into this JSON file.")
flags.DEFINE_string("page", None, "Also write a page with a picture into this HTML file.")
flags.DEFINE_list(
    "batch_sizes",
    ["1", "32"],
    "How many texts a request has. The Pareto front is that of the first one.",
)
flags.DEFINE_integer(
    "rounds",
    5,
    "How often each model is measured; 0: scores and sizes only.",
    lower_bound=0,
)
flags.DEFINE_integer("requests", 100, "Requests of a round with one text each.", lower_bound=1)
flags.DEFINE_integer("num_threads", 0, "Threads of every runtime; 0: all cores.", lower_bound=0)
flags.mark_flags_as_required(["models", "data"])


def main(argv):
    del argv
    from bert_tf.workflows import comparing
    from bert_tf.workflows.evaluating import Source
    from bert_tf.workflows.exporting import Calibration

    for flag in ("output", "page"):
        app.check_output(FLAGS[flag].value, [FLAGS.data, FLAGS.calibration_data], flag)
    if FLAGS.page and FLAGS.page == FLAGS.output:
        raise ValueError(f"--page and --output are both {FLAGS.page}. Expected two names.")
    reading = reading_flags.reading()
    result = comparing.compare(
        _models(),
        Source(FLAGS.data, tuple(FLAGS.header), reading, reading_flags.SETTINGS),
        forms=FLAGS.forms,
        calibration=Calibration(FLAGS.calibration_data, settings=reading_flags.SETTINGS),
        timing=comparing.Timing(_sizes(), FLAGS.rounds, FLAGS.requests, FLAGS.num_threads),
        page_file=FLAGS.page,
    )
    print(comparing.table(result))
    if FLAGS.output:
        comparing.write_json(FLAGS.output, result)


def _models():
    """{name: path} if all have a name, else the paths."""
    named = [text.partition("=") for text in FLAGS.models]
    with_name = [bool(sign) for _, sign, _ in named]
    if not any(with_name):
        return FLAGS.models
    names = [name for name, _, _ in named]
    if not all(with_name) or len(set(names)) < len(names):
        raise ValueError(
            f"--models={','.join(FLAGS.models)}: expected NAME=PATH for all, with different names, "
            "or for none."
        )
    return {name: path for name, _, path in named}


def _sizes():
    try:
        return tuple(map(int, FLAGS.batch_sizes))
    except ValueError as error:
        told = ",".join(FLAGS.batch_sizes)
        raise ValueError(f"--batch_sizes={told}: expected whole numbers.") from error


if __name__ == "__main__":
    app.run(main, reading_flags.take_settings)
