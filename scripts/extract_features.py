r"""Writes what chosen layers say about every token of a text file, for use by other programs.

    python scripts/extract_features.py --model=bert-base-uncased --input=texts.txt \
        --output_dir=features --layers=-1,-2,-3,-4 --format=npy

One text a line, plain or .gz. Each token comes with the number of its word and its place in the
text (characters). Shards of --lines_per_shard lines; run it again to continue where it stopped. The
module docstring of bert_tf/inference/features.py says what is in the files.
"""

from absl import flags

from bert_tf import app, files
from bert_tf.inference import FEATURE_FORMATS

FLAGS = flags.FLAGS
_DEFAULT_LENGTH = 128
flags.DEFINE_string("model", None, "Model folder, work directory or foreign checkpoint.")
flags.DEFINE_string("input", None, "Text file, one text a line, plain or .gz.")
flags.DEFINE_string("output_dir", None, "Where the shards go.")
flags.DEFINE_list("layers", ["-1"], "0: the embeddings, 1: the first block, -1: the last block.")
flags.DEFINE_enum("format", "jsonl", FEATURE_FORMATS, "JSON lines, or NumPy and JSON lines.")
flags.DEFINE_integer(
    "max_seq_length",
    None,
    "Longer texts lose their end. The default is 128, or what the model takes if that is less.",
    lower_bound=3,
)
flags.DEFINE_integer("lines_per_shard", 10_000, "Lines of a file.", lower_bound=1)
flags.DEFINE_integer("batch_size", 32, "Lines of a step.", lower_bound=1)
flags.mark_flags_as_required(["model", "input", "output_dir"])


def main(argv):
    del argv
    from bert_tf import model_folder
    from bert_tf.data.text.lines import read_lines
    from bert_tf.inference import answerers, features

    task, model = model_folder.load(FLAGS.model)
    longest = model.encoder.config.longest_sequence
    max_seq_length = FLAGS.max_seq_length or min(_DEFAULT_LENGTH, longest)
    if max_seq_length > longest:
        raise ValueError(
            f"--max_seq_length is {max_seq_length}, but the model takes at most {longest} tokens."
        )
    truncated = features.extract(
        model.encoder,
        task.tokenizer,
        (text.removesuffix("\n").removesuffix("\r") for _, text in read_lines(FLAGS.input)),
        FLAGS.output_dir,
        features.Settings(
            source=f"{FLAGS.model} {FLAGS.input}",
            layers=_layers(FLAGS.layers),
            format=FLAGS.format,
            max_seq_length=max_seq_length,
            lines_per_shard=FLAGS.lines_per_shard,
            model_files=answerers.files_of(FLAGS.model),
            input_sha256="" if files.is_pipe(FLAGS.input) else files.sha256(FLAGS.input),
        ),
        batch_size=FLAGS.batch_size,
    )
    print(f"features: {FLAGS.output_dir}")
    if truncated:
        print(f"texts that lost their end (--max_seq_length={max_seq_length}): {truncated}")


def _layers(words: list[str]) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in words)
    except ValueError as error:
        raise ValueError(f"--layers={','.join(words)}: expected whole numbers.") from error


if __name__ == "__main__":
    app.run(main)
