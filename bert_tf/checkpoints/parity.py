"""Every output of a model, to be compared with that of another project."""

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

    Also `hidden_states` [layers + 1, B, S, D], and what the heads say that bert_tf has no task for:
    `logits` of tokens [B, S, L] and choices [B, 1], `start_logits` and `end_logits` [B, S].
    """
    batch = {name: np.asarray(value, np.int32) for name, value in inputs.items()}
    found = dict(model.encoder(**batch, output_hidden_states=True))
    found["hidden_states"] = np.stack(found["hidden_states"])
    found |= model(batch)
    found = {name: np.asarray(value, np.float32) for name, value in found.items()}
    return found | _head(checkpoint, found)


def _head(checkpoint: Checkpoint, found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    weights, task = checkpoint.weights, checkpoint.task.name
    if task in ("token_classification", "multiple_choice"):
        name = "sequence_output" if task == "token_classification" else "pooled_output"
        return {"logits": found[name] @ weights["classifier/kernel"] + weights["classifier/bias"]}
    if task == "question_answering":
        kernel, bias = (weights[f"cls/squad/output_{name}"] for name in ("weights", "bias"))
        logits = found["sequence_output"] @ kernel.T + bias
        return {"start_logits": logits[..., 0], "end_logits": logits[..., 1]}
    return {}
