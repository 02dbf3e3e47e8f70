"""Reports on labelled data before training: labels, lengths, truncation, duplicates.

Shapes: E examples, L labels.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from bert_tf.data.labelled import comparison
from bert_tf.tasks.classification.examples import Examples
from bert_tf.tasks.classification.split import text_keys

_PERCENTILES = (50, 90, 99)
_SHOWN_LABELS = 12


def look(splits: Mapping[str, tuple[Examples, Mapping[str, np.ndarray]]]) -> dict[str, Any]:
    """What is in the splits, see `comparison.compare`.

    Args:
      splits: {name: (examples, what `encode_examples` made of them)}, training first.

    Returns:
      Each split with `path`, `examples`, `labels` {label: count} (or `numbers`: least, mean,
      largest), `tokens` (mean, percentiles and largest, before truncation, special tokens
      included), `truncated` examples, `duplicates` (examples whose texts came before) and
      `contradictions` (texts with more than one label); `texts` in common.
    """
    keys = {name: text_keys(examples) for name, (examples, _) in splits.items()}
    found = {name: _look_at(*split, keys[name]) for name, split in splits.items()}
    return comparison.compare(found, keys, "texts")


def _look_at(
    examples: Examples, arrays: Mapping[str, np.ndarray], keys: list[bytes]
) -> dict[str, Any]:
    cut = arrays["num_truncated_tokens"]
    tokens = arrays["input_mask"].sum(axis=1) + cut
    percentiles = zip(_PERCENTILES, np.percentile(tokens, _PERCENTILES), strict=True)
    return {
        "path": examples.path,
        "examples": len(examples),
        **_look_at_labels(examples),
        "tokens": {
            "mean": float(tokens.mean()),
            **{f"p{p}": float(value) for p, value in percentiles},
            "max": int(tokens.max()),
        },
        "truncated": int(np.count_nonzero(cut)),
        "duplicates": len(keys) - len(set(keys)),
        "contradictions": _contradictions(examples, keys),
    }


def _look_at_labels(examples: Examples) -> dict[str, Any]:
    label_ids = examples.label_ids
    if label_ids is None:
        return {}
    if not examples.labels:
        ends = {"min": label_ids.min(), "mean": label_ids.mean(), "max": label_ids.max()}
        return {"numbers": {name: float(value) for name, value in ends.items()}}
    if label_ids.ndim == 2:
        counts = label_ids.sum(axis=0)
    else:
        counts = np.bincount(label_ids, minlength=len(examples.labels))
    return {"labels": {name: int(n) for name, n in zip(examples.labels, counts, strict=True)}}


def _contradictions(examples: Examples, keys: list[bytes]) -> int:
    if examples.label_ids is None or not examples.labels:
        return 0
    labels_of = defaultdict(set)
    for key, label in zip(keys, examples.label_ids, strict=True):
        labels_of[key].add(label.tobytes())
    return sum(len(labels) > 1 for labels in labels_of.values())


def report(found: dict[str, Any]) -> list[str]:
    """The same as lines of text."""
    return comparison.report(found, _lines, "texts")


def _lines(name: str, split: dict[str, Any]) -> list[str]:
    tokens, count = split["tokens"], split["examples"]
    share = split["truncated"] / count
    lines = [
        f"{name}: {count:,} examples; tokens: mean {tokens['mean']:.1f}, "
        f"median {tokens['p50']:.0f}, 99 % within {tokens['p99']:.0f}, longest "
        f"{tokens['max']}; truncated: {split['truncated']} ({share:.1%})"
    ]
    lines += [f"  {line}" for line in _label_lines(split, count)]
    if split["duplicates"]:
        lines.append(f"  duplicates: {split['duplicates']} examples repeat the texts of others")
    if split["contradictions"]:
        lines.append(f"  contradictions: {split['contradictions']} texts have several labels")
    return lines


def _label_lines(split: dict[str, Any], count: int) -> list[str]:
    if "numbers" in split:
        numbers = split["numbers"]
        return [
            f"scores: {numbers['min']:g} to {numbers['max']:g}, mean {numbers['mean']:.3f}",
        ]
    labels = split.get("labels", {})
    return [f"labels: {comparison.shares(labels, count, _SHOWN_LABELS)}"] if labels else []
