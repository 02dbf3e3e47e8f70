"""Computes every output of a model, to compare it with another project."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from bert_tf.checkpoints.checkpoint import Checkpoint

# Largest difference in float32 between two implementations of the same maths.
TOLERANCE = 1e-5


def outputs_of(
    checkpoint: Checkpoint, model: keras.Model, inputs: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The outputs of `model` for `inputs` (`input_ids`, `input_mask`, `segment_ids`, [B, S]).

    They include `hidden_states` [layers + 1, B, S, D], and the `logits` [B, 1] of multiple choice,
    which bert_tf cannot train.
    """
    batch = {name: np.asarray(value, np.int32) for name, value in inputs.items()}
    taken = {name: value for name, value in batch.items() if name in checkpoint.config.inputs}
    found = dict(model.encoder(**taken, output_hidden_states=True))
    found["hidden_states"] = np.stack(found["hidden_states"])
    found |= model(batch)
    if checkpoint.task.name == "multiple_choice":
        sees_pooler = checkpoint.config.classifier_pooling == "pooler"
        seen_BD = found["pooled_output"] if sees_pooler else found["sequence_output"][:, 0]
        found["logits"] = _filled(model.encoder.classifier_head(1, 0.0), checkpoint)(seen_BD)
    return {name: np.asarray(value, np.float32) for name, value in found.items()}


def _filled(head: keras.layers.Layer, checkpoint: Checkpoint) -> keras.layers.Layer:
    head.build()
    for weight in head.weights:
        weight.assign(checkpoint.weights[weight.path])
    return head
