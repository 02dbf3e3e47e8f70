"""Exports a model as a SavedModel that takes raw text and needs only TensorFlow and its text ops.

    python scripts/export.py --model=work/sst2 --output_dir=served/sst2

Before it reports success, a clean process without bert_tf loads the result and must give the same
numbers. Signatures: serving_default (text), ids, embed; README lists their outputs.
"""

from absl import flags

from bert_tf import app, model_folder
from bert_tf.export.saved_model import export_saved_model

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Model folder or work directory.")
flags.DEFINE_string("output_dir", None, "Where the SavedModel is put; must not exist yet.")
flags.mark_flags_as_required(["model", "output_dir"])

# Asked of both models before success is reported.
_SAMPLES = ["a short text", "", "Another one, with [MASK] and accents: ÀÉÎ 中文 🙂", "long " * 600]


def main(argv):
    del argv
    task, model = model_folder.load(FLAGS.model)
    difference = export_saved_model(task, model, FLAGS.output_dir, _SAMPLES)
    print(f"SavedModel: {FLAGS.output_dir}")
    print(f"checked in a process without bert_tf: largest difference {difference:.1e}")


if __name__ == "__main__":
    app.run(main)
