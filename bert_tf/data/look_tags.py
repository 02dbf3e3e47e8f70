"""A look at tagged words before they are trained on."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf.data import tags as tag_lib
from bert_tf.data.token_classification import TaggedData

_SHOWN = 20


def look(splits: Mapping[str, TaggedData], *, plain: bool) -> dict[str, Any]:
    """What is in the splits, for `report` and for JSON.

    Args:
        splits: {name: data}, training first.
        plain: whether tags spell no entities; then the tags are counted.

    Returns:
        {"splits": {name: see below}, "shared": [{"splits": [a, b], "sentences": n}, ...]}. A split
        has `path`, `sentences`, `words`, `rows`, `longest_sentence` in words, and `entities` (or
        `tags`) {type: count}.
    """
    sentences = {
        name: {tuple(sentence.words) for sentence in data.sentences}
        for name, data in splits.items()
    }
    names = list(splits)
    shared = [
        {"splits": [a, b], "sentences": len(sentences[a] & sentences[b])}
        for index, a in enumerate(names)
        for b in names[index + 1 :]
    ]
    return {
        "splits": {name: _look_at(data, plain) for name, data in splits.items()},
        "shared": [entry for entry in shared if entry["sentences"]],
    }


def _look_at(data: TaggedData, plain: bool) -> dict[str, Any]:
    counts = collections.Counter()
    for sentence in data.sentences:
        counts.update(sentence.tags if plain else (s[0] for s in tag_lib.spans(sentence.tags)))
    lengths = [len(sentence.words) for sentence in data.sentences]
    return {
        "path": data.path,
        "sentences": len(lengths),
        "words": sum(lengths),
        "longest_sentence": max(lengths),
        "rows": len(data),
        "tags" if plain else "entities": dict(counts.most_common()),
    }


def report(found: dict[str, Any]) -> list[str]:
    """The same as lines of text."""
    lines = []
    for name, split in found["splits"].items():
        lines.append(
            f"{name}: {split['sentences']:,} sentences, {split['words']:,} words (the longest "
            f"sentence has {split['longest_sentence']:,}), {split['rows']:,} rows"
        )
        kind = "tags" if "tags" in split else "entities"
        lines.append(f"  {kind}: {_shares(split[kind])}")
    for entry in found["shared"]:
        a, b = entry["splits"]
        lines.append(f"WARNING: {entry['sentences']:,} sentences are in {a} and in {b}")
    return lines


def _shares(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    shown: Sequence[str] = [f"{name} {n:,} ({n / total:.1%})" for name, n in counts.items()]
    more = f", and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return (", ".join(shown[:_SHOWN]) + more) or "none"
