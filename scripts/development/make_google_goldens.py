"""Stores checkpoints that google-research/bert's own code wrote, with its inputs and outputs.

    git clone https://github.com/google-research/bert google-bert
    python scripts/development/make_google_goldens.py --google_dir=google-bert --output_dir=goldens

Google's modeling.py, run_pretraining.py and optimization.py run unmodified in a TensorFlow 1 graph
of today's TensorFlow. What it no longer has is put in its place here: contrib's layer_norm. Needs
tf_keras (the extra `garden`) for tf.layers.dense. All weights are random, biases and LayerNorms
too, so that each of them matters.

    release/   bert_model.ckpt as in Google's releases
    training/  model.ckpt-1 after one step of Google's optimizer, with its slots and global_step

In both: bert_config.json, vocab.txt and expected.json (inputs, the hidden states of all layers, the
pooled output, the logits and log-probabilities of both heads). These are the files of
tests/testdata/google.
"""

import importlib.util
import json
import os
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import tensorflow as tf
from absl import flags

from bert_tf import app

FLAGS = flags.FLAGS
flags.DEFINE_string("google_dir", None, "A checkout of google-research/bert.", required=True)
flags.DEFINE_string("output_dir", None, "Folder to make; must be new.", required=True)

v1 = tf.compat.v1

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh", *(f"##{c}" for c in "abc")]
CONFIG = {
    "vocab_size": 20,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_act": "gelu",
    "intermediate_size": 24,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 12,
    "type_vocab_size": 2,
    "initializer_range": 0.02,
}
INPUTS = {
    "input_ids": [[2, 5, 4, 9, 3, 15, 3], [2, 12, 19, 3, 0, 0, 0]],
    "input_mask": [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]],
    "segment_ids": [[0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0, 0]],
}
# Only for the step of training: the tokens to predict, and which pairs follow each other.
MASKED_LM_IDS = [[2, 5, 8, 9, 3, 15, 3], [2, 12, 19, 3, 0, 0, 0]]
NEXT_SENTENCE_LABELS = [0, 1]


def main(argv):
    del argv
    os.environ["TF_USE_LEGACY_KERAS"] = "1"  # read when tf.layers is first used
    v1.disable_v2_behavior()
    v1.logging.set_verbosity(v1.logging.ERROR)  # every line of Google's is deprecated today
    warnings.simplefilter("ignore", UserWarning)
    if os.path.exists(FLAGS.output_dir):
        raise ValueError(f"{FLAGS.output_dir} exists already. Choose a new folder.")
    if not importlib.util.find_spec("tf_keras"):
        raise ValueError("tf_keras is missing. pip install tf-keras==2.20.*")
    google = _import_google(FLAGS.google_dir)
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        outputs, loss = _build(*google[:2], is_training=False)
        train_loss = _build(*google[:2], is_training=True)[1]
        weights = v1.trainable_variables()
        train = google[2].create_optimizer(train_loss, 1e-2, 10, 0, use_tpu=False)
        session.run(v1.global_variables_initializer())
        _randomize(session, weights)
        _store(session, "release", "bert_model.ckpt", weights, outputs)
        print("loss before and after the step:", session.run(loss), end=" ")
        session.run(train)
        print(session.run(loss))
        _store(session, "training", "model.ckpt-1", v1.global_variables(), outputs)


def _import_google(folder: str) -> tuple[types.ModuleType, ...]:
    """modeling, run_pretraining and optimization, which see TensorFlow 1 as `tensorflow`."""
    names = ("modeling", "run_pretraining", "optimization")
    for name in names:
        path = os.path.join(folder, f"{name}.py")
        if not os.path.exists(path):
            raise ValueError(f"{path} is missing; expected a checkout of google-research/bert.")
    with _tensorflow_1():
        sys.path.insert(0, folder)
        try:
            return tuple(importlib.import_module(name) for name in names)
        finally:
            sys.path.remove(folder)


@contextmanager
def _tensorflow_1() -> Iterator[None]:
    """`import tensorflow` gives compat.v1 with what Google's files need beyond it."""
    fake, real = types.ModuleType("tensorflow"), sys.modules["tensorflow"]
    fake.__getattr__ = lambda name: getattr(v1, name)
    fake.contrib = types.SimpleNamespace(layers=types.SimpleNamespace(layer_norm=_layer_norm))
    # run_pretraining.py defines flags when it is imported; they would become ours.
    kinds = ("string", "integer", "float", "bool")
    fake.flags = types.SimpleNamespace(
        FLAGS=None, **{f"DEFINE_{kind}": lambda *args, **options: None for kind in kinds}
    )
    sys.modules["tensorflow"] = fake
    try:
        yield
    finally:
        sys.modules["tensorflow"] = real


def _layer_norm(inputs, begin_norm_axis: int, begin_params_axis: int, scope: str | None):
    """tf.contrib.layers.layer_norm over the last axis: its variables, its epsilon of 1e-12."""
    if (begin_norm_axis, begin_params_axis) != (-1, -1):
        raise ValueError(f"expected axes -1, received {begin_norm_axis}, {begin_params_axis}.")
    with v1.variable_scope(scope, "LayerNorm", [inputs]):
        size = inputs.shape.as_list()[-1:]
        beta = v1.get_variable("beta", size, initializer=v1.zeros_initializer())
        gamma = v1.get_variable("gamma", size, initializer=v1.ones_initializer())
        mean, variance = v1.nn.moments(inputs, [-1], keep_dims=True)
        return v1.nn.batch_normalization(inputs, mean, variance, beta, gamma, 1e-12)


def _build(modeling, run_pretraining, *, is_training: bool) -> tuple[dict, tf.Tensor]:
    """({output: tensor}, loss) of Google's model for INPUTS, with a prediction at every token."""
    config = modeling.BertConfig.from_dict(CONFIG)
    ids, mask, segments = (tf.constant(INPUTS[name], tf.int32) for name in INPUTS)
    batch_size, length = ids.shape.as_list()
    positions = tf.constant([list(range(length))] * batch_size, tf.int32)
    with v1.variable_scope(v1.get_variable_scope(), reuse=is_training):
        model = modeling.BertModel(config, is_training, ids, mask, segments)
        masked_loss, _, masked_log_probs = run_pretraining.get_masked_lm_output(
            config,
            model.get_sequence_output(),
            model.get_embedding_table(),
            positions,
            tf.constant(MASKED_LM_IDS),
            tf.cast(mask, tf.float32),
        )
        next_loss, _, next_log_probs = run_pretraining.get_next_sentence_output(
            config, model.get_pooled_output(), tf.constant(NEXT_SENTENCE_LABELS)
        )
    by_token = [batch_size, length, CONFIG["vocab_size"]]
    outputs = {
        "hidden_states": tf.stack([model.get_embedding_output(), *model.get_all_encoder_layers()]),
        "sequence_output": model.get_sequence_output(),
        "pooled_output": model.get_pooled_output(),
        "masked_lm_logits": tf.reshape(_logits(masked_log_probs), by_token),
        "masked_lm_log_probs": tf.reshape(masked_log_probs, by_token),
        "next_sentence_logits": _logits(next_log_probs),
        "next_sentence_log_probs": next_log_probs,
    }
    return outputs, masked_loss + next_loss


def _logits(log_probs: tf.Tensor) -> tf.Tensor:
    """What went into the log-softmax; Google's functions return only what came out."""
    if log_probs.op.type != "LogSoftmax":
        raise ValueError(f"expected the output of a log-softmax, received {log_probs.op.type}.")
    return log_probs.op.inputs[0]


def _randomize(session, weights: list) -> None:
    random = np.random.default_rng(0)
    for weight in sorted(weights, key=lambda weight: weight.op.name):
        centre = 1.0 if weight.op.name.endswith("gamma") else 0.0
        weight.load(random.normal(centre, 0.3, weight.shape.as_list()), session)


def _store(session, folder: str, name: str, variables: list, outputs: dict) -> None:
    """A checkpoint of `variables`, config, vocabulary, INPUTS and the values of `outputs`."""
    folder = os.path.join(FLAGS.output_dir, folder)
    os.makedirs(folder)
    path = os.path.join(folder, name)
    v1.train.Saver(variables).save(session, path, write_meta_graph=False, write_state=False)
    _write(folder, "bert_config.json", json.dumps(CONFIG, indent=2))
    _write(folder, "vocab.txt", "\n".join(VOCABULARY))
    found = {name: value.tolist() for name, value in session.run(outputs).items()}
    _write(folder, "expected.json", json.dumps({"inputs": INPUTS, "outputs": found}))


def _write(folder: str, name: str, content: str) -> None:
    with open(os.path.join(folder, name), "w") as file:
        file.write(content + "\n")


if __name__ == "__main__":
    app.run(main)
