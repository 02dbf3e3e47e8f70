"""The objective of replaced tokens against Model Garden's ElectraPretrainer, for the same samples.

Keras 3 stays out of this process: `other_replaced_tokens` runs in another. What it reads are Model
Garden's checkpoints before and after a step of gradient descent, so that the difference is the
gradient, whatever the variables are called.
"""

import json
import subprocess
import sys

import numpy as np
import tensorflow as tf
import tf_keras
from official.nlp.data import pretrain_dataloader
from official.nlp.modeling import networks
from official.nlp.modeling.models import electra_pretrainer
from official.nlp.tasks import electra_task

VOCABULARY, LENGTH, SLOTS, ROWS = 24, 10, 3, 4
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnop"]
SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "inner_dim": 32,
    "max_sequence_length": LENGTH,
    "type_vocab_size": 2,
    "dropout_rate": 0.0,
    "attention_dropout": 0.0,
}


def make_batch():
    """Masked rows of several lengths, a slot without a mask, and a sample for each mask."""
    random = np.random.default_rng(0)
    mask = (np.arange(LENGTH) < np.array([[10], [7], [9], [6]])).astype(np.int32)
    ids = random.integers(5, VOCABULARY, (ROWS, LENGTH)) * mask
    positions = np.array([[1, 4, 8], [2, 3, 0], [1, 2, 5], [3, 4, 5]])
    weights = (positions > 0).astype(np.float32)
    labels = np.take_along_axis(ids, positions, axis=1) * (positions > 0)
    sampled = np.where(
        random.random((ROWS, SLOTS)) < 0.3, labels, random.integers(5, 20, (ROWS, 3))
    )
    for row, slot in zip(*np.nonzero(weights), strict=True):
        ids[row, positions[row, slot]] = 4
    return {
        "input_ids": ids.astype(np.int32),
        "input_mask": mask,
        "segment_ids": (np.arange(LENGTH) >= 4).astype(np.int32) * mask,
        "masked_lm_positions": positions.astype(np.int32),
        "masked_lm_ids": labels.astype(np.int32),
        "masked_lm_weights": weights,
        "sampled_ids": sampled.astype(np.int32),
    }


def make_model():
    generator, discriminator = (
        networks.BertEncoder(**SHAPE, num_layers=layers, dict_outputs=True) for layers in (1, 2)
    )
    return electra_pretrainer.ElectraPretrainer(
        generator_network=generator,
        discriminator_network=discriminator,
        vocab_size=VOCABULARY,
        num_classes=2,
        num_token_predictions=SLOTS,
        mlm_activation=lambda x: tf.nn.gelu(x, approximate=True),
    )


def make_task():
    data = pretrain_dataloader.BertPretrainDataConfig(use_next_sentence_label=False)
    return electra_task.ElectraPretrainTask(electra_task.ElectraPretrainConfig(train_data=data))


def save(model, folder):
    """A checkpoint of each encoder, and the variables of both heads by our paths."""
    for name in ("generator", "discriminator"):
        checkpoint = tf.train.Checkpoint(encoder=getattr(model, f"{name}_network"))
        checkpoint.save(str(folder / name / "ckpt"))
        (folder / name / "vocab.txt").write_text("\n".join(TOKENS) + "\n")
    lm, transform = model.masked_lm, "generator/cls/predictions/transform"
    heads = {
        f"{transform}/dense/kernel": lm.dense.kernel,
        f"{transform}/dense/bias": lm.dense.bias,
        f"{transform}/LayerNorm/gamma": lm.layer_norm.gamma,
        f"{transform}/LayerNorm/beta": lm.layer_norm.beta,
        "generator/cls/predictions/output_bias": lm.bias,
        "discriminator_predictions/dense/kernel": model.discriminator_projection.kernel,
        "discriminator_predictions/dense/bias": model.discriminator_projection.bias,
        "discriminator_predictions/dense_prediction/kernel": model.discriminator_head.kernel,
        "discriminator_predictions/dense_prediction/bias": model.discriminator_head.bias,
    }
    np.savez(folder / "heads.npz", **{name: value.numpy() for name, value in heads.items()})


def test_losses_and_gradients_are_model_gardens(tmp_path, monkeypatch):
    batch = make_batch()
    np.savez(tmp_path / "batch.npz", **batch)
    monkeypatch.setattr(
        electra_pretrainer,
        "sample_from_softmax",
        lambda logits, disallow: tf.one_hot(batch["sampled_ids"], VOCABULARY),
    )
    names = {"input_ids": "word_ids", "input_mask": "mask", "segment_ids": "type_ids"}
    theirs = {f"input_{theirs}": tf.constant(batch[ours]) for ours, theirs in names.items()}
    theirs |= {n: tf.constant(v) for n, v in batch.items() if n.startswith("masked_lm")}
    tf_keras.utils.set_random_seed(0)
    model, task = make_model(), make_task()
    model(theirs)
    for weight in model.trainable_variables:
        weight.assign_add(np.random.default_rng(1).normal(0, 0.2, weight.shape))
    save(model, tmp_path / "before")
    with tf.GradientTape() as tape:
        metrics = task.build_metrics()
        loss = task.build_losses(theirs, model(theirs), metrics)
    weights = [w for w in model.trainable_variables if "classification_head" not in w.name]
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        if gradient is not None:  # the poolers
            weight.assign_sub(gradient)
    save(model, tmp_path / "after")
    command = [sys.executable, "-m", "tests.garden.other_replaced_tokens", str(tmp_path)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr[-3000:]
    found = json.loads((tmp_path / "found.json").read_text())
    expected = {metric.name: float(metric.result()) for metric in metrics}
    np.testing.assert_allclose(found["masked_lm_loss"], expected["lm_example_loss"], rtol=1e-5)
    np.testing.assert_allclose(
        found["discriminator_loss"], expected["discriminator_loss"], rtol=1e-5
    )
    np.testing.assert_allclose(found["loss"], float(loss), rtol=1e-5)
    assert found["variables"] > 60 and found["largest_gradient"] > 0.1
    assert found["largest_difference"] < 2e-5 * found["largest_gradient"], found
