"""Scores a trained model on data it has not seen, from its model folder alone.

python scripts/evaluate.py --model=work/mini --data=data/valid
python scripts/evaluate.py --model=work/sst2 --data=SST-2/dev.tsv --output=scores.json
"""

import json
import tempfile

from absl import flags

from bert_tf import app, model_folder
from bert_tf.data import tf_example_files
from bert_tf.data.classification import encode_examples, read_examples
from bert_tf.data.mixing import Mixture
from bert_tf.data.order import BatchSlice
from bert_tf.training import distribution
from bert_tf.training.evaluate import Evaluator

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Model folder or work directory.")
flags.DEFINE_string("data", None, "Pretraining data (see pretrain.py), or a labelled file.")
flags.DEFINE_string("output", None, "Also write the scores to this JSON file.")
flags.DEFINE_integer("batch_size", 64, "Rows of a step, over all replicas.", lower_bound=1)
flags.DEFINE_enum("dtype", "float32", ("float32", "mixed_bfloat16"), "Compute in this dtype.")
flags.DEFINE_enum("strategy", "auto", distribution.STRATEGIES, "Which devices to use.")
flags.DEFINE_string("tpu", "", "Name or address of the TPU, 'local' on a TPU VM.")
flags.mark_flags_as_required(["model", "data"])


def main(argv):
    del argv
    strategy = distribution.make_strategy(FLAGS.strategy, tpu=FLAGS.tpu)
    with strategy.scope():
        task, model = model_folder.load(FLAGS.model, dtype=FLAGS.dtype)
    with tempfile.TemporaryDirectory() as scratch:
        data = _read_data(task, scratch)
        scores = Evaluator(task, model, strategy, FLAGS.batch_size).run(data)
        part = BatchSlice(FLAGS.batch_size)
        scores |= task.baselines(task.make_dataset(data, part, training=False))
    for name, value in scores.items():
        print(f"{name}: {value:.4f}")
    if FLAGS.output:
        app.write_lines(FLAGS.output, [json.dumps(scores, indent=2)])


def _read_data(task, scratch):
    """What the task's `make_dataset` takes, read from --data and checked against the model."""
    config, vocabulary = task.config, task.tokenizer.vocabulary
    if config.task.name == "pretraining":
        data = tf_example_files.resolve(FLAGS.data, task.tokenizer, scratch)
        Mixture.open(data).check(
            vocabulary_sha256=vocabulary.sha256,
            max_seq_length=config.data.max_seq_length,
            max_predictions_per_seq=config.data.max_predictions_per_seq,
            needs_labels=config.task.next_sentence,
        )
        return data
    examples = read_examples(
        FLAGS.data,
        text_column=config.data.text_column or None,
        text_pair_column=config.data.text_pair_column or None,
        label_column=config.data.label_column or None,
        labels=config.task.labels,
        in_pairs=config.task.text_pairs,
        with_labels=True,
    )
    return encode_examples(examples, task.tokenizer, config.data.max_seq_length)[0]


if __name__ == "__main__":
    app.run(main)
