"""bert_tf's training step against Model Garden's, from the same weights on the same batches.

Keras 3 stays out of this process: `other_training` runs in another.
"""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import tensorflow as tf
import tf_keras

from benchmarks import synthetic
from benchmarks.contestants import garden_step

ROOT = pathlib.Path(__file__).parents[2]
STEPS = 40
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
CONFIG = {
    "format_version": 2,
    "model": {
        "vocab_size": len(TOKENS),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 16,
        "type_vocab_size": 2,
        "hidden_act": "gelu_new",
        "hidden_dropout_prob": 0.0,  # each draws its own masks
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.1,
    },
    "data": {"max_seq_length": 16},
    "task": {"name": "pretraining", "max_predictions_per_seq": 4},
    "optimizer": {
        "learning_rate": 3e-3,
        # Theirs rises to where the decay stands by then, Google's (and ours) to the peak.
        "warmup_proportion": 0.0,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-9,  # Keras 2 adds it to moments before they are corrected
        "weight_decay": 0.1,
        "clip_norm": 1.0,
        "bias_correction": True,
    },
    "train": {
        "global_batch_size": 8,
        "num_train_steps": STEPS,
        "dtype": "float32",
        "jit_compile": False,
    },
}


def losses_of_garden(folder):
    """[masked LM, next sentence] of every step; leaves the first weights in `folder`."""
    tf_keras.utils.set_random_seed(0)
    model = garden_step.make_model(CONFIG)
    tf.train.Checkpoint(model=model).save(str(folder / "ckpt"))
    rate = CONFIG["optimizer"]["learning_rate"]
    schedule = tf_keras.optimizers.schedules.PolynomialDecay(rate, STEPS, 0.0)
    train_steps = garden_step.make_train_steps(model, CONFIG, schedule)
    batches = tf.data.Dataset.from_tensor_slices(synthetic.batches(CONFIG))
    iterator = iter(batches.map(garden_step.as_garden_names).repeat())
    return [train_steps(iterator, tf.constant(1)).numpy() for _ in range(STEPS)]


def test_every_loss_of_a_run_is_model_gardens(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS) + "\n")
    (tmp_path / "experiment.json").write_text(json.dumps(CONFIG))
    expected = losses_of_garden(tmp_path)
    command = [sys.executable, "-m", "tests.garden.other_training", str(tmp_path)]
    paths = [str(ROOT), str(ROOT / "scripts"), os.environ.get("PYTHONPATH", "")]  # `benchmarks`
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    process = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert process.returncode == 0, process.stderr[-3000:]
    found = json.loads((tmp_path / "losses.json").read_text())
    assert sum(expected[-1]) < 0.8 * sum(expected[0])  # it learned its four batches
    np.testing.assert_allclose(found, expected, rtol=1e-4)
