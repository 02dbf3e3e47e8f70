r"""Fine-tunes a pretrained model on labelled texts, tagged words or questions, and scores it.

    python scripts/finetune.py --config=configs/finetune/sst2.py \
        --train_data=SST-2/train.tsv --eval_data=SST-2/dev.tsv \
        --init_checkpoint=work/mini --work_dir=work/sst2
    python scripts/finetune.py --task=mrpc --data_dir=glue \
        --init_checkpoint=MODEL --work_dir=work/mrpc
    python scripts/finetune.py --task=glue --data_dir=glue --seeds=1,2,3 \
        --learning_rates=3e-5,5e-5 --init_checkpoint=MODEL --work_dir=work/glue
    python scripts/finetune.py --config=configs/finetune/conll2003.py --train_data=eng.train \
        --eval_data=eng.testa --init_checkpoint=MODEL --work_dir=work/ner
    python scripts/finetune.py --config=configs/finetune/squad.py --train_data=train-v1.1.json \
        --eval_data=dev-v1.1.json --init_checkpoint=MODEL --work_dir=work/squad

Labelled texts are .tsv, .csv, .jsonl (also compressed) or .parquet files. Columns with usual names
are found: sentence, text, sentence1 and sentence2, label. For other names, set for example
--config.task.text_column=review. To predict numbers, set --config.task.problem_type=regression; for
several labels per text, set it to multi_label_classification. Files of tagged words have columns,
and a blank line after each sentence. Questions are JSON files like SQuAD's. Without --eval_data a
tenth of the training file is held out.

--init_checkpoint decides the encoder. Without it the config decides the encoder, the weights are
random, and --vocab_file is needed.

Run the same command again to continue a run. At the end the work directory has model/,
results.json, predictions/ and report.html.
"""

import tempfile

import looking_flags
import reading_flags
import run_flags
from absl import flags
from ml_collections import config_flags

from bert_tf import app, locks, members
from bert_tf.analysis import errors
from bert_tf.analysis.suspects import MOST_CHECKED
from bert_tf.data import labelled
from bert_tf.tasks import glue

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file(
    "config",
    None,
    "The recipe: a name such as finetune/sst2, or a file of your own. Without it --task picks one, "
    "and without both it is finetune/glue.",
)
flags.DEFINE_string(
    "task",
    None,
    "A task of bert_tf, such as token_classification: uses its recipe. A task of GLUE: uses its "
    "columns, labels and metrics, and its files in --data_dir. glue: runs all tasks of GLUE with "
    "every seed and rate, and makes a table and the archive for the leaderboard.",
)
flags.DEFINE_string(
    "data_dir",
    None,
    "For a --task of GLUE: the folder with CoLA, MRPC, ... in it. tfds:glue downloads them with "
    "TensorFlow Datasets and writes them below --work_dir.",
)
flags.DEFINE_string(
    "train_data",
    None,
    "The file to train on: labelled texts (.tsv, .csv, .jsonl, also .gz, or .parquet), tagged "
    "words in columns, or questions in JSON like SQuAD's.",
)
flags.DEFINE_list(
    "eval_data",
    [],
    "Files of the same kind to evaluate on. The first is also evaluated during training.",
)
flags.DEFINE_list(
    "test_data",
    [],
    "Files to predict, with or without labels. Files with labels are also scored.",
)
reading_flags.define(
    labelled.FORMATS[:1] + labelled.KINDS,
    "Format of all these files: a table of labelled texts in this format, with any name. auto: the "
    "name tells the format.",
    "all these files",
)
flags.DEFINE_string("work_dir", None, "Folder for everything that the run writes.")
flags.DEFINE_string(
    "init_checkpoint",
    None,
    "Start from these weights: a model folder, work directory or checkpoint of another project.",
)
flags.DEFINE_string(
    "vocab_file", None, "vocab.txt or the folder of a tokenizer; only without --init_checkpoint."
)
run_flags.define()
looking_flags.define(
    "The work directory of another run that was scored on the same files: the report page shows "
    "who wins where, with a paired bootstrap test.",
    errors.COLOURED,
)
flags.DEFINE_integer(
    "check_labels",
    MOST_CHECKED,
    "A training set of up to so many rows is answered by the trained model at the end: the report "
    "page lists labels that are likely wrong. 0: never.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "label_folds",
    0,
    "Find labels that are likely wrong out of fold: so many more models are trained, each without "
    "a part of the training set, and answer that part. --label_folds=5 takes six times the "
    "training in all. 0: the trained model answers, see --check_labels.",
    lower_bound=0,
)
flags.DEFINE_list("seeds", ["1", "2", "3"], "For --task=glue: the seeds of the runs.")
flags.DEFINE_list(
    "learning_rates",
    [],
    "For --task=glue: the learning rates of the runs. The default is the rate of the config.",
)
flags.DEFINE_list(
    "tasks", [], "For --task=glue: the tasks to run. The default is all tasks with files."
)
flags.DEFINE_list(
    "from_mnli",
    [],
    "For --task=glue: start these tasks from the best MNLI model instead of --init_checkpoint, for "
    "example rte,mrpc,stsb.",
)
flags.mark_flags_as_required(["work_dir"])


_COMMAND: list[str] = []  # the words of the command line, as they were given
# What --config.model. says, if the model comes from --init_checkpoint.
_MODEL_SETTINGS: dict[str, str] = {}


def _edit_command(argv: list[str]) -> None:
    """Picks a config where none is given; takes out settings of a model that is yet to be read."""
    _COMMAND.extend(argv)
    _check_task(app.value_of("task", argv), app.value_of("config", argv))
    if app.value_of("config", argv) is None:
        argv.insert(1, f"--config={_default_config(app.value_of('task', argv))}")
    if app.value_of("init_checkpoint", argv):
        _MODEL_SETTINGS.update(app.take_flags(argv, "config.model."))


def _check_task(task: str | None, config: str | None) -> None:
    of_glue = (*glue.TRAINED, "glue")
    if not task or task in of_glue:
        return
    members.find("tasks", task, f"--task={task} is none of GLUE ({', '.join(of_glue)})")
    if config:
        raise ValueError(f"--config={config} says the task already. Leave out --task={task}.")


def _default_config(task: str | None) -> str:
    """The recipe for a task of bert_tf or of GLUE."""
    if not task or task in (*glue.TRAINED, "glue"):
        return "finetune/glue"
    return members.find("tasks", task, "--task").Config.RECIPE or f"finetune/default:{task}"


def main(argv):
    if FLAGS.task == "glue":
        return _run_grid(argv[0])
    from bert_tf.tasks.glue import grid
    from bert_tf.training import distribution, find_batch
    from bert_tf.training.loop import train
    from bert_tf.workflows import finetuning
    from bert_tf.workflows.start import Start

    config, looking = FLAGS.config, _looking()
    if FLAGS.find_batch:
        find_batch.settle(config, FLAGS.work_dir, FLAGS.strategy, _COMMAND)
    strategy = run_flags.strategy()
    finetuning.check_is_trained_here(config)
    with distribution.owning(FLAGS.work_dir, strategy, writes=not FLAGS.dry_run):
        start = Start(FLAGS.init_checkpoint, FLAGS.vocab_file, _MODEL_SETTINGS)
        finetuning.check_start(start)
        if _glue_task():
            config = grid.with_format(config, FLAGS.task)
        session = run_flags.session(strategy)
        plan = finetuning.prepare(
            config, _files(strategy), start, FLAGS.work_dir, session, FLAGS.trial
        )
        plan.check(looking)
        trained = train(**plan.arguments)
        if FLAGS.dry_run:
            return 0
        scores = plan.finish(trained, _write_submission, looking).scores
    if distribution.is_chief(strategy):
        print(f"model: {FLAGS.work_dir}/model")
        print(f"report: {FLAGS.work_dir}/report.html")
    run_flags.print_scores(scores)
    return 0


def _looking():
    """What the report page shall show besides."""
    return looking_flags.looking(check_labels=FLAGS.check_labels, label_folds=FLAGS.label_folds)


def _write_submission(task, results) -> None:
    """Of a task of GLUE: the files for the leaderboard."""
    from bert_tf.tasks.glue import grid

    if _glue_task():
        grid.write_submission_files(FLAGS.work_dir, FLAGS.task, task, results)


def _glue_task() -> bool:
    """Whether --task is one of GLUE, not one of bert_tf."""
    return FLAGS.task in glue.TRAINED


def _files(strategy):
    """The `Files` that the flags name, or those of a task of GLUE."""
    from bert_tf.tasks.glue import tasks
    from bert_tf.tasks.sets import Files
    from bert_tf.workflows.finetuning import named

    train, reading = FLAGS.train_data, reading_flags.reading()
    dev, test = named(FLAGS.eval_data, "dev"), named(FLAGS.test_data, "test")
    if _glue_task():
        found = tasks.find_files(_glue_folder([FLAGS.task], strategy), FLAGS.task)
        train, dev, test = train or found.train, dev or found.dev, test or found.test
    if not train:
        raise ValueError("--train_data is missing; --help shows all flags.")
    return Files(train, dev, test, reading)


def _glue_folder(names, strategy=None) -> str:
    """--data_dir; what TensorFlow Datasets has of the tasks `names` is written once."""
    from bert_tf.data.text import tfds
    from bert_tf.tasks.glue import tfds_files
    from bert_tf.training import distribution

    if not FLAGS.data_dir:
        raise ValueError(f"--task={FLAGS.task} needs --data_dir, the folder with CoLA, MRPC, ...")
    if not FLAGS.data_dir.startswith(tfds.PREFIX):
        return FLAGS.data_dir
    is_chief = strategy is None or distribution.is_chief(strategy)
    folder = f"{FLAGS.work_dir}/tfds" if is_chief else tempfile.mkdtemp()
    tfds_files.write_files(FLAGS.data_dir, names, folder)
    return folder


def _run_grid(script: str) -> int:
    """Runs this script for every task, rate and seed; the flags of this run go along."""
    from bert_tf.tasks.glue import grid

    runs = grid.Grid(
        data_dir=_glue_folder(FLAGS.tasks or glue.TRAINED),
        work_dir=FLAGS.work_dir,
        init_checkpoint=FLAGS.init_checkpoint,
        tasks=tuple(FLAGS.tasks),
        seeds=tuple(FLAGS.seeds),
        learning_rates=tuple(FLAGS.learning_rates) or (str(FLAGS.config.optimizer.learning_rate),),
        from_mnli=tuple(FLAGS.from_mnli),
    )
    with locks.folder(FLAGS.work_dir):
        print(grid.run(runs, script, grid.passed_on(_COMMAND[1:])))
    return 0


if __name__ == "__main__":
    app.run(main, _edit_command)
