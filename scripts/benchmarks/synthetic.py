"""Random full batches for measuring a step: nothing is padding, every prediction slot is used.

Imports NumPy alone, so that a process with other libraries can use it.
"""

from typing import Any

import numpy as np

_FIRST_WORD = 5  # below are special tokens


def batch(config: dict[str, Any], seed: int) -> dict[str, np.ndarray]:
    """A pretraining batch in bert_tf's format, from an ExperimentConfig as nested dicts.

    Returns:
      int32 `input_ids`, `input_mask`, `segment_ids` [B, S]; `masked_lm_positions`, `masked_lm_ids`
      and float32 `masked_lm_weights` [B, P]; `next_sentence_labels`, float32
      `next_sentence_weights` [B, 1]. Positions are distinct and rising.
    """
    random = np.random.default_rng(seed)
    B, S = config["train"]["global_batch_size"], config["data"]["max_seq_length"]
    P, V = config["task"]["max_predictions_per_seq"], config["model"]["vocab_size"]
    positions = np.argsort(random.random((B, S - 1)), axis=1)[:, :P] + 1  # not [CLS]
    segments = np.arange(S) >= S // 2
    return {
        "input_ids": random.integers(_FIRST_WORD, V, (B, S), np.int32),
        "input_mask": np.ones((B, S), np.int32),
        "segment_ids": np.tile(segments, (B, 1)).astype(np.int32),
        "masked_lm_positions": np.sort(positions, axis=1).astype(np.int32),
        "masked_lm_ids": random.integers(_FIRST_WORD, V, (B, P), np.int32),
        "masked_lm_weights": np.ones((B, P), np.float32),
        "next_sentence_labels": random.integers(0, 2, (B, 1), np.int32),
        "next_sentence_weights": np.ones((B, 1), np.float32),
    }


def batches(config: dict[str, Any], count: int = 4) -> dict[str, np.ndarray]:
    """`count` different batches, stacked on a new first axis."""
    several = [batch(config, seed) for seed in range(count)]
    return {name: np.stack([one[name] for one in several]) for name in several[0]}
