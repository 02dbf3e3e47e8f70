"""The half of test_replaced_tokens.py that has Keras 3 in it: a process of its own.

    python -m tests.garden.other_replaced_tokens FOLDER

The folder holds Model Garden's weights before and after a step of gradient descent with rate 1, and
the batch with what was sampled. It gets found.json: our losses, and the largest difference of a
gradient from that step.
"""

import dataclasses
import json
import os
import sys
from unittest import mock

import numpy as np
import tensorflow as tf

from bert_tf import model_folder
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.tasks import replaced_tokens
from bert_tf.tasks.replaced_tokens import model as replaced_tokens_model
from bert_tf.tasks.task import make_task


def weights_in(folder: str) -> dict[str, np.ndarray]:
    """{our path: array} of both encoders and heads."""
    found = dict(np.load(os.path.join(folder, "heads.npz")))
    for name, ours in (("discriminator", "bert/"), ("generator", "generator/")):
        checkpoint = model_folder.read_checkpoint(os.path.join(folder, name))
        found |= {
            path.replace("bert/", ours, 1): array for path, array in checkpoint.weights.items()
        }
    return found


def main() -> None:
    folder = sys.argv[1]
    before, after = (weights_in(os.path.join(folder, name)) for name in ("before", "after"))
    batch = {n: tf.constant(v) for n, v in np.load(os.path.join(folder, "batch.npz")).items()}
    discriminator = model_folder.read_checkpoint(os.path.join(folder, "before", "discriminator"))
    config = ExperimentConfig(model=discriminator.config)
    config.task = replaced_tokens.Config(untied_generator_embeddings=True)
    generator = dataclasses.replace(
        discriminator.config, num_hidden_layers=1, use_pooler=False
    )  # with heads as narrow as theirs
    task = make_task(config, discriminator.tokenizer)
    with mock.patch.object(replaced_tokens.Config, "generator", lambda *_: generator):
        model = task.build_model()
    for weight in model.weights:
        weight.assign(before[weight.path])
    weights = {weight.path: weight.value for weight in model.trainable_weights}
    sampled = batch.pop("sampled_ids")
    batch["masked_lm_draws"] = tf.zeros((*sampled.shape, 2), tf.int32)
    with (
        mock.patch.object(replaced_tokens_model, "sample", lambda logits, draws: sampled),
        tf.GradientTape() as tape,
    ):
        outputs = model(batch)
        sums = task.compute_loss(outputs, batch)
        loss = tf.add_n([total / weight for total, weight in sums.values()])
    gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
    differences, largest = [], 0.0
    for path, gradient in gradients.items():
        expected = before[path] - after[path]
        differences.append(np.abs(np.asarray(tf.convert_to_tensor(gradient)) - expected).max())
        largest = max(largest, float(np.abs(expected).max()))
    totals = task.stack({**sums, **task.compute_metrics(outputs, batch)}).numpy()
    found = {
        **{name: value for name, value in task.ratios(totals).items() if "loss" in name},
        "variables": len(differences),
        "largest_difference": float(max(differences)),
        "largest_gradient": largest,
    }
    with open(os.path.join(folder, "found.json"), "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
