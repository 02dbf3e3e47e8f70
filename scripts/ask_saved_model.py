"""Asks an exported classifier, as a server would: without bert_tf.

Only tensorflow and tensorflow-text are needed; copy this file to where the model is served.

Example:
    python scripts/ask_saved_model.py --saved_model=quickstart/saved_model --input=texts.txt
"""

import sys

from absl import app, flags

_SAVED_MODEL = flags.DEFINE_string("saved_model", None, "Made by export.py.", required=True)
_INPUT = flags.DEFINE_string("input", None, "A file with one text a line.", required=True)


def main(argv):
    del argv
    import tensorflow as tf  # here, so that --help does not wait for it

    try:
        ask(tf)
    except (OSError, ValueError, tf.errors.OpError) as error:
        sys.exit(f"error: {str(error).splitlines()[0]}")


def ask(tf):
    """Prints the answer to each line; `tf` is TensorFlow."""
    import tensorflow_text  # noqa: F401 - registers the ops of the tokenizer in the graph

    with tf.io.gfile.GFile(_INPUT.value) as file:
        texts = [line.rstrip("\n") for line in file]
    model = tf.saved_model.load(_SAVED_MODEL.value)
    answers = model.signatures["serving_default"](text=tf.constant(texts))
    labels, probabilities = answers["label"].numpy(), answers["probabilities"].numpy()
    for text, label, probability in zip(texts, labels, probabilities.max(axis=-1), strict=True):
        print(f"{probability:.2f}  {label.decode():<16} {text[:64]}")


if __name__ == "__main__":
    app.run(main)
