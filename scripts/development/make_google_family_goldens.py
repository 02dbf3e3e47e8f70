r"""Stores checkpoints that Google's own code of ALBERT and ELECTRA wrote, with inputs and outputs.

    git clone https://github.com/google-research/albert
    git clone https://github.com/google-research/electra
    python scripts/development/make_google_family_goldens.py --albert_dir=albert \
        --electra_dir=electra --goldens_dir=goldens

As make_google_goldens.py, which does it for BERT: Google's files run unmodified in a TensorFlow 1
graph, and all weights are random. `albert` has two groups of two layers. `electra` is a checkpoint
of pretraining, with a generator and without a configuration file.
"""

import contextlib
import importlib
import json
import os
import sys
import types
import warnings

import tensorflow as tf
from absl import flags

from bert_tf import app
from scripts.development import make_google_goldens as of_bert

FLAGS = flags.FLAGS
flags.DEFINE_string("albert_dir", None, "A checkout of google-research/albert.", required=True)
flags.DEFINE_string("electra_dir", None, "A checkout of google-research/electra.", required=True)
flags.DEFINE_string("goldens_dir", None, "Folder to make.", required=True)
for _flag in ("google_dir", "output_dir"):  # of make_google_goldens.py, which is not run
    flags.set_default(FLAGS[_flag], ".")


v1 = tf.compat.v1

ALBERT = {
    **of_bert.CONFIG,
    "embedding_size": 6,
    "hidden_size": 8,
    "intermediate_size": 12,
    "num_attention_heads": 2,
    "num_hidden_groups": 2,
    "inner_group_num": 2,
}
ELECTRA = {**of_bert.CONFIG, "hidden_size": 8, "intermediate_size": 12, "num_attention_heads": 1}
_EMBEDDING_SIZE, _GENERATOR = 6, {**ELECTRA, "hidden_size": 4, "intermediate_size": 8}


def main(argv):
    del argv
    os.environ["TF_USE_LEGACY_KERAS"] = "1"  # read when tf.layers is first used
    v1.disable_v2_behavior()
    v1.logging.set_verbosity(v1.logging.ERROR)
    warnings.simplefilter("ignore", UserWarning)
    _store("albert", _albert, {"albert_config.json": ALBERT})
    _store("electra", _electra, {})


def _store(name: str, build, files: dict) -> None:
    folder = os.path.join(FLAGS.goldens_dir, name)
    os.makedirs(folder)
    with tf.Graph().as_default(), v1.Session() as session:
        outputs = build()
        weights = v1.trainable_variables()
        session.run(v1.global_variables_initializer())
        of_bert._randomize(session, weights)
        path = os.path.join(folder, "bert_model.ckpt")
        v1.train.Saver(weights).save(session, path, write_meta_graph=False, write_state=False)
        found = {key: _digits(value.tolist()) for key, value in session.run(outputs).items()}
    for file, values in files.items():
        of_bert._write(folder, file, json.dumps(values, indent=2))
    of_bert._write(folder, "vocab.txt", "\n".join(of_bert.VOCABULARY))
    expected = {"inputs": of_bert.INPUTS, "outputs": found}
    of_bert._write(folder, "expected.json", json.dumps(expected))


def _digits(values):
    return [_digits(v) for v in values] if isinstance(values, list) else float(f"{values:.8g}")


@contextlib.contextmanager
def _tensorflow_1(folder: str):
    """`tensorflow.compat.v1` with what Google's files need beyond it; `folder` is on the path."""
    fake = types.ModuleType("tensorflow.compat.v1")
    fake.__getattr__ = lambda name: getattr(v1, name)
    kinds = ("string", "integer", "float", "bool", "boolean", "enum", "list")
    fake.flags = types.SimpleNamespace(
        FLAGS=None, **{f"DEFINE_{kind}": lambda *args, **options: None for kind in kinds}
    )
    fake.estimator = types.SimpleNamespace(SessionRunHook=object)
    contrib = types.ModuleType("tensorflow.contrib")
    contrib.layers = types.SimpleNamespace(layer_norm=_layer_norm)
    contrib.cluster_resolver = contrib.tpu = types.SimpleNamespace()
    before = dict(sys.modules)
    sys.modules["tensorflow.contrib"] = contrib
    sys.modules["tensorflow.compat.v1"] = tf.compat.v1 = fake
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        tf.compat.v1 = v1
        for name in set(sys.modules) - set(before):
            if getattr(sys.modules[name], "__file__", None) is None:
                del sys.modules[name]
        sys.modules["tensorflow.compat.v1"] = v1


def _layer_norm(inputs, begin_norm_axis: int, begin_params_axis: int, scope: str | None = None):
    return of_bert._layer_norm(inputs, begin_norm_axis, begin_params_axis, scope)


def _tokens() -> tuple[tf.Tensor, ...]:
    return tuple(tf.constant(of_bert.INPUTS[name], tf.int32) for name in of_bert.INPUTS)


def _albert() -> dict[str, tf.Tensor]:
    """The outputs of ALBERT, with a prediction at every token."""
    with _tensorflow_1(os.path.dirname(os.path.abspath(FLAGS.albert_dir))):
        modeling = importlib.import_module("albert.modeling")
        run_pretraining = importlib.import_module("albert.run_pretraining")
    config = modeling.AlbertConfig.from_dict(ALBERT)
    ids, mask, segments = _tokens()
    batch_size, length = ids.shape.as_list()
    positions = tf.constant([list(range(length))] * batch_size, tf.int32)
    model = modeling.AlbertModel(config, False, ids, mask, segments)
    sequence = model.get_sequence_output()
    table, weights = model.get_embedding_table(), tf.cast(mask, tf.float32)
    _, _, masked = run_pretraining.get_masked_lm_output(
        config, sequence, table, positions, ids, weights
    )
    _, _, order = run_pretraining.get_sentence_order_output(
        config, model.get_pooled_output(), tf.constant([0, 1])
    )
    by_token = [batch_size, length, ALBERT["vocab_size"]]
    return {
        "sequence_output": sequence,
        "pooled_output": model.get_pooled_output(),
        "masked_lm_logits": tf.reshape(of_bert._logits(masked), by_token),
        "next_sentence_logits": of_bert._logits(order),
    }


def _electra() -> dict[str, tf.Tensor]:
    """The outputs of the discriminator; the generator is in the checkpoint too."""
    with _tensorflow_1(FLAGS.electra_dir):
        modeling = importlib.import_module("model.modeling")
        run_pretraining = importlib.import_module("run_pretraining")
        pretrain_data = importlib.import_module("pretrain.pretrain_data")
    config = modeling.BertConfig.from_dict(ELECTRA)
    settings = types.SimpleNamespace(
        use_tpu=False, uniform_generator=False, electric_objective=False
    )
    pretraining = types.SimpleNamespace(_config=settings, _bert_config=config)
    ids, mask, segments = _tokens()
    batch_size, length = ids.shape.as_list()
    positions = tf.constant([list(range(length))] * batch_size, tf.int32)
    inputs = pretrain_data.Inputs(ids, mask, segments, positions, ids, tf.cast(mask, tf.float32))
    generator = run_pretraining.build_transformer(
        settings,
        inputs,
        False,
        modeling.BertConfig.from_dict(_GENERATOR),
        embedding_size=_EMBEDDING_SIZE,
        scope="generator",
    )
    model_class = run_pretraining.PretrainingModel
    model_class._get_masked_lm_output(pretraining, inputs, generator)
    discriminator = run_pretraining.build_transformer(
        settings, inputs, False, config, embedding_size=_EMBEDDING_SIZE
    )
    found = model_class._get_discriminator_output(
        pretraining, inputs, discriminator, tf.zeros_like(ids)
    )
    # Google's function returns the probabilities; the logits are what went into them.
    if found.probs.op.type != "Sigmoid":
        raise ValueError(f"expected the output of a sigmoid, received {found.probs.op.type}.")
    return {
        "sequence_output": discriminator.get_sequence_output(),
        "logits": found.probs.op.inputs[0],
    }


if __name__ == "__main__":
    app.run(main)
