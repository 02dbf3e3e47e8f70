r"""Exports a model: as a SavedModel that takes raw text, or as LiteRT or ONNX that take token ids.

    python scripts/export.py --model=work/sst2 --output_dir=served/sst2
    python scripts/export.py --model=work/sst2 --output_dir=small/sst2 --format=onnx \
        --precision=int8
    python scripts/export.py --model=work/sst2 --output_dir=small/sst2 --format=litert \
        --precision=int8 --calibration_data=train.txt

saved_model   float32, bfloat16 (about twice as fast on processors with AVX512-BF16 or AMX). Needs
              TensorFlow and its text ops alone, which a clean process proves before success is
              reported. Signatures: serving_default (text), ids, embed.
litert        float32, dynamic_int8 (int8 weights), int8 (activations too; measures their ranges on
              --calibration_data). Needs ai-edge-litert. Signature: ids.
onnx          float32, int8 (int8 weights of the products). Needs onnxruntime. The ids again.

Beside the model: export.json, a model card, for a SavedModel what TF Serving reads. predict.py
takes each of them as --model; scripts/ask_small_model.py shows how to ask LiteRT and ONNX.
"""

import itertools

from absl import flags

from bert_tf import app, model_folder
from bert_tf.data.labelled import records
from bert_tf.export import litert, onnx_model
from bert_tf.export.ids_model import export_ids_model
from bert_tf.export.saved_model import export_saved_model
from bert_tf.inference import rows, stream

FLAGS = flags.FLAGS
_PRECISIONS = {
    "saved_model": ("float32", "bfloat16"),
    "litert": litert.PRECISIONS,
    "onnx": onnx_model.PRECISIONS,
}

flags.DEFINE_string("model", None, "Model folder, work directory or foreign checkpoint.")
flags.DEFINE_string("output_dir", None, "Where the exported model is put; must not exist yet.")
flags.DEFINE_enum("format", "saved_model", list(_PRECISIONS), "What to make.")
flags.DEFINE_enum(
    "precision",
    "float32",
    list(dict.fromkeys(itertools.chain(*_PRECISIONS.values()))),
    "Form of the numbers; see above which format has which.",
)
flags.DEFINE_string(
    "calibration_data",
    None,
    "litert int8: texts of the kind to be expected, in a file as predict.py takes it.",
)
flags.DEFINE_integer("calibration_lines", 200, "How many lines of it to use.", lower_bound=1)
flags.DEFINE_enum(
    "input_format",
    "auto",
    records.FORMATS,
    "How --calibration_data is read: lines, or a table in this format. auto: the name says it.",
)
flags.DEFINE_string("encoding", "utf-8", "Encoding of --calibration_data: cp1252, for example.")
flags.mark_flags_as_required(["model", "output_dir"])

# Asked of both models before success is reported; {mask} is the tokenizer's own mask token.
_SAMPLES = ["a short text", "", "Another one, with {mask} and accents: ÀÉÎ 中文 🙂", "long " * 600]


_READING_SETTINGS: dict[str, str] = {}  # what --config.task. says


def _edit_command(argv: list[str]) -> None:
    _READING_SETTINGS.update(app.take_flags(argv, "config.task."))


def main(argv):
    del argv
    if FLAGS.precision not in _PRECISIONS[FLAGS.format]:
        known = ", ".join(_PRECISIONS[FLAGS.format])
        raise ValueError(f"--format={FLAGS.format} has no {FLAGS.precision}; it has: {known}.")
    dtype = "mixed_bfloat16" if FLAGS.precision == "bfloat16" else "float32"
    task, model = model_folder.load(FLAGS.model, dtype=dtype)
    reading = records.Reading(FLAGS.input_format, FLAGS.encoding)
    samples_task = rows.for_reading(task, reading, _READING_SETTINGS)
    metrics = model_folder.read_metrics(FLAGS.model)
    mask = task.tokenizer.tokens[task.tokenizer.mask_id]
    samples = [text.replace("{mask}", mask) for text in _SAMPLES]
    if FLAGS.format == "saved_model":
        difference = export_saved_model(task, model, FLAGS.output_dir, samples, metrics)
        print(f"SavedModel: {FLAGS.output_dir}")
        print(f"checked in a process without bert_tf: largest difference {difference:.1e}")
        return
    difference = export_ids_model(
        task,
        model,
        FLAGS.output_dir,
        format=FLAGS.format,
        precision=FLAGS.precision,
        samples=samples,
        calibration=_calibration_columns(samples_task) if FLAGS.precision == "int8" else (),
        metrics=metrics,
    )
    print(f"{FLAGS.format}, {FLAGS.precision}: {FLAGS.output_dir}")
    print(f"largest difference of an output from the original: {difference:.1e}")


def _calibration_columns(task) -> list[list[str]]:
    """The texts of --calibration_data; for a task on pairs both columns."""
    if FLAGS.format != "litert":
        return []
    if not FLAGS.calibration_data:
        raise ValueError("--precision=int8 needs --calibration_data: a file of texts.")
    lines = rows.read(FLAGS.calibration_data, task, task.reading, _READING_SETTINGS)
    lines = itertools.islice(lines, FLAGS.calibration_lines)
    texts = [stream.texts_of(task, line, FLAGS.calibration_data) for line in lines]
    return [list(column) for column in zip(*texts, strict=True)]


if __name__ == "__main__":
    app.run(main, _edit_command)
