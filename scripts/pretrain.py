"""Pretrains BERT (masked LM and next sentence) on a data set made by create_pretraining_data.py.

    python scripts/pretrain.py --config=configs/pretrain/mini.py \\
        --train_data=data/train --eval_data=data/valid --work_dir=work/mini

Run it again to continue. The work directory gets checkpoints/, config.json, metrics.jsonl,
tensorboard/ and, at the end, model/: what finetune.py, predict.py and export.py take.
"""

from absl import flags
from ml_collections import config_flags

from bert_tf import app, model_folder
from bert_tf.data.order import BatchSlice
from bert_tf.data.records import Manifest, file_sha256
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.wordpiece import Tokenizer
from bert_tf.training import distribution
from bert_tf.training.loop import train

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file("config", None, "For example configs/pretrain/mini.py.")
flags.DEFINE_string("train_data", None, "Folder made by create_pretraining_data.py.")
flags.DEFINE_string("eval_data", None, "The same, held out; without it nothing is evaluated.")
flags.DEFINE_string("work_dir", None, "Where the run keeps everything.")
flags.DEFINE_string(
    "init_checkpoint",
    None,
    "What to start from: a model folder, work directory or checkpoint of another project.",
)
flags.DEFINE_enum("strategy", "auto", distribution.STRATEGIES, "Which devices to use.")
flags.DEFINE_string("tpu", "", "Name or address of the TPU, 'local' on a TPU VM.")
flags.DEFINE_bool("dry_run", False, "Do two steps, say what would happen, and write nothing.")
flags.DEFINE_float("max_hours", 0.0, "Stop in time, to be continued another day; 0: no limit.")
flags.DEFINE_list("profile_steps", None, "FIRST,LAST: profile these steps for TensorBoard.")
flags.mark_flags_as_required(["config", "train_data", "work_dir"])


def main(argv):
    del argv
    strategy = distribution.make_strategy(FLAGS.strategy, tpu=FLAGS.tpu)
    config = FLAGS.config
    if FLAGS.init_checkpoint:
        config.model = model_folder.config_of_checkpoint(FLAGS.init_checkpoint, config.model)
    config.check()
    if config.task.name != "pretraining":
        raise ValueError(
            f"task.name of --config is {config.task.name!r}; expected 'pretraining'. For labelled "
            "texts there is finetune.py."
        )
    manifest = Manifest.load(FLAGS.train_data)
    tokenizer = Tokenizer.from_folder(FLAGS.train_data)
    for folder in filter(None, (FLAGS.train_data, FLAGS.eval_data)):
        Manifest.load(folder).check(
            folder,
            vocabulary_sha256=tokenizer.vocabulary.sha256,
            max_seq_length=config.data.max_seq_length,
            needs_labels=config.task.next_sentence,
        )
    config.train.resolve_steps(manifest.rows)
    task = make_task(config, tokenizer)
    model, metrics = train(
        task,
        config,
        train_data=FLAGS.train_data,
        eval_data=FLAGS.eval_data,
        work_dir=FLAGS.work_dir,
        strategy=strategy,
        initialize=model_folder.initializer(FLAGS.init_checkpoint, tokenizer),
        data_id=file_sha256(f"{FLAGS.train_data}/manifest.json"),
        time_limit=FLAGS.max_hours * 3600,
        profile_steps=FLAGS.profile_steps or (),
        dry_run=FLAGS.dry_run,
    )
    if FLAGS.dry_run:
        return
    if FLAGS.eval_data:
        part = BatchSlice(config.train.eval_batch_size)
        metrics |= task.baselines(task.make_dataset(FLAGS.eval_data, part, training=False))
    if distribution.is_chief(strategy):
        model_folder.save(f"{FLAGS.work_dir}/model", task, model, {"eval": metrics})
        print(f"model: {FLAGS.work_dir}/model")
    for name, value in metrics.items():
        print(f"{name}: {value:.4f}")


if __name__ == "__main__":
    app.run(main)
