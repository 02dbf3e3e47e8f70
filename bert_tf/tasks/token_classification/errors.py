"""What became of each entity: found, missed, made up, of another type or with other borders.

Shapes: U sentences, W words of all sentences, L labels.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bert_tf.analysis import judged
from bert_tf.analysis.judged import NONE, RIGHT, Candidates, Confusion, Items, Judged
from bert_tf.tasks.classification.scores import confusion_matrix
from bert_tf.tasks.token_classification import tags as tag_lib
from bert_tf.tasks.token_classification.columns import Sentence
from bert_tf.tasks.token_classification.rows import TaggedData

WRONG_TYPE, WRONG_BORDER, WRONG_BOTH = "wrong type", "wrong border", "wrong type and border"
MISSED, SPURIOUS = "missed", "spurious"
OUTCOMES = (RIGHT, WRONG_TYPE, WRONG_BORDER, WRONG_BOTH, MISSED, SPURIOUS)
TAG_OUTCOMES = (RIGHT, "wrong tag")
Span = tuple[str, int, int]  # type, first word, word behind the last


class Pair(NamedTuple):
    """An expected and a found entity, None where there is no other; and what that is called."""

    expected: Span | None
    found: Span | None
    outcome: str


def pair(expected: Sequence[Span], found: Sequence[Span]) -> list[Pair]:
    """Every entity once, in the order of the sentence.

    Each expected entity goes with one that was found, at most: first with the same one, then with
    one of the same borders, then of the same type that overlaps, then with any that overlaps. So
    "right" alone is the hits of the F1, and all of a side are its entities.

    Args:
      expected, found: entities of a sentence; those of one side do not overlap.
    """
    rules = (
        (RIGHT, lambda one, other: one == other),
        (WRONG_TYPE, lambda one, other: one[1:] == other[1:]),
        (WRONG_BORDER, lambda one, other: one[0] == other[0] and _overlap(one, other)),
        (WRONG_BOTH, _overlap),
    )
    pairs, missing, others = [], list(expected), list(found)
    for outcome, belong in rules:
        for one in list(missing):
            match = next((other for other in others if belong(one, other)), None)
            if match is not None:
                pairs.append(Pair(one, match, outcome))
                missing.remove(one)
                others.remove(match)
    pairs += [Pair(one, None, MISSED) for one in missing]
    pairs += [Pair(None, one, SPURIOUS) for one in others]
    return sorted(pairs, key=lambda one: (one.expected or one.found)[1:])


def _overlap(one: Span, other: Span) -> bool:
    return one[1] < other[2] and other[1] < one[2]


def judge(
    data: TaggedData,
    predicted: Sequence[Sequence[str]],
    probs_WL: np.ndarray,
    labels: Sequence[str],
    unk_id: int,
    is_plain: bool,
) -> Judged:
    """What became of the words or entities.

    Args:
      data: the set.
      predicted: the tags of each sentence.
      probs_WL: probabilities of the tags of each word.
      labels: all tags.
      unk_id: the token for what the vocabulary does not have.
      is_plain: whether tags spell no entities.
    """
    sentences = data.sentences
    id_of = {label: number for number, label in enumerate(labels)}
    tag_ids_W = np.array([id_of[tag] for tags in predicted for tag in tags])
    certain_W = probs_WL[np.arange(len(tag_ids_W)), tag_ids_W].astype(np.float64)
    lengths_U = np.array([len(sentence.words) for sentence in sentences])
    is_unknown_W = data.arrays["input_ids"][data.word_rows, data.word_positions] == unk_id
    row_W = np.repeat(np.arange(len(sentences)), lengths_U)
    parts = _words if is_plain else _entities
    items = parts(sentences, predicted, certain_W, np.cumsum(lengths_U) - lengths_U)
    kinds = labels if is_plain else _kinds(labels)[1:]
    return Judged(
        unit="sentences",
        places=[sentence.lines[0] for sentence in sentences],
        texts=[" ".join(sentence.words) for sentence in sentences],
        metric=judged.mean("accuracy") if is_plain else judged.f1(),
        counts=_counts(items, len(sentences), is_plain),
        items=items,
        labels=kinds,
        outcomes=TAG_OUTCOMES if is_plain else OUTCOMES,
        lengths=lengths_U,
        length_unit="words",
        num_unknown=np.bincount(row_W, is_unknown_W, len(sentences)).astype(int),
        candidates={} if is_plain else _candidates(items, kinds),
        confusion=_confusion([s.tags for s in sentences], predicted, labels, is_plain),
        inputs=[(" ".join(sentence.words),) for sentence in sentences],
    )


def _words(
    sentences: Sequence[Sentence],
    predicted: Sequence[Sequence[str]],
    certain_W: np.ndarray,
    begins_U: np.ndarray,
) -> Items:
    """Plain tags: every word is an item."""
    del begins_U
    expected = [tag for sentence in sentences for tag in sentence.tags]
    given = [tag for tags in predicted for tag in tags]
    rows = np.repeat(np.arange(len(sentences)), [len(s.words) for s in sentences])
    words = [word for sentence in sentences for word in sentence.words]
    outcomes = [TAG_OUTCOMES[a != b] for a, b in zip(expected, given, strict=True)]
    starts = [start for sentence in sentences for start in _starts(sentence)]
    return Items(rows, expected, given, outcomes, certain_W, words, starts=starts)


def _starts(sentence: Sentence) -> list[int]:
    """Where each word begins in the sentence with one blank between two words."""
    ends = itertools.accumulate(len(word) + 1 for word in sentence.words)
    return [0, *ends][: len(sentence.words)]


def _entities(
    sentences: Sequence[Sentence],
    predicted: Sequence[Sequence[str]],
    certain_W: np.ndarray,
    begins_U: np.ndarray,
) -> Items:
    """The confidence is the mean over the words, as served models give it."""
    rows, certain, found, starts = [], [], [], []
    for row, (sentence, tags) in enumerate(zip(sentences, predicted, strict=True)):
        for one in pair(tag_lib.spans(sentence.tags), tag_lib.spans(tags)):
            begin, end = (one.found or one.expected)[1:]
            texts = [
                " ".join(sentence.words[span[1] : span[2]]) if span else ""
                for span in (one.expected, one.found)
            ]
            rows.append(row)
            starts.append(_starts(sentence)[begin])
            certain.append(certain_W[begins_U[row] + begin : begins_U[row] + end].mean())
            found.append((one, *texts))
    return Items(
        np.array(rows, int),
        [one.expected[0] if one.expected else NONE for one, *_ in found],
        [one.found[0] if one.found else NONE for one, *_ in found],
        [one.outcome for one, *_ in found],
        np.array(certain, np.float64),
        [given or expected for _, expected, given in found],
        [expected or given for _, expected, given in found],
        starts,
    )


def _counts(items: Items, num_rows: int, is_plain: bool) -> np.ndarray:
    """float64 [U, 2] (right words, words), or [U, 3] (right, found, expected entities)."""

    def of_rows(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(items.rows[chosen], minlength=num_rows)

    every = np.ones(len(items.rows), bool)
    is_expected = np.array([label != NONE for label in items.expected], bool)
    columns = [every] if is_plain else [items.is_given, is_expected]
    return np.stack([of_rows(one) for one in (items.is_right, *columns)], axis=1).astype(float)


def _candidates(items: Items, kinds: Sequence[str]) -> dict[str, Candidates]:
    """Of each type the entities that were found."""
    given, expected = np.array(items.given, object), np.array(items.expected, object)
    return {
        kind: Candidates(
            items.confidences[given == kind],
            items.is_right[given == kind],
            int(np.count_nonzero(expected == kind)),
        )
        for kind in kinds
    }


def _kinds(labels: Sequence[str]) -> list[str]:
    """What tags stand for: O, and the types of entities."""
    kinds = (tag_lib.split_tag(label)[1] for label in labels if label != tag_lib.OUTSIDE)
    return list(dict.fromkeys([tag_lib.OUTSIDE, *kinds]))


def _confusion(
    expected: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    labels: Sequence[str],
    is_plain: bool,
) -> Confusion:
    """Of words: their tags, or the types of the entities in which they stand."""
    kinds = list(labels) if is_plain else _kinds(labels)
    place = {kind: number for number, kind in enumerate(kinds)}

    def kind_of(tag: str) -> str:
        return tag if is_plain or tag == tag_lib.OUTSIDE else tag_lib.split_tag(tag)[1]

    ids = [
        np.array([place[kind_of(tag)] for tags in side for tag in tags])
        for side in (expected, predicted)
    ]
    return Confusion("words", kinds, confusion_matrix(*ids, len(kinds)))


def entity_errors(
    sentences: Sequence[Sentence], predicted: Sequence[Sequence[str]]
) -> Iterator[tuple[str, ...]]:
    """What is wrong: of each pair that is not right (line, outcome, type, entity, sentence, found).

    The line of the file, type and entity are those of the expected one, or else of the one that was
    found. `found` is the type and the words of what was found in place of an expected one, or "".
    """
    for sentence, answers in zip(sentences, predicted, strict=True):
        for one in pair(tag_lib.spans(sentence.tags), tag_lib.spans(answers)):
            if one.outcome == RIGHT:
                continue
            kind, begin, end = one.expected or one.found
            words, found = " ".join(sentence.words[begin:end]), ""
            if one.expected and one.found:
                found = " ".join([one.found[0], *sentence.words[slice(*one.found[1:])]])
            yield (
                *(str(sentence.lines[begin]), one.outcome, kind, words),
                " ".join(sentence.words),
                found,
            )
