"""Scores by slice: parts of a set in which a model may be worse than elsewhere.

Shapes: U rows.
"""

import collections
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bert_tf.analysis import paired
from bert_tf.analysis.judged import NONE, Judged

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_NUM_LENGTHS = 4
_MOST_VALUES = 20  # of a column, or labels
_FOUND_WORDS = 10
_LEAST_ROWS = 20  # that hold a word, for it to be searched for errors
_LEAST_SHARE = 0.01


class Slice(NamedTuple):
    """Some rows of a set.

    Attributes:
      by: what the set was cut by: "length", "label", a word, a column.
      name: of the slice.
      rows: bool [U].
    """

    by: str
    name: str
    rows: np.ndarray


class Asked(NamedTuple):
    """What a user wants to have looked at.

    Attributes:
      words: rows that hold a word, against those that do not.
      columns: {name of a column: its U values}.
      known_words: the words of the training texts, lower case; None: they are not known.
    """

    words: Sequence[str] = ()
    columns: Mapping[str, Sequence[str]] = {}
    known_words: Collection[str] | None = None


def words_of(text: str) -> set[str]:
    """The words of a text, lower case."""
    return set(_WORD.findall(text.lower()))


def cut(judged: Judged, asked: Asked = Asked()) -> list[Slice]:  # noqa: B008 - immutable
    """All slices that hold a row, those of one kind behind each other."""
    words = [words_of(text) for text in judged.word_texts or judged.texts]
    found = [
        *_by_length(judged.lengths, judged.length_unit),
        *_by_label(judged),
        *_by_unknown(judged.num_unknown),
        *_by_new_words(words, asked.known_words),
    ]
    for kind, values in judged.kinds.items():
        found += _by_value(kind, values)
    for word in asked.words:
        wanted = words_of(word)
        holds = np.array([bool(wanted) and wanted <= own for own in words], bool)
        found += [Slice("word", f"with {word}", holds), Slice("word", f"without {word}", ~holds)]
    for column, values in asked.columns.items():
        found += _by_value(f"column {column}", values)
    return [one for one in found if one.rows.any()]


def scores(judged: Judged, slices: Sequence[Slice]) -> list[dict[str, Any]]:
    """Of each slice `by`, `slice`, `rows`, its `score` and the `low` and `high` of 95 %."""
    entries = []
    for one in slices:
        low, high = paired.interval(judged.metric, judged.counts[one.rows])
        entries.append(
            {
                "by": one.by,
                "slice": one.name,
                "rows": int(one.rows.sum()),
                "score": judged.score(one.rows),
                "low": low,
                "high": high,
            }
        )
    return entries


def hard_words(judged: Judged) -> list[dict[str, Any]]:
    """The words whose rows are much worse than the others: `word`, `rows`, `score`, `others`.

    All words are tried that enough rows hold, so some look bad by chance. `z` is how many standard
    errors the share of wrong rows lies above that of the others; only those above 2 are listed.
    """
    wrong_U = ~judged.is_right
    least = max(_LEAST_ROWS, int(_LEAST_SHARE * len(judged)))
    rows_of = collections.defaultdict(list)
    for row, text in enumerate(judged.word_texts or judged.texts):
        for word in words_of(text):
            rows_of[word].append(row)
    total, num_wrong = len(judged), int(wrong_U.sum())
    found = []
    for word, rows in rows_of.items():
        count = len(rows)
        if count < least or total - count < least:
            continue
        wrong = int(wrong_U[rows].sum())
        share, rest = wrong / count, (num_wrong - wrong) / (total - count)
        pooled = num_wrong / total
        error = np.sqrt(pooled * (1 - pooled) * (1 / count + 1 / (total - count)))
        z = (share - rest) / error if error else 0.0
        if z > 2:
            found.append((-z, word, rows))
    entries = []
    for minus_z, word, rows in sorted(found, key=lambda one: one[:2])[:_FOUND_WORDS]:
        others = np.ones(total, bool)
        others[rows] = False
        entries.append(
            {
                "word": word,
                "rows": len(rows),
                "score": judged.score(np.array(rows)),
                "others": judged.score(others),
                "z": float(-minus_z),
            }
        )
    return entries


def _by_length(lengths_U: np.ndarray, unit: str) -> Iterator[Slice]:
    """Four parts of about as many rows, cut between two lengths."""
    cuts = np.unique(np.percentile(lengths_U, np.linspace(0, 100, _NUM_LENGTHS + 1)[1:-1]))
    edges = [-np.inf, *np.floor(cuts), np.inf]
    for low, high in zip(edges, edges[1:], strict=False):
        rows = (lengths_U > low) & (lengths_U <= high)
        if rows.any():
            first, last = int(lengths_U[rows].min()), int(lengths_U[rows].max())
            name = f"{first} to {last} {unit}" if first < last else f"{first} {unit}"
            yield Slice("length", name, rows)


def _by_label(judged: Judged) -> Iterator[Slice]:
    """Rows that hold an item of a label; the most frequent labels."""
    rows_of: dict[str, list[int]] = collections.defaultdict(list)
    for row, label in zip(judged.items.rows.tolist(), judged.items.expected, strict=True):
        rows_of[label].append(row)
    if not judged.labels:
        return
    for label in sorted(rows_of, key=lambda name: -len(set(rows_of[name])))[:_MOST_VALUES]:
        rows = np.zeros(len(judged), bool)
        rows[rows_of[label]] = True
        if label != NONE:
            yield Slice("label", label, rows)


def _by_unknown(num_unknown_U: np.ndarray | None) -> Iterator[Slice]:
    if num_unknown_U is None or not num_unknown_U.any():
        return
    yield Slice("unknown tokens", "none", num_unknown_U == 0)
    yield Slice("unknown tokens", "one or more", num_unknown_U > 0)


def _by_new_words(words: Sequence[set[str]], known: Collection[str] | None) -> Iterator[Slice]:
    if known is None:
        return
    known = set(known)
    counts = np.array([len(own - known) for own in words], int)
    by = "words that training did not have"
    yield Slice(by, "none", counts == 0)
    yield Slice(by, "one", counts == 1)
    yield Slice(by, "two or more", counts > 1)


def _by_value(by: str, values: Sequence[str]) -> Iterator[Slice]:
    """The most frequent values; the others together."""
    counts = collections.Counter(values).most_common()
    shown = [value for value, _ in counts[:_MOST_VALUES]]
    values_U = np.array(values, object)
    for value in shown:
        yield Slice(by, value or "(empty)", values_U == value)
    if len(counts) > len(shown):
        yield Slice(by, "(others)", ~np.isin(values_U, shown))
