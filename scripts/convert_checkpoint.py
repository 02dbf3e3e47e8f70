r"""Converts a BERT between bert_tf, Google, Model Garden, Keras and Hugging Face, heads included.

    python scripts/convert_checkpoint.py --input=bert-base-uncased --output=work/base --to=bert_tf
    python scripts/convert_checkpoint.py --input=work/sst2 --output=sst2_hf --to=hugging_face
    python scripts/convert_checkpoint.py --input=work/base --output=work/medical --to=bert_tf \
        --new_vocab_file=medical/vocab.txt --max_position_embeddings=1024

--input is a folder, a safetensors file or the prefix of a TensorFlow checkpoint. Its format is
found from its files. The script prints what became of every tensor. A missing tensor of the encoder
is an error; missing heads, which will start at random, are named. The output is a new folder,
written whole or not at all.
"""

from absl import flags

from bert_tf import app
from bert_tf.checkpoints import FORMATS

FLAGS = flags.FLAGS
flags.DEFINE_string("input", None, "What to convert.")
flags.DEFINE_string("output", None, "The new folder.")
flags.DEFINE_enum("to", None, ("bert_tf", *FORMATS), "Format of the output.")
flags.DEFINE_string("vocab_file", "", "Vocabulary of the input, where its folder has none.")
flags.DEFINE_string("bert_config_file", "", "Config of the input, where its folder has none.")
flags.DEFINE_bool(
    "allow_lossy",
    False,
    "Write also a model that the format cannot hold completely, and print the differences.",
)
flags.DEFINE_string(
    "new_vocab_file",
    "",
    "Vocabulary of the output. Tokens of both keep their embeddings; new ones start from the mean "
    "of the pieces that the old vocabulary cuts them into.",
)
flags.DEFINE_integer(
    "max_position_embeddings",
    0,
    "Positions of the output: fewer, or more (the known ones are repeated). 0: as they are.",
    lower_bound=0,
)
flags.mark_flags_as_required(["input", "output", "to"])


def main(argv):
    del argv
    from bert_tf import model_folder
    from bert_tf.checkpoints import checkpoint as foreign
    from bert_tf.checkpoints import surgery

    checkpoint = model_folder.read_checkpoint(
        FLAGS.input, vocab_file=FLAGS.vocab_file, config_file=FLAGS.bert_config_file
    )
    print(f"read {FLAGS.input} ({checkpoint.task.name}):")
    _print_table(checkpoint.rows)
    checkpoint.check_encoder()
    if checkpoint.missing():
        print(f"WILL START AT RANDOM: {', '.join(checkpoint.missing())}")
    if FLAGS.new_vocab_file:
        checkpoint = surgery.with_vocabulary(checkpoint, FLAGS.new_vocab_file)
    if FLAGS.max_position_embeddings:
        checkpoint = surgery.with_positions(checkpoint, FLAGS.max_position_embeddings)
    lost = [] if FLAGS.to == "bert_tf" else foreign.losses(checkpoint, FLAGS.to)
    written = _write(checkpoint)
    print(f"\nwritten as {FLAGS.to} to {FLAGS.output}:")
    _print_table(written)
    for sentence in lost:
        print(f"LOST: {sentence}")
    if lost:
        for name, difference in _differences(checkpoint).items():
            print(f"largest difference of {name}: {difference:.1e}")


def _write(checkpoint) -> list:
    """Writes the output; returns what became of each tensor, as `mapping.Row`s."""
    from bert_tf import files, model_folder
    from bert_tf.checkpoints import checkpoint as foreign

    if FLAGS.to != "bert_tf":
        return foreign.write(checkpoint, FLAGS.output, FLAGS.to, allow_lossy=FLAGS.allow_lossy)
    files.refuse_existing(FLAGS.output)
    return model_folder.save_checkpoint(FLAGS.output, checkpoint, {})


def _print_table(rows: list) -> None:
    """Their name and shape, ours, and a note; matched ones first."""
    cells = [
        (row.theirs or "-", _shape(row.their_shape), row.ours or "-", _shape(row.our_shape))
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row, words in zip(rows, cells, strict=True):
        padded = (word.ljust(width) for word, width in zip(words, widths, strict=True))
        print(f"  {'  '.join(padded)}  {row.note}".rstrip())
    matched = sum(bool(row.ours and row.theirs) for row in rows)
    print(f"  {matched} matched, {len(rows) - matched} not")


def _shape(shape) -> str:
    return "" if shape is None else "x".join(map(str, shape)) or "scalar"


def _differences(checkpoint) -> dict[str, float]:
    """{output: largest difference} of the model before and after, on random ids."""
    import numpy as np

    from bert_tf import model_folder
    from bert_tf.tasks.task_model import encoder_inputs

    outputs = []
    random = np.random.default_rng(0)
    for one in (checkpoint, model_folder.read_checkpoint(FLAGS.output)):
        _, model = model_folder.build(one)
        if not outputs:
            length = min(32, checkpoint.config.longest_sequence)
            ids = random.integers(0, len(checkpoint.tokenizer), (2, length), dtype=np.int32)
        batch = {"input_ids": ids, "input_mask": np.ones_like(ids)}
        outputs.append(
            {**model.encoder(**encoder_inputs(batch, model.encoder.config)), **model(batch)}
        )
    before, after = outputs
    return {
        name: float(np.abs(before[name] - after[name]).max()) for name in before if name in after
    }


if __name__ == "__main__":
    app.run(main)
