r"""Pretrains an encoder on data made by create_pretraining_data.py: masked LM, next sentence.

    python scripts/pretrain.py --config=configs/pretrain/mini.py \
        --train_data=data/train --eval_data=data/valid --work_dir=work/mini

Run the same command again to continue a run. The work directory gets checkpoints/, config.json,
metrics.jsonl and tensorboard/. At the end it gets model/, which finetune.py, predict.py and
export.py read.

Mix data sets with weights: --train_data=wiki:0.7,books:0.3 draws exactly 70 % of the rows from the
first, in an order that depends only on the seed. Without weights each row is read once an epoch.
With weights an epoch has as many rows as all data sets together.

A run with phases (train.phases of the config) takes one --train_data for each phase, in order:
--train_data=data/128 --train_data=data/512. A single --train_data serves all phases.

It also reads records made by create_pretraining_data.py of google-research/bert or Model Garden:
--train_data='examples/*.tfrecord' --vocab_file=vocab.txt. As --eval_data, such records and data
made with --static_masks can have another length than the training data, so that one file can
compare different recipes.
"""

import run_flags
from absl import flags
from ml_collections import config_flags

from bert_tf import app, members

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file(
    "config", None, "The recipe: a name such as pretrain/mini, or a file of your own."
)
flags.DEFINE_string(
    "encoder",
    None,
    "Instead of --config: use the default settings of an encoder in bert_tf/models, or in a module "
    "of --members.",
)
flags.DEFINE_string(
    "task",
    None,
    "'pretraining' (masked words) or 'replaced_tokens' (ELECTRA), with --encoder. Alone, it picks "
    "the recipe of the task. The default is the task of the config.",
)
flags.DEFINE_multi_string(
    "train_data",
    None,
    "A folder made by create_pretraining_data.py; several folders with weights, "
    "folder:0.7,folder:0.3; or files with records of google-research/bert or Model Garden (with "
    "--vocab_file). For train.phases, give it once for each phase.",
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
    """Picks the config of --encoder and --task; takes out settings of a model yet to be read."""
    _COMMAND.extend(argv)
    given = {name: app.value_of(name, argv) for name in ("encoder", "task", "config")}
    said = [f"--{name}={given[name]}" for name in ("encoder", "task") if given[name]]
    if said and given["config"]:
        raise ValueError(
            f"--config={given['config']} says the encoder and the task already. Leave out "
            f"{' and '.join(said)}."
        )
    if said:
        argv.insert(1, f"--config={_default_config(given['encoder'], given['task'])}")
    if app.value_of("init_checkpoint", argv):
        _MODEL_SETTINGS.update(app.take_flags(argv, "config.model."))


def _default_config(encoder: str | None, task: str | None) -> str:
    """The config file for an encoder, a task or both, as --config takes it."""
    settings = members.find("tasks", task or "pretraining", "--task").Config
    if encoder is None:
        return settings.RECIPE.removesuffix(".py") or f"pretrain/default:bert,{task}"
    members.find("models", encoder, "--encoder")
    return f"pretrain/default:{encoder}" + (f",{task}" if task else "")


def main(argv):
    del argv
    from bert_tf.training import distribution, find_batch
    from bert_tf.training.loop import train
    from bert_tf.workflows import pretraining
    from bert_tf.workflows.start import Start

    if FLAGS.find_batch:
        find_batch.settle(FLAGS.config, FLAGS.work_dir, FLAGS.strategy, _COMMAND)
    strategy = run_flags.strategy()
    start = Start(FLAGS.init_checkpoint, FLAGS.vocab_file, _MODEL_SETTINGS)
    config = pretraining.check(FLAGS.config, start)
    with distribution.owning(FLAGS.work_dir, strategy, writes=not FLAGS.dry_run):
        plan = pretraining.prepare(
            config,
            FLAGS.train_data,
            FLAGS.eval_data,
            start,
            FLAGS.work_dir,
            run_flags.session(strategy),
            FLAGS.trial,
        )
        trained = train(**plan.arguments)
        if FLAGS.dry_run:
            return
        scores = plan.finish(trained)
    if distribution.is_chief(strategy):
        print(f"model: {FLAGS.work_dir}/model")
    for name, value in scores.items():
        print(f"{name}: {value:.4f}")


if __name__ == "__main__":
    app.run(main, _edit_command)
