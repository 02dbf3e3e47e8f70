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
are found: sentence, text, sentence1 and sentence2, label. Other names are settings, for example
--config.task.text_column=review. To learn numbers, set --config.task.problem_type=regression; for
several labels on one text, set it to multi_label_classification. Tagged words stand in columns,
with a blank line after each sentence. Questions are JSON files like SQuAD's. Without --eval_data a
tenth of the training file is held out.

The encoder is that of --init_checkpoint. Without it the weights are random, the encoder is that of
the config, and --vocab_file is needed.

Run the same command again to continue a run. At the end the work directory holds model/,
results.json, predictions/ and report.html.
"""

import os
import pathlib
import tempfile

import run_flags
from absl import flags
from ml_collections import config_flags

from bert_tf import app, initial_weights, locks, members, model_folder
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.labelled import records
from bert_tf.data.text import tfds
from bert_tf.files import sha256
from bert_tf.tasks.glue import grid as glue_runs
from bert_tf.tasks.glue import tasks, tfds_files
from bert_tf.tasks.results import check_held_out, write_results
from bert_tf.tasks.sets import Files, Result
from bert_tf.tasks.task import Score, make_task
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.training import distribution, find_batch
from bert_tf.training.evaluate import Evaluator
from bert_tf.training.loop import train

_ROOT = pathlib.Path(__file__).parents[1]

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file(
    "config",
    None,
    "The recipe, for example configs/finetune/sst2.py. Without it --task picks one, and without "
    "both it is configs/finetune/glue.py.",
)
flags.DEFINE_string(
    "task",
    None,
    "A task of bert_tf, such as token_classification: picks its recipe. Or a task of GLUE: its "
    "columns, labels and metrics, its files below --data_dir. glue: all tasks of GLUE, with every "
    "seed and rate; it ends with a table and the archive for the leaderboard.",
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
    "Files to predict, with or without labels. Those that have labels are scored too.",
)
flags.DEFINE_enum(
    "input_format",
    "auto",
    records.FORMATS[:1] + records.KINDS,
    "How all these files are read: a table of labelled texts in this format, whatever its name. "
    "auto: the name says it.",
)
flags.DEFINE_string("encoding", "utf-8", "Encoding of all these files: cp1252, for example.")
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
flags.DEFINE_list("seeds", ["1", "2", "3"], "For --task=glue: the seeds of the runs.")
flags.DEFINE_list(
    "learning_rates",
    [],
    "For --task=glue: the learning rates of the runs. The default is the rate of the config.",
)
flags.DEFINE_list(
    "tasks", [], "For --task=glue: which tasks. The default is all whose files are there."
)
flags.DEFINE_list(
    "from_mnli",
    [],
    "For --task=glue: these tasks start from the best model of MNLI in place of --init_checkpoint, "
    "for example rte,mrpc,stsb.",
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
    of_glue = (*tasks.TRAINED, "glue")
    if not task or task in of_glue:
        return
    members.find("tasks", task, f"--task={task} is none of GLUE ({', '.join(of_glue)})")
    if config:
        raise ValueError(f"--config={config} says the task already. Leave out --task={task}.")


def _default_config(task: str | None) -> str:
    """The config file for a task of bert_tf or of GLUE."""
    recipe = "finetune/glue.py"
    if task and task not in (*tasks.TRAINED, "glue"):
        settings = members.find("tasks", task, "--task").Config
        recipe = settings.RECIPE or f"finetune/default.py:{task}"
    return os.path.relpath(_ROOT / "configs" / recipe)


def main(argv):
    if FLAGS.task == "glue":
        return _run_grid(argv[0])
    config = FLAGS.config
    if FLAGS.find_batch:
        find_batch.settle(config, FLAGS.work_dir, FLAGS.strategy, _COMMAND)
    strategy = distribution.make_strategy(FLAGS.strategy, tpu=FLAGS.tpu)
    if config.task.TRAINED_BY != "finetune.py":
        script = config.task.TRAINED_BY
        raise ValueError(
            f"the task of --config is {config.task.name!r}, which "
            + (f"{script} trains." if script else "has no objective to train.")
        )
    with distribution.owning(FLAGS.work_dir, strategy, writes=not FLAGS.dry_run):
        if bool(FLAGS.init_checkpoint) == bool(FLAGS.vocab_file):
            raise ValueError("pass either --init_checkpoint, or --vocab_file for random weights.")
        if _glue_task():
            config = glue_runs.with_format(config, FLAGS.task)
        files = _files(strategy)
        if FLAGS.init_checkpoint:
            config.model = initial_weights.config_of_checkpoint(
                FLAGS.init_checkpoint, config.model, _MODEL_SETTINGS
            )
            tokenizer = model_folder.load_tokenizer(FLAGS.init_checkpoint)
        else:
            tokenizer = Tokenizer.from_folder(FLAGS.vocab_file)
        config.check()
        if FLAGS.trial:
            config, _ = find_batch.try_phase(config, None, FLAGS.trial)
        data = config.task.task_class().prepare(config, files, tokenizer)
        check_held_out(FLAGS.work_dir, data.held_out)
        print("\n".join(data.look_lines), flush=True)
        config = config.with_steps(len(data.train.examples))
        task = make_task(config, tokenizer, data.facts)
        # Without evaluations in between there is none in the loop: `_evaluate` follows.
        watched = next(iter(data.dev.values()), None) if config.train.eval_every else None
        trained = train(
            task,
            config,
            train_data=data.train.arrays,
            eval_data=watched and watched.arrays,
            work_dir=FLAGS.work_dir,
            initialize=initial_weights.initializer(FLAGS.init_checkpoint, tokenizer),
            made_of={
                "data": _data_id(files.train, data),
                "initial weights": initial_weights.identity(FLAGS.init_checkpoint),
            },
            session=run_flags.session(strategy),
        )
        if FLAGS.dry_run:
            return 0
        task, results = _evaluate(task, trained, strategy, data)
        scores = {name: result.scores for name, result in results.items() if result.scores}
        if distribution.is_chief(strategy):
            _save(task, trained.model, data, results, scores)
        for name, values in scores.items():
            for metric, value in values.items():
                print(f"{name + ' ' if len(scores) > 1 else ''}{metric}: {value:.4f}")
        return 0


def _data_id(path: str, data) -> str:
    """Of the rows that are trained on: without an evaluation file some of the file's are not."""
    rows = f", {len(data.train.examples)} rows of it" if data.held_out else ""
    return sha256(path) + rows


def _glue_task() -> bool:
    """Whether --task is one of GLUE, not one of bert_tf."""
    return FLAGS.task in tasks.TRAINED


def _files(strategy) -> Files:
    """The files that the flags name, or those of a task of GLUE."""
    reading = records.Reading(FLAGS.input_format, FLAGS.encoding)
    if _glue_task():
        found = tasks.find_files(_glue_folder([FLAGS.task], strategy), FLAGS.task)
        train_file = FLAGS.train_data or found.train
        dev = _named(FLAGS.eval_data, "dev") or found.dev
        files = Files(train_file, dev, _named(FLAGS.test_data, "test") or found.test, reading)
    else:
        dev, test = _named(FLAGS.eval_data, "dev"), _named(FLAGS.test_data, "test")
        files = Files(FLAGS.train_data, dev, test, reading)
    if not files.train:
        raise ValueError("--train_data is missing; --help shows all flags.")
    return files


def _glue_folder(names, strategy=None) -> str:
    """--data_dir; what TensorFlow Datasets has of the tasks `names` is written once."""
    if not FLAGS.data_dir:
        raise ValueError(f"--task={FLAGS.task} needs --data_dir, the folder with CoLA, MRPC, ...")
    if not FLAGS.data_dir.startswith(tfds.PREFIX):
        return FLAGS.data_dir
    is_chief = strategy is None or distribution.is_chief(strategy)
    folder = f"{FLAGS.work_dir}/tfds" if is_chief else tempfile.mkdtemp()
    tfds_files.write_files(FLAGS.data_dir, names, folder)
    return folder


def _named(paths: list[str], name: str) -> dict[str, str]:
    """{name: path}: one file has the given name, several have those of their files."""
    if len(paths) < 2:
        return dict(zip([name], paths, strict=False))
    names = [f"{name}_{pathlib.Path(path).name.split('.')[0]}" for path in paths]
    if len(set(names)) < len(names):
        raise ValueError(f"two files have one name: {', '.join(paths)}. Rename one of them.")
    return dict(zip(names, paths, strict=True))


def _evaluate(task, trained, strategy, data) -> tuple[Score, dict[str, Result]]:
    """(the task, {name of the set: scores and answers}); scores of sets that have labels.

    An evaluation of the first set at the end of the training is not repeated. What is chosen on
    evaluation data (a threshold) is chosen on the first set, before its scores.
    """
    evaluator = Evaluator(task, trained.model, strategy, task.config.train.eval_batch_size)
    part = BatchSlice(task.config.train.eval_batch_size)
    results = {}
    for name, part_of in {**data.dev, **data.test}.items():
        if not results and trained.evaluation is not None:
            scores, rows = dict(trained.evaluation.metrics), trained.evaluation.rows
        else:
            scores, rows = evaluator.run_with_rows(part_of.arrays)
        if not results and data.dev:
            task = task.with_facts(task.calibrate(rows, part_of.arrays))
            scores |= task.score(rows, part_of.arrays)
        if part_of.is_labelled:
            scores |= task.baselines(task.make_dataset(part_of.arrays, part, training=False))
        results[name] = Result(scores if part_of.is_labelled else {}, rows)
    return task, results


def _save(task, model, data, results, scores) -> None:
    first = next(iter(data.dev), None)
    others = {name: values for name, values in scores.items() if name != first}
    metrics = {"eval": scores.get(first, {}), **others}
    model_folder.save(f"{FLAGS.work_dir}/model", task, model, metrics)
    if _glue_task():
        glue_runs.write_submission_files(FLAGS.work_dir, FLAGS.task, task, results)
    write_results(FLAGS.work_dir, task, data, results)
    print(f"model: {FLAGS.work_dir}/model")
    print(f"report: {FLAGS.work_dir}/report.html")


def _run_grid(script: str) -> int:
    """Runs this script for every task, rate and seed; the flags of this run go along."""
    grid = glue_runs.Grid(
        data_dir=_glue_folder(FLAGS.tasks or tasks.TRAINED),
        work_dir=FLAGS.work_dir,
        init_checkpoint=FLAGS.init_checkpoint,
        tasks=tuple(FLAGS.tasks),
        seeds=tuple(FLAGS.seeds),
        learning_rates=tuple(FLAGS.learning_rates) or (str(FLAGS.config.optimizer.learning_rate),),
        from_mnli=tuple(FLAGS.from_mnli),
    )
    with locks.folder(FLAGS.work_dir):
        print(glue_runs.run(grid, script, glue_runs.passed_on(_COMMAND[1:])))
    return 0


if __name__ == "__main__":
    app.run(main, _edit_command)
