"""Reports on tagged words before training."""

import collections
from collections.abc import Mapping
from typing import Any

from bert_tf.data.labelled import comparison
from bert_tf.tasks.token_classification import tags
from bert_tf.tasks.token_classification.rows import TaggedData

_SHOWN = 20


def look(splits: Mapping[str, TaggedData], *, plain: bool) -> dict[str, Any]:
    """What is in the splits, see `comparison.compare`.

    Args:
      splits: {name: data}, training first.
      plain: whether tags are not entities; then the tags are counted.

    Returns:
      Each split with `path`, `sentences`, `words`, `rows`, `longest_sentence` in words, and
      `entities` (or `tags`) {type: count}; `sentences` in common.
    """
    sentences = {
        name: {tuple(sentence.words) for sentence in data.sentences}
        for name, data in splits.items()
    }
    found = {name: _look_at(data, plain) for name, data in splits.items()}
    return comparison.compare(found, sentences, "sentences")


def _look_at(data: TaggedData, plain: bool) -> dict[str, Any]:
    counts = collections.Counter()
    for sentence in data.sentences:
        counts.update(sentence.tags if plain else (s[0] for s in tags.spans(sentence.tags)))
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
    return comparison.report(found, _lines, "sentences")


def _lines(name: str, split: dict[str, Any]) -> list[str]:
    kind = "tags" if "tags" in split else "entities"
    counts = split[kind]
    return [
        f"{name}: {split['sentences']:,} sentences, {split['words']:,} words (the longest "
        f"sentence has {split['longest_sentence']:,}), {split['rows']:,} rows",
        f"  {kind}: {comparison.shares(counts, sum(counts.values()), _SHOWN)}",
    ]
