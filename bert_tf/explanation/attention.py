"""What the heads of an encoder attend to: one text in detail, and averages over many.

Attention is not explanation: see `rollout`.

Shape suffixes: L layers, N heads, S sequence of queries, T sequence of keys.
"""

import base64
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bert_tf.explanation.rollout import attention_of
from bert_tf.tasks.task import Task
from bert_tf.tokenization.tokenizer import Tokenizer

LONGEST = 512  # tokens of a text
# {statistic of a head: what it is}, means over the tokens that attend.
STATISTICS = {
    "distance": "how many tokens away, on average, a head looks",
    "entropy": "how widely it spreads its attention, in bits: 0 is a single token",
    "separators": "share of its attention on the special tokens at both ends and between texts",
    "previous": "share on the token before",
    "next": "share on the token behind",
    "itself": "share on the token itself",
}
_LEVELS = 255


@dataclasses.dataclass(frozen=True)
class Attended:
    """A text and its attention.

    Attributes:
      tokens: S of them, as people read them.
      is_separator: bool [S].
      probs: float32 [L, N, S, T].
    """

    tokens: list[str]
    is_separator: np.ndarray
    probs: np.ndarray


def of_texts(
    task: Task, model: keras.Model, columns: Sequence[Sequence[str]], max_seq_length: int = LONGEST
) -> Iterator[Attended]:
    """Yields the attention in each text, cut to `max_seq_length` tokens.

    Args:
      task, model: of a model folder; any encoder will do.
      columns: one or two columns of texts.
      max_seq_length: tokens of a row at most.
    """
    tokenizer = task.tokenizer
    length = min(max_seq_length, task.config.model.longest_sequence)
    for texts in zip(*columns, strict=True):
        batch = tokenizer.encode(
            *(tf.constant([text]) for text in texts),
            max_seq_length=length,
            pad=False,
            keep_special_tokens=True,
        )
        inputs = {name: values.numpy() for name, values in batch.items() if values.shape.rank == 2}
        layers = attention_of(model.encoder, inputs)
        ids_S = inputs["input_ids"][0]
        is_separator_S = np.isin(ids_S, tokenizer.layout.special_ids)
        counts = sorted({layer.shape[1] for layer in layers})
        if len(counts) > 1:
            raise ValueError(
                f"the layers of this pruned model have {counts[0]} to {counts[-1]} heads; the "
                "picture of attention needs the same number in each. --methods=rollout takes any."
            )
        probs = np.stack([layer[0] for layer in layers])
        yield Attended(_readable(tokenizer, ids_S), is_separator_S, probs)


def _readable(tokenizer: Tokenizer, ids_S: np.ndarray) -> list[str]:
    """The texts of tokens; a dot stands before one that goes on with a word."""
    special = set(tokenizer.special_ids)
    return [
        ("" if begins or token in special else "\u00b7") + tokenizer.token_texts[token]
        for token, begins in zip(ids_S.tolist(), tokenizer.begins_word[ids_S], strict=True)
    ]


def statistics(attended: Attended) -> dict[str, np.ndarray]:
    """Of each of `STATISTICS` float64 [L, N]: means over the queries of one text.

    Reference: Clark et al. 2019, "What Does BERT Look At?", section 3.
    """
    probs = attended.probs.astype(np.float64)
    length = probs.shape[-1]
    gap_ST = np.abs(np.arange(length)[:, np.newaxis] - np.arange(length))
    bits = -probs * np.log2(np.maximum(probs, 1e-30))
    diagonals = {"previous": -1, "next": 1, "itself": 0}
    found = {
        "distance": (probs * gap_ST).sum(-1).mean(-1),
        "entropy": bits.sum(-1).mean(-1),
        "separators": probs[..., attended.is_separator].sum(-1).mean(-1),
    }
    for name, shift in diagonals.items():
        on_diagonal = np.diagonal(probs, shift, axis1=-2, axis2=-1)
        found[name] = on_diagonal.sum(-1) / max(on_diagonal.shape[-1], 1)
    return found


class Averages:
    """The statistics of heads over texts, in which each text counts once."""

    def __init__(self):
        self._sums: dict[str, np.ndarray] = {}
        self.num_texts = 0

    def add(self, attended: Attended) -> None:
        """Adds a text."""
        for name, values in statistics(attended).items():
            self._sums[name] = self._sums.get(name, 0.0) + values
        self.num_texts += 1

    def records(self) -> list[dict[str, Any]]:
        """A dict for each head: `layer` and `head` from 1, and each of `STATISTICS`."""
        if not self._sums:
            return []
        layers, heads = self._sums["distance"].shape
        return [
            {
                "layer": layer + 1,
                "head": head + 1,
                **{
                    name: float(f"{sums[layer, head] / self.num_texts:.6g}")
                    for name, sums in self._sums.items()
                },
            }
            for layer in range(layers)
            for head in range(heads)
        ]


def packed(attended: Attended, most_bytes: int) -> dict[str, Any]:
    """A text's attention for a page, as JSON values.

    A weight p is one byte, 255 times its root: small ones keep their differences. If all are more
    than `most_bytes`, the largest of each row are kept, as many as there is room for.

    Returns:
      `tokens`; `shape` [L, N, S]; `kept`, how many weights of a row are there (S: all of them);
      `share`, how much of the attention these are; `weights`, base64 of uint8 [L, N, S, kept]; and
      `places`, base64 of little-endian uint16 of the same shape, "" if all weights are there.
    """
    layers, heads, length, _ = attended.probs.shape
    levels = np.rint(_LEVELS * np.sqrt(np.clip(attended.probs, 0, 1))).astype(np.uint8)
    found: dict[str, Any] = {"tokens": attended.tokens, "shape": [layers, heads, length]}
    if levels.size <= most_bytes:
        return found | {"kept": length, "share": 1.0, "weights": _text(levels), "places": ""}
    kept = max(1, min(length, most_bytes // (3 * layers * heads * length)))
    places = np.argpartition(-attended.probs, kept - 1, axis=-1)[..., :kept]
    probs = np.take_along_axis(attended.probs, places, axis=-1)
    return found | {
        "kept": kept,
        "share": float(f"{probs.sum() / attended.probs.sum():.4f}"),
        "weights": _text(np.take_along_axis(levels, places, axis=-1)),
        "places": _text(places.astype("<u2")),
    }


def _text(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()
