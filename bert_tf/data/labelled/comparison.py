"""What all looks at data before training have in common: several sets, and what two of them share.

Of single sets know bert_tf.tasks.classification.look, look_tags and look_answers.
"""

import itertools
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any


def compare(
    splits: Mapping[str, dict[str, Any]], texts: Mapping[str, Collection[Hashable]], what: str
) -> dict[str, Any]:
    """What is in the sets, for `report` and for JSON.

    Args:
      splits: {name: what was found in it}, training first.
      texts: {name: its texts, or keys of them}.
      what: what the texts are called, for example "sentences".

    Returns:
      {"splits": `splits`, "shared": [{"splits": [a, b], `what`: n}, ...]}, of the pairs that
      have n > 0 different texts in common.
    """
    distinct = {name: set(texts[name]) for name in splits}
    shared = [
        {"splits": [a, b], what: len(distinct[a] & distinct[b])}
        for a, b in itertools.combinations(splits, 2)
    ]
    return {"splits": dict(splits), "shared": [entry for entry in shared if entry[what]]}


def report(
    found: Mapping[str, Any], lines_of: Callable[[str, dict[str, Any]], list[str]], what: str
) -> list[str]:
    """The same as lines of text; `lines_of` makes those of one set from its name and content."""
    lines = [line for name, split in found["splits"].items() for line in lines_of(name, split)]
    for entry in found["shared"]:
        a, b = entry["splits"]
        lines.append(f"WARNING: {entry[what]:,} {what} are in {a} and in {b}")
    return lines


def shares(counts: Mapping[str, int], total: int, most: int) -> str:
    """For example "a 3 (75.0%), b 1 (25.0%)"; at most `most` names, "none" without any."""
    shown = [f"{name} {n:,} ({n / total:.1%})" for name, n in counts.items()]
    more = f", and {len(shown) - most} more" if len(shown) > most else ""
    return (", ".join(shown[:most]) + more) or "none"
