"""Holds out labelled texts for evaluation, the same share of every label."""

import hashlib

import numpy as np

from bert_tf.tasks import hold_out
from bert_tf.tasks.classification.examples import Examples

_STRATA_OF_NUMBERS = 10


def text_keys(examples: Examples) -> list[bytes]:
    """A hash of the texts of each example; spaces and case make no difference."""
    pairs = examples.text_pairs or [""] * len(examples)
    return [
        hashlib.sha256("\0".join(" ".join(text.lower().split()) for text in both).encode()).digest()
        for both in zip(examples.texts, pairs, strict=True)
    ]


def split_examples(examples: Examples, fraction: float, seed: int) -> tuple[Examples, Examples]:
    """(training part, held-out part): the same share of every label is held out.

    Numbers are divided into ten strata of similar size, and sets of labels by their rarest label.

    Args:
      examples: with labels.
      fraction: share of the examples to hold out, between 0 and 1.
      seed: seed of the random choice.

    Raises:
      ValueError: there are too few examples.
    """
    held_out = hold_out.hold_out(text_keys(examples), _strata(examples.label_ids), fraction, seed)
    hold_out.check_both(held_out, examples.path, "examples", fraction)
    return examples.take(np.flatnonzero(~held_out)), examples.take(np.flatnonzero(held_out))


def _strata(label_ids: np.ndarray) -> np.ndarray:
    """Int [E]: the stratum of each example, from its labels."""
    if label_ids.ndim == 2:
        counts = label_ids.sum(axis=0)
        rarity = np.where(label_ids > 0, counts, np.inf)
        return np.where(label_ids.any(axis=1), rarity.argmin(axis=1), -1)
    if label_ids.dtype == np.int32:
        return label_ids
    ranks = np.argsort(np.argsort(label_ids, kind="stable"), kind="stable")
    return ranks * _STRATA_OF_NUMBERS // len(label_ids)
