r"""Makes a trained model smaller: takes out heads, feed-forward units and layers, and trains on.

    python scripts/prune.py --model=work/sst2 --train_data=SST-2/train.tsv \
        --eval_data=SST-2/dev.tsv --work_dir=work/sst2_small --target_flops=0.5
    python scripts/prune.py --model=work/sst2 --train_data=SST-2/train.tsv \
        --eval_data=SST-2/dev.tsv --work_dir=work/sst2_fast --target_latency=0.6 --rounds=2

In each round, every head, unit and layer is judged on the labelled training data by how much the
loss would change without it. Those worth least for what they cost go, for good: the matrices become
smaller. Then the model is trained as distill.py does, with the answers of --model as the teacher's,
for --round_epochs, and behind the last round as long as the config says. Task, labels, columns and
lengths are those of the model.

--config and its settings of the optimizer, train and distill sections are those of the training in
every round. --config.data. settings change how data is read, --config.task. those of columns.

Run the same command again to continue. At the end the work directory is that of finetune.py for the
smaller model: model/, results.json, report.html. It can be trained on, scored, exported and served.
"""

import reading_flags
from absl import flags
from ml_collections import config_flags

from bert_tf import app
from bert_tf.data import labelled

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file(
    "config",
    None,
    "The recipe for the training in every round: a name or a file of your own. Only its optimizer, "
    "train and distill settings are used. The default is distill/task: the labels and the answers "
    "of --model are learned. finetune/default learns the labels alone.",
)
flags.DEFINE_string("model", None, "Model folder or work directory of a model that was fine-tuned.")
flags.DEFINE_string("train_data", None, "The labelled file to judge and train on.")
flags.DEFINE_list(
    "eval_data", [], "Labelled files to score on; without one a part of --train_data is held out."
)
reading_flags.define(
    labelled.FORMATS[:1] + labelled.KINDS,
    "Format of these files: a table of labelled texts in this format, with any name. auto: the "
    "name tells the format.",
    "these files",
)
flags.DEFINE_string("work_dir", None, "Folder for everything that the run writes.")
flags.DEFINE_float(
    "target_parameters",
    None,
    "The parameters of the encoder's blocks that shall be left, without embeddings and heads of "
    "tasks, which are not pruned: a share such as 0.5, or a number.",
)
flags.DEFINE_float(
    "target_flops",
    None,
    "The floating-point operations of a forward pass that shall be left: a share or a number.",
)
flags.DEFINE_float(
    "target_latency",
    None,
    "The measured time for one text that shall be left: a share, or milliseconds from 1 on. It is "
    "measured on this machine, on the graph of a SavedModel, without the tokenizer.",
)
flags.DEFINE_list(
    "kinds",
    ["heads", "units", "layers"],
    "What may go: heads, units (of feed-forward), layers. units:0.5 lets at most half of them go.",
)
flags.DEFINE_integer("rounds", 3, "In so many rounds; the model is trained behind each.")
flags.DEFINE_float(
    "round_epochs",
    1.0,
    "Passes over the training data between two rounds. Without effect if "
    "--config.train.num_train_steps is set.",
)
flags.DEFINE_integer(
    "importance_rows", 1024, "Rows of the training data on which the importance is measured."
)
flags.DEFINE_enum(
    "importance_of",
    "square",
    ("square", "absolute"),
    "Importance is the mean over rows of the square of the derivative of the loss by the gate of a "
    "part, or of its absolute value.",
)
flags.DEFINE_enum("strategy", "auto", ("auto", "one_device", "mirrored"), "Which devices to use.")
flags.mark_flags_as_required(["model", "train_data", "work_dir"])

_SECTIONS = ("task", "data", "model")
_SETTINGS: dict[str, dict[str, str]] = {}


def _edit_command(argv: list[str]) -> None:
    """Picks the default config; takes out settings of a model that is yet to be read."""
    if app.value_of("config", argv) is None:
        argv.insert(1, "--config=distill/task")
    for section in _SECTIONS:
        _SETTINGS[section] = app.take_flags(argv, f"config.{section}.")


def main(argv):
    del argv
    from bert_tf.pruning.target import target_of

    target = target_of(
        parameters=FLAGS.target_parameters, flops=FLAGS.target_flops, latency=FLAGS.target_latency
    )
    from bert_tf.pruning.settings import Pruning, kinds_of
    from bert_tf.training.loop import Session
    from bert_tf.workflows import pruning

    settings = Pruning(
        target,
        FLAGS.rounds,
        kinds_of(FLAGS.kinds),
        FLAGS.round_epochs,
        FLAGS.importance_rows,
        FLAGS.importance_of,
    )
    inputs = pruning.Inputs(
        FLAGS.model, FLAGS.train_data, FLAGS.eval_data, reading_flags.reading(), _SETTINGS
    )
    session = Session(FLAGS.strategy)
    pruning.prune(inputs, settings, work_dir=FLAGS.work_dir, config=FLAGS.config, session=session)
    print(f"model: {FLAGS.work_dir}/model")
    print(f"report: {FLAGS.work_dir}/report.html")
    return 0


if __name__ == "__main__":
    app.run(main, _edit_command)
