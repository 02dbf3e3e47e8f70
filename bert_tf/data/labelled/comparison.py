"""The common part of the reports on data before training: several sets, and texts in two of them.

Reports on one set are in the module `look` of each task.
"""

import itertools
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any


def compare(
    splits: Mapping[str, dict[str, Any]], texts: Mapping[str, Collection[Hashable]], what: str
) -> dict[str, Any]:
    """Finds the texts that two sets have in common.

    Args:
      splits: {set: report on the set}, training first.
      texts: {set: its texts, or keys of them}.
      what: the name of the texts, for example "sentences".

    Returns:
      {"splits": `splits`, "shared": [{"splits": [a, b], `what`: n}, ...]}, for `report` and for
      JSON. "shared" has the pairs of sets with n > 0 different texts in common.
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
    """The result of `compare` as lines of text.

    Args:
      found: from `compare`.
      lines_of: (set, report on the set) -> lines about it.
      what: as in `compare`.
    """
    lines = [line for name, split in found["splits"].items() for line in lines_of(name, split)]
    for entry in found["shared"]:
        a, b = entry["splits"]
        lines.append(f"WARNING: {entry[what]:,} {what} are in {a} and in {b}")
    return lines


def shares(counts: Mapping[str, int], total: int, most: int) -> str:
    """For example "a 3 (75.0%), b 1 (25.0%)": at most `most` names, or "none"."""
    shown = [f"{name} {n:,} ({n / total:.1%})" for name, n in counts.items()]
    more = f", and {len(shown) - most} more" if len(shown) > most else ""
    return (", ".join(shown[:most]) + more) or "none"
