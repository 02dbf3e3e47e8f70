r"""Trains a small model, the student, on what a large one, the teacher, answers.

    python scripts/distill.py --teacher=work/sst2 --train_data=SST-2/train.tsv \
        --eval_data=SST-2/dev.tsv --work_dir=work/sst2_small
    python scripts/distill.py --teacher=work/sst2 --config.distill.student_layers=1,3,6 \
        --train_data=SST-2/train.tsv --unlabelled_data=reviews.jsonl --work_dir=work/sst2_small
    python scripts/distill.py --config=distill/minilm --teacher=bert-base-uncased \
        --train_data=data/train --eval_data=data/valid --work_dir=work/minilm
    python scripts/distill.py --config=distill/distilbert --teacher=bert-base-uncased \
        --train_data=data/train --work_dir=work/distilbert
    python scripts/distill.py --config=distill/vectors --teacher=all-MiniLM-L6-v2 \
        --train_data='texts*.txt' --work_dir=work/vectors

There are three kinds. Of a fine-tuned teacher the student learns the task: labels, a number, tags
or answers; the files are those of finetune.py, and texts without labels can be added. Of a
pretrained teacher it learns to understand text in general (distill/minilm, distill/distilbert); the
data are those of pretrain.py. Of a sentence-embedding teacher it learns the vectors of plain texts
(distill/vectors). Without --config the task of the teacher decides.

The student is made of layers of the teacher (--config.distill.student_layers), or it is another
model: --init_checkpoint, or --config.model. with random weights. It has the teacher's vocabulary.

Run the same command again to continue a run. At the end the work directory has model/, an ordinary
model folder without anything of the teacher, and what finetune.py or pretrain.py would write.
"""

import os

import looking_flags
import reading_flags
import run_flags
from absl import flags
from ml_collections import config_flags

from bert_tf import app, files, recipes
from bert_tf.analysis import errors
from bert_tf.data import labelled

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file(
    "config",
    None,
    "The recipe: distill/task:classification (or another task), distill/minilm, "
    "distill/distilbert, distill/vectors, or a file of your own. Without it the teacher's task "
    "decides.",
)
flags.DEFINE_string(
    "teacher", None, "The teacher: a model folder, work directory or checkpoint of another project."
)
flags.DEFINE_multi_string(
    "train_data",
    None,
    "What the student learns from: the file of examples that a task is trained on; a folder made "
    "by create_pretraining_data.py with the teacher's vocabulary (for train.phases, give it once "
    "for each phase); or files of plain texts.",
)
flags.DEFINE_list(
    "eval_data",
    [],
    "Data of the same kind to evaluate on. The first is also evaluated during training.",
)
flags.DEFINE_list(
    "test_data", [], "Files of examples to predict. Files with labels are also scored."
)
flags.DEFINE_list(
    "unlabelled_data",
    [],
    "More files of examples, whose labels, if any, are not read: their rows count only where the "
    "student learns from the teacher.",
)
flags.DEFINE_string(
    "augment_model",
    None,
    "A masked LM with the teacher's vocabulary, for --config.distill.augment_copies.",
)
reading_flags.define(
    labelled.FORMATS[:1] + labelled.KINDS,
    "Format of all files of examples: a table in this format, with any name. auto: the name tells "
    "the format.",
    "all files of examples",
)
flags.DEFINE_string("work_dir", None, "Folder for everything that the run writes.")
flags.DEFINE_string(
    "init_checkpoint",
    None,
    "The student: a model folder, work directory or checkpoint of another project, instead of "
    "layers of the teacher.",
)
run_flags.define()
looking_flags.define(
    "The work directory of another run that was scored on the same files, such as the teacher's: "
    "the report page shows who wins where, with a paired bootstrap test.",
    errors.COLOURED,
)
flags.mark_flags_as_required(["teacher", "train_data", "work_dir"])


_COMMAND: list[str] = []  # the words of the command line, as they were given
# What --config.model. says, if the model comes from a checkpoint.
_MODEL_SETTINGS: dict[str, str] = {}
_LAYERS = "config.distill.student_layers"


def _edit_command(argv: list[str]) -> None:
    """Picks the config of the teacher's task; takes out settings of a model yet to be read."""
    _COMMAND.extend(argv)
    if app.value_of("config", argv) is None:
        argv.insert(1, f"--config={_default_config(app.value_of('teacher', argv))}")
    if app.value_of("init_checkpoint", argv) or _has_layers(argv):
        _MODEL_SETTINGS.update(app.take_flags(argv, "config.model."))


def _default_config(teacher: str | None) -> str:
    """The recipe for the task of a teacher of bert_tf; of others, for texts with labels."""
    for folder in (teacher, f"{teacher}/model") if teacher else ():
        path = os.path.join(folder, "task.json")
        if files.exists(path):
            name = files.read_json(path).get("task", {}).get("name", "")
            return {"embedding": "distill/vectors", "pretraining": "distill/distilbert"}.get(
                name, f"distill/task:{name}"
            )
    return "distill/task:classification"


def _has_layers(argv: list[str]) -> bool:
    """Whether the student is made of layers of the teacher."""
    said = app.value_of(_LAYERS, argv)
    if said is None:
        config = recipes.load(recipes.find(app.value_of("config", argv)))
        said = getattr(getattr(config, "distill", None), "student_layers", "")
    return bool(said)


def main(argv):
    del argv
    from bert_tf.training import distribution, find_batch
    from bert_tf.training.loop import train
    from bert_tf.workflows import distilling
    from bert_tf.workflows.lessons import Lesson
    from bert_tf.workflows.start import Start

    if FLAGS.find_batch:
        find_batch.settle(FLAGS.config, FLAGS.work_dir, FLAGS.strategy, _COMMAND)
    strategy = run_flags.strategy()
    lesson = Lesson(
        FLAGS.teacher,
        FLAGS.train_data,
        FLAGS.eval_data,
        FLAGS.test_data,
        FLAGS.unlabelled_data,
        FLAGS.augment_model,
        reading_flags.reading(),
    )
    with distribution.owning(FLAGS.work_dir, strategy, writes=not FLAGS.dry_run):
        plan = distilling.prepare(
            FLAGS.config,
            lesson,
            Start(FLAGS.init_checkpoint, None, _MODEL_SETTINGS),
            FLAGS.work_dir,
            run_flags.session(strategy),
            FLAGS.trial,
        )
        looking = looking_flags.looking()
        plan.check(looking)
        trained = train(**plan.arguments)
        if FLAGS.dry_run:
            return
        scores = plan.finish(trained, looking)
    if distribution.is_chief(strategy):
        print(f"model: {FLAGS.work_dir}/model")
    run_flags.print_scores(scores)


if __name__ == "__main__":
    app.run(main, _edit_command)
