"""Attention rollout: how much attention reaches each token through all layers.

Attention is not explanation (Jain and Wallace 2019): it says where a model looked, not what it made
of it, and does not depend on the answer.

Shape suffixes: L layers, C cases, N heads, S sequence of queries, T sequence of keys.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from bert_tf.explanation.believer import Believer, Cases
from bert_tf.explanation.parts import Parts
from bert_tf.models.encoder import Encoder

_ROWS_PER_STEP = 16


def rollout(believer: Believer, cases: Cases) -> list[Parts]:
    """The attention that reaches each word from the first token, or from the one that is asked.

    Reference: Abnar and Zuidema 2020, section 3.
    """
    found = []
    for start in range(0, len(cases), _ROWS_PER_STEP):
        chosen = range(start, min(start + _ROWS_PER_STEP, len(cases)))
        inputs = {name: values[chosen] for name, values in cases.inputs.items()}
        layers = attention_of(believer.model.encoder, inputs)
        for place, case in enumerate(chosen):
            length = cases.lengths[case]
            probs = [layer[place, :, :length, :length] for layer in layers]
            query = _asked(cases, case)
            found.append(Parts(cases.word_sums(case, rolled_out(probs)[query])))
    return found


def _asked(cases: Cases, case: int) -> int:
    """The token whose attention counts: of a word that is tagged its own, else the first."""
    belief = cases.beliefs[case]
    is_token = belief.span is not None and len(belief.place) == 2 and belief.text == 0
    return belief.place[0] if is_token else 0


def attention_of(encoder: Encoder, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """float32 [C, N, S, T] of each layer, for inputs of the encoder."""
    batch = {name: tf.constant(values) for name, values in inputs.items()}
    names = [name for name in encoder.config.inputs if name in batch]
    outputs = encoder(**{name: batch[name] for name in names}, output_attention_probs=True)
    return [probs.numpy() for probs in outputs["attention_probs"]]


def rolled_out(layers: Sequence[np.ndarray]) -> np.ndarray:
    """float64 [S, T]: the product of the layers' mean attention, each mixed with the residual.

    Args:
      layers: [N, S, T] each, the first layer first. Rows that sum to 1 give rows that sum to 1.
    """
    total = np.eye(layers[0].shape[-1])
    for probs_NST in layers:
        mean_ST = probs_NST.mean(axis=0).astype(np.float64)
        mixed_ST = (mean_ST + np.eye(len(mean_ST))) / 2
        total = mixed_ST / mixed_ST.sum(axis=-1, keepdims=True) @ total
    return total
