r"""Chooses how a trained classifier decides, on labelled data, and writes it into its folder.

    python scripts/decide.py --model=work/tickets --data=dev.csv \
        --config.task.fit_temperature=true --config.task.fit_thresholds=precision \
        --config.task.fit_target=0.9
    python scripts/decide.py --model=work/tickets --data=dev.csv \
        --config.task.reject_below=0.6 --config.task.top_k=3

Nothing is trained. predict.py, evaluate.py and everything that export.py writes from now on answer
as the folder says. Settings: temperature, thresholds, factors, reject_below and top_k are taken as
they are; fit_temperature and fit_thresholds (f1, precision, recall or cost, with fit_target or
costs) find theirs on --data. Each command begins anew: what it does not name is as it was before
any decision.
"""

import reading_flags
from absl import flags

from bert_tf import app
from bert_tf.data import labelled

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Model folder or work directory of a classifier.")
flags.DEFINE_string("data", None, "Labelled data as finetune.py takes them, not the training data.")
reading_flags.define(
    labelled.FORMATS[:1] + labelled.KINDS,
    "How the file is read: a table in this format, whatever its name. auto: the name says it.",
    "the file",
)
flags.DEFINE_integer("batch_size", 64, "Rows of a batch.", lower_bound=1)
flags.mark_flags_as_required(["model", "data"])


def main(argv):
    del argv
    from bert_tf.workflows import deciding

    found = deciding.decide(
        FLAGS.model,
        FLAGS.data,
        reading_flags.SETTINGS,
        reading=reading_flags.reading(),
        batch_size=FLAGS.batch_size,
    )
    for name, value in found.after.items():
        told = f" (undecided {found.before[name]:.4f})" if name in found.before else ""
        print(f"{name}: {value:.4f}{told}")
    print(f"written into {found.folder}; these scores flatter, because {FLAGS.data} chose")


if __name__ == "__main__":
    app.run(main, reading_flags.take_settings)
