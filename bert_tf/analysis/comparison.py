"""Two runs side by side: who is better, by how much, where, and whether it could be chance.

Shapes: U rows, C counts.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from bert_tf.analysis import errors, paired
from bert_tf.analysis.judged import Judged
from bert_tf.analysis.slices import Asked

_SHOWN = 50  # rows in which one of the runs is right


class Other(NamedTuple):
    """What another run left of a set.

    Attributes:
      name: of the run.
      keys: U, what stood in each row.
      counts: float64 [U, C], as in `Judged`.
      is_right: bool [U].
      given: U, what was answered.
    """

    name: str
    keys: Sequence[str]
    counts: np.ndarray
    is_right: np.ndarray
    given: Sequence[str]


def other_of(name: str, judged: Judged) -> Other:
    """From a run that was judged here."""
    return Other(name, keys_of(judged), judged.counts, judged.is_right, judged.said(False))


def keys_of(judged: Judged) -> list[str]:
    """What tells the rows of another set apart: a hash of the text and the right answer."""
    pairs = zip(judged.texts, judged.said(True), strict=True)
    return [hashlib.sha256("\0".join(pair).encode()).hexdigest()[:16] for pair in pairs]


def lines(judged: Judged) -> Iterator[str]:
    """Each row as a line of JSON: `place`, `key`, `right`, `counts`, `expected` and `given`."""
    columns = zip(
        judged.places,
        keys_of(judged),
        judged.is_right.tolist(),
        judged.counts.tolist(),
        judged.said(True),
        judged.said(False),
        strict=True,
    )
    names = ("place", "key", "right", "counts", "expected", "given")
    for values in columns:
        yield json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False)


def parse(name: str, path: str, records: Iterable[Any]) -> Other:
    """From the objects of the lines that `lines` wrote.

    Args:
      name: of the run.
      path: of the file, for messages.
      records: what its lines hold.

    Raises:
      ValueError: the file is another one.
    """
    rows = []
    for number, record in enumerate(records, start=1):
        try:
            counts = [float(count) for count in record["counts"]]
            rows.append((str(record["key"]), counts, bool(record["right"]), str(record["given"])))
        except (KeyError, TypeError, ValueError, OverflowError):
            rows = []
        if not rows or len(counts) != len(rows[0][1]) or not _are_counts(counts):
            raise ValueError(
                f"{path}:{number}: this is no line of a fine-tuning run of bert_tf. Expected an "
                'object with "key", "counts", "right" and "given".'
            )
    if not rows:
        raise ValueError(f"{path}: it is empty. Expected a line for each row.")
    keys, counts, is_right, given = zip(*rows, strict=True)
    return Other(name, keys, np.array(counts), np.array(is_right, bool), given)


def _are_counts(values: Sequence[float]) -> bool:
    """Whether they can be added up without loss; NaN and infinity cannot."""
    return all(abs(value) < 2**53 for value in values)


def check_same(judged: Judged, other: Other, what: str) -> None:
    """ValueError unless both runs answered the same rows and are scored alike.

    Args:
      judged: of this run.
      other: the other.
      what: the set, for messages.
    """
    keys = keys_of(judged)
    advice = "Compare runs that were scored on one file, or give both to evaluate.py."
    if len(keys) != len(other.keys):
        raise ValueError(
            f"{what} has {len(keys)} rows here and {len(other.keys)} in {other.name}. {advice}"
        )
    for place, mine, theirs in zip(judged.places, keys, other.keys, strict=True):
        if mine != theirs:
            raise ValueError(f"{what} holds another row at {place} than {other.name}. {advice}")
    if judged.counts.shape[1] != other.counts.shape[1]:
        raise ValueError(f"{other.name} is scored in another way: it is another task. {advice}")


def compare(judged: Judged, other: Other, asked: Asked = Asked()) -> dict[str, Any]:  # noqa: B008
    """What `report.json` holds of two runs on one set; `check_same` must have passed.

    Returns:
      `other` (its name); `metric`; `table`, of the whole set and of each slice `by`, `slice`,
      `rows`, the scores `this` and `other`, `difference` with the `low` and `high` of 95 %, and
      `p_value` of the paired bootstrap test; `both_right`, `only_this`, `only_other`, `neither`,
      numbers of rows; `won` and `lost`, rows that one of the two has right alone.
    """
    mine, theirs = judged.is_right, other.is_right
    table = []
    for one in errors.all_slices(judged, asked):
        pair = judged.counts[one.rows], other.counts[one.rows]
        found = paired.compare(judged.metric, *pair)
        scores = [float(judged.metric.function(counts.sum(axis=0))) for counts in pair]
        table.append(
            {
                "by": one.by,
                "slice": one.name,
                "rows": int(one.rows.sum()),
                "this": scores[0],
                "other": scores[1],
                **found._asdict(),
            }
        )
    return {
        "other": other.name,
        "metric": judged.metric.name,
        "lower_is_better": judged.metric.lower_is_better,
        "table": table,
        "both_right": int(np.count_nonzero(mine & theirs)),
        "only_this": int(np.count_nonzero(mine & ~theirs)),
        "only_other": int(np.count_nonzero(~mine & theirs)),
        "neither": int(np.count_nonzero(~mine & ~theirs)),
        "won": _rows(judged, other, mine & ~theirs),
        "lost": _rows(judged, other, ~mine & theirs),
    }


def _rows(judged: Judged, other: Other, chosen: np.ndarray) -> list[dict[str, Any]]:
    expected, given = judged.said(True), judged.said(False)
    return [
        {
            "row": row,
            "place": judged.places[row],
            "text": errors.cut(judged.texts[row]),
            "expected": expected[row],
            "this": given[row],
            "other": other.given[row],
        }
        for row in np.flatnonzero(chosen)[:_SHOWN].tolist()
    ]
