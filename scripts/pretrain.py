r"""Pretrains an encoder on data made by create_pretraining_data.py: masked LM, next sentence.

    python scripts/pretrain.py --config=configs/pretrain/mini.py \
        --train_data=data/train --eval_data=data/valid --work_dir=work/mini

Run the same command again to continue a run. The work directory gets checkpoints/, config.json,
metrics.jsonl and tensorboard/. At the end it gets model/, which finetune.py, predict.py and
export.py read.

Mix data sets with weights: --train_data=wiki:0.7,books:0.3 draws exactly 70 % of the rows from the
first, in an order that depends on the seed alone. Without weights each row is read once an epoch.
With weights an epoch has as many rows as all data sets together.

A run with phases (train.phases of the config) takes one --train_data for each phase, in order:
--train_data=data/128 --train_data=data/512. A single --train_data serves all phases.

Records made by create_pretraining_data.py of google-research/bert or Model Garden are read too:
--train_data='examples/*.tfrecord' --vocab_file=vocab.txt. As --eval_data, such records and data
made with --static_masks may have another length than the training data, so that one file can
compare different recipes.
"""

import os
import pathlib
import tempfile

import run_flags
from absl import flags, logging
from ml_collections import config_flags

from bert_tf import app, initial_weights, members, model_folder
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.records import tf_example_files
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.training import distribution, find_batch
from bert_tf.training.loop import train
from bert_tf.training.phases import phases_of

_ROOT = pathlib.Path(__file__).parents[1]

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file("config", None, "The recipe, for example configs/pretrain/mini.py.")
flags.DEFINE_string(
    "encoder",
    None,
    "In place of --config: the default settings of an encoder of bert_tf/models, or of a module "
    "that --members names.",
)
flags.DEFINE_multi_string(
    "train_data",
    None,
    "A folder made by create_pretraining_data.py; several folders with weights, "
    "folder:0.7,folder:0.3; or files with records of google-research/bert or Model Garden (with "
    "--vocab_file). Give it several times for train.phases: once for each phase.",
)
flags.DEFINE_string(
    "eval_data", None, "Data of the same kind to evaluate on. Without it nothing is evaluated."
)
flags.DEFINE_string(
    "vocab_file", None, "Vocabulary of records without a manifest: vocab.txt or its folder."
)
flags.DEFINE_string("work_dir", None, "Folder for everything that the run writes.")
flags.DEFINE_string(
    "init_checkpoint",
    None,
    "Start from these weights: a model folder, work directory or checkpoint of another project.",
)
run_flags.define()
flags.mark_flags_as_required(["config", "train_data", "work_dir"])


_COMMAND: list[str] = []  # the words of the command line, as they were given
# What --config.model. says, if the model comes from --init_checkpoint.
_MODEL_SETTINGS: dict[str, str] = {}


def _edit_command(argv: list[str]) -> None:
    """Picks the config of --encoder; takes out settings of a model that is yet to be read."""
    _COMMAND.extend(argv)
    encoder, config = app.value_of("encoder", argv), app.value_of("config", argv)
    if encoder and config:
        raise ValueError(
            f"--config={config} says the encoder already. Leave out --encoder={encoder}."
        )
    if encoder:
        members.find("models", encoder, "--encoder")
        default = os.path.relpath(_ROOT / "configs" / "pretrain" / "default.py")
        argv.insert(1, f"--config={default}:{encoder}")
    if app.value_of("init_checkpoint", argv):
        _MODEL_SETTINGS.update(app.take_flags(argv, "config.model."))


def main(argv):
    del argv
    config = FLAGS.config
    if FLAGS.find_batch:
        find_batch.settle(config, FLAGS.work_dir, FLAGS.strategy, _COMMAND)
    strategy = distribution.make_strategy(FLAGS.strategy, tpu=FLAGS.tpu)
    if FLAGS.init_checkpoint:
        config.model = initial_weights.config_of_checkpoint(
            FLAGS.init_checkpoint, config.model, _MODEL_SETTINGS
        )
    config.check()
    if config.task.TRAINED_BY != "pretrain.py":
        raise ValueError(
            f"the task of --config is {config.task.name!r}; expected one that pretrain.py trains, "
            "such as 'pretraining'. For labelled texts there is finetune.py."
        )
    with distribution.owning(FLAGS.work_dir, strategy, writes=not FLAGS.dry_run):
        tokenizer, train_data, eval_data = _find_data(strategy)
        if FLAGS.trial:
            config, *train_data = find_batch.try_phase(config, train_data, FLAGS.trial)
        phases = phases_of(config, train_data)
        task = make_task(config, tokenizer)
        for phase in phases:
            task.with_config(phase.config).check_data(phase.data, training=True)
        if eval_data:
            task.check_data(eval_data, training=False)
        config = config.with_steps(train_data[0].rows)
        task = task.with_config(config)
        for phase in phases_of(config, train_data):
            _log_shares(phase)
        trained = train(
            task,
            config,
            train_data=train_data,
            eval_data=eval_data,
            work_dir=FLAGS.work_dir,
            initialize=initial_weights.initializer(FLAGS.init_checkpoint, tokenizer),
            made_of={
                "data": ",".join(data.identity for data in train_data),
                "initial weights": initial_weights.identity(FLAGS.init_checkpoint),
            },
            session=run_flags.session(strategy),
        )
        if FLAGS.dry_run:
            return
        metrics = dict(trained.metrics)
        if eval_data:
            part = BatchSlice(config.train.eval_batch_size)
            metrics |= task.baselines(task.make_dataset(eval_data, part, training=False))
        if distribution.is_chief(strategy):
            model_folder.save(f"{FLAGS.work_dir}/model", task, trained.model, {"eval": metrics})
            print(f"model: {FLAGS.work_dir}/model")
        for name, value in metrics.items():
            print(f"{name}: {value:.4f}")


def _log_shares(phase) -> None:
    """How often a phase reads each data set of a mixture."""
    train, mixture = phase.config.train, phase.data
    if len(mixture.folders) > 1 and train.num_train_steps:  # 0 until a time budget is fitted
        num_rows = train.num_train_steps * train.global_batch_size
        logging.info("the run reads\n%s", "\n".join(mixture.describe(num_rows)))


def _find_data(strategy):
    """The tokenizer, a `Mixture` for each --train_data, and one for --eval_data or None."""
    tokenizer = Tokenizer.from_folder(FLAGS.vocab_file) if FLAGS.vocab_file else None
    # Workers that are not the chief keep their own index of files without a manifest.
    keeps = distribution.is_chief(strategy) and not FLAGS.dry_run
    index_dir = f"{FLAGS.work_dir}/data" if keeps else tempfile.mkdtemp()
    *train_data, eval_data = (
        tf_example_files.open_mixture(data, tokenizer, index_dir) if data else None
        for data in (*FLAGS.train_data, FLAGS.eval_data)
    )
    if tokenizer is None:
        tokenizer = Tokenizer.from_folder(train_data[0].folders[0])
    return tokenizer, train_data, eval_data


if __name__ == "__main__":
    app.run(main, _edit_command)
