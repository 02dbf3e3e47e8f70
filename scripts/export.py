r"""Exports a model: as a SavedModel that takes raw text, or as LiteRT or ONNX that take token ids.

    python scripts/export.py --model=work/sst2 --output_dir=served/sst2
    python scripts/export.py --model=work/sst2 --output_dir=small/sst2 --format=onnx \
        --precision=int8
    python scripts/export.py --model=work/sst2 --output_dir=small/sst2 --format=litert \
        --precision=int8 --calibration_data=train.txt

saved_model   float32, bfloat16 (about twice as fast on processors with AVX512-BF16 or AMX). Needs
              only TensorFlow and its text ops; a clean process checks this before the command
              succeeds. Signatures: serving_default (text), ids, embed.
litert        float32, dynamic_int8 (int8 weights and tables), int8 (also the inputs and outputs of
              dense layers, with ranges from --calibration_data or from training with
              --config.quantization.bits=8). Needs ai-edge-litert. Signature: ids.
onnx          float32, int8 (int8 weights and tables). Needs onnxruntime. Takes ids.

The folder also has export.json and a model card, and for a SavedModel the files of TF Serving.
predict.py takes each format as --model; scripts/ask_small_model.py shows how to call LiteRT and
ONNX.
"""

import itertools

import reading_flags
from absl import flags

from bert_tf import app
from bert_tf.config.quantization import CALIBRATIONS
from bert_tf.data import labelled
from bert_tf.export import PRECISIONS

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Model folder, work directory or checkpoint of another project.")
flags.DEFINE_string("output_dir", None, "The folder to write; it must not exist yet.")
flags.DEFINE_enum("format", "saved_model", list(PRECISIONS), "The format to write.")
flags.DEFINE_enum(
    "precision",
    "float32",
    list(dict.fromkeys(itertools.chain(*PRECISIONS.values()))),
    "Precision of the numbers; the list above has the precisions of each format.",
)
flags.DEFINE_string(
    "calibration_data",
    None,
    "For litert int8: typical texts, in a file for predict.py.",
)
flags.DEFINE_integer(
    "calibration_lines", 200, "How many lines of --calibration_data to use.", lower_bound=1
)
flags.DEFINE_enum(
    "calibration",
    "mse",
    CALIBRATIONS,
    "How the range of an activation is chosen: the least mean squared error of the rounded values, "
    "a --calibration_percentile of the values at both ends, or all values (max).",
)
flags.DEFINE_float(
    "calibration_percentile",
    99.99,
    "For --calibration=percentile.",
    lower_bound=50,
    upper_bound=100,
)
flags.DEFINE_float(
    "largest_error",
    5e-3,
    "For litert int8: a dense layer quantises its inputs as they come, and keeps float outputs, if "
    "rounding them with fixed ranges would have a larger mean squared error than this share of "
    "their mean square. These are the layers with outliers. 0: all do, 1: none.",
    lower_bound=0,
)
reading_flags.define(
    labelled.FORMATS,
    "Format of --calibration_data: lines, or a table in this format. auto: the name tells it.",
    "--calibration_data",
)
flags.mark_flags_as_required(["model", "output_dir"])


def main(argv):
    del argv
    from bert_tf.quantization.calibrate import Method
    from bert_tf.workflows import exporting

    calibration = exporting.Calibration(
        FLAGS.calibration_data,
        FLAGS.calibration_lines,
        reading_flags.reading(),
        reading_flags.SETTINGS,
        Method(FLAGS.calibration, FLAGS.calibration_percentile, FLAGS.largest_error),
    )
    difference = exporting.export_model(
        FLAGS.model,
        FLAGS.output_dir,
        format=FLAGS.format,
        precision=FLAGS.precision,
        calibration=calibration,
    )
    if FLAGS.format == "saved_model":
        print(f"SavedModel: {FLAGS.output_dir}")
        print(f"checked in a process without bert_tf: largest difference {difference:.1e}")
        return
    print(f"{FLAGS.format}, {FLAGS.precision}: {FLAGS.output_dir}")
    print(f"largest difference of an output from the original: {difference:.1e}")


if __name__ == "__main__":
    app.run(main, reading_flags.take_settings)
