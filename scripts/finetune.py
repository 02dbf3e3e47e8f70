"""Fine-tunes a pretrained model on labelled texts or pairs of texts: TSV, CSV or JSON lines.

    python scripts/finetune.py --config=configs/finetune/sst2.py \\
        --train_data=SST-2/train.tsv --eval_data=SST-2/dev.tsv \\
        --init_checkpoint=work/mini --work_dir=work/sst2

The shape of the model comes from the checkpoint. Without --init_checkpoint the weights are random,
the shape is that of the config, and --vocab_file is needed. Columns are found by their usual names
(sentence; text; sentence1 and sentence2; label); others: --config.data.text_column=... Run it again
to continue. At the end the work directory holds model/, with the labels in it.
"""

from absl import flags
from ml_collections import config_flags

from bert_tf import app, model_folder
from bert_tf.data.classification import encode_examples, read_examples
from bert_tf.data.order import BatchSlice
from bert_tf.data.records import file_sha256
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.wordpiece import Tokenizer
from bert_tf.training import distribution
from bert_tf.training.loop import train

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file("config", None, "For example configs/finetune/sst2.py.")
flags.DEFINE_string("train_data", None, "Labelled file: .tsv, .csv or .jsonl, also .gz.")
flags.DEFINE_string("eval_data", None, "The same, held out.")
flags.DEFINE_string("work_dir", None, "Where the run keeps everything.")
flags.DEFINE_string(
    "init_checkpoint",
    None,
    "What to start from: a model folder, work directory or checkpoint of another project.",
)
flags.DEFINE_string("vocab_file", None, "vocab.txt or its folder; only without --init_checkpoint.")
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
    if config.task.name == "pretraining":
        raise ValueError("task.name of --config is 'pretraining'; expected 'classification'.")
    if bool(FLAGS.init_checkpoint) == bool(FLAGS.vocab_file):
        raise ValueError("pass either --init_checkpoint, or --vocab_file for random weights.")
    if FLAGS.init_checkpoint:
        config.model = model_folder.config_of_checkpoint(FLAGS.init_checkpoint, config.model)
        tokenizer = model_folder.load_tokenizer(FLAGS.init_checkpoint)
    else:
        tokenizer = Tokenizer.from_folder(FLAGS.vocab_file)
    config.check()
    train_data, eval_data = _read_data(config, tokenizer)
    config.train.resolve_steps(len(train_data["label_ids"]))
    task = make_task(config, tokenizer)
    model, metrics = train(
        task,
        config,
        train_data=train_data,
        eval_data=eval_data,
        work_dir=FLAGS.work_dir,
        strategy=strategy,
        initialize=model_folder.initializer(FLAGS.init_checkpoint, tokenizer),
        data_id=file_sha256(FLAGS.train_data),
        time_limit=FLAGS.max_hours * 3600,
        profile_steps=FLAGS.profile_steps or (),
        dry_run=FLAGS.dry_run,
    )
    if FLAGS.dry_run:
        return
    if eval_data:
        part = BatchSlice(config.train.eval_batch_size)
        metrics |= task.baselines(task.make_dataset(eval_data, part, training=False))
    if distribution.is_chief(strategy):
        model_folder.save(f"{FLAGS.work_dir}/model", task, model, {"eval": metrics})
        print(f"model: {FLAGS.work_dir}/model")
    for name, value in metrics.items():
        print(f"{name}: {value:.4f}")


def _read_data(config, tokenizer):
    """Both files as arrays; labels and kind of texts of the training file go into the config."""
    examples = _read(FLAGS.train_data, config, config.task.labels or None)
    config.task.labels = examples.labels
    config.task.text_pairs = examples.text_pairs is not None
    train_data, _ = encode_examples(examples, tokenizer, config.data.max_seq_length)
    if config.data.max_train_examples:
        train_data = {k: rows[: config.data.max_train_examples] for k, rows in train_data.items()}
    if not FLAGS.eval_data:
        return train_data, None
    held_out = _read(FLAGS.eval_data, config, examples.labels, config.task.text_pairs)
    return train_data, encode_examples(held_out, tokenizer, config.data.max_seq_length)[0]


def _read(path, config, labels, in_pairs=None):
    return read_examples(
        path,
        text_column=config.data.text_column or None,
        text_pair_column=config.data.text_pair_column or None,
        label_column=config.data.label_column or None,
        labels=labels and [str(label) for label in labels],
        in_pairs=in_pairs,
        with_labels=True,
    )


if __name__ == "__main__":
    app.run(main)
