"""Judges the answer for each text: its label, its labels, or its number.

Shapes: U texts, L labels.
"""

from collections.abc import Sequence

import numpy as np

from bert_tf.analysis import judged
from bert_tf.analysis.judged import NONE, RIGHT, Candidates, Confusion, Items, Judged
from bert_tf.tasks.classification import scores
from bert_tf.tasks.sets import Split

LABEL_OUTCOMES = (RIGHT, "wrong label", "no label")
SET_OUTCOMES = (RIGHT, "missed", "spurious")
NUMBER_OUTCOMES = (RIGHT, "too small", "too large")
_NO_LABEL = "(no label)"


def texts_of(part: Split) -> list[str]:
    """The texts to show a reader; a pair takes one line for each text."""
    return ["\n".join(texts) for texts in _inputs(part)]


def _inputs(part: Split) -> list[tuple[str, ...]]:
    pairs = part.examples.text_pairs
    return list(zip(part.examples.texts, *([] if pairs is None else [pairs]), strict=True))


def judge_labels(
    part: Split, probs_UL: np.ndarray, answers_U: np.ndarray, labels: Sequence[str], unk_id: int
) -> Judged:
    """Judges one label per text.

    Args:
      part: the evaluation set.
      probs_UL: probabilities of the labels.
      answers_U: ids of the answers, -1 for none.
      labels: names of the labels.
      unk_id: id of the unknown token.
    """
    label_ids = part.arrays["label_ids"]
    named = [*labels, NONE]  # index -1
    hits_U = answers_U == label_ids
    answered_U = answers_U >= 0
    outcomes = np.select([hits_U, answered_U], LABEL_OUTCOMES[:2], LABEL_OUTCOMES[2]).tolist()
    answer_or_best = np.where(answered_U, answers_U, probs_UL.argmax(axis=1))
    rows = np.arange(len(label_ids))
    items = Items(
        rows,
        [named[i] for i in label_ids],
        [named[i] for i in answers_U],
        outcomes,
        probs_UL[rows, answer_or_best].astype(np.float64),
    )
    names = list(labels) if answered_U.all() else [*labels, _NO_LABEL]
    columns = np.where(answered_U, answers_U, len(labels))
    targets = np.eye(len(labels), dtype=bool)[label_ids]
    return Judged(
        **_shared(part, unk_id),
        metric=judged.mean("accuracy"),
        counts=np.stack([hits_U, np.ones_like(hits_U)], axis=1).astype(np.float64),
        items=items,
        labels=labels,
        outcomes=LABEL_OUTCOMES if not answered_U.all() else LABEL_OUTCOMES[:2],
        candidates=_candidates(probs_UL, targets, labels),
        confusion=Confusion(
            "texts", names, scores.confusion_matrix(label_ids, columns, len(names))
        ),
    )


def judge_label_sets(
    part: Split, probs_UL: np.ndarray, answers_UL: np.ndarray, labels: Sequence[str], unk_id: int
) -> Judged:
    """Judges sets of labels; `answers_UL` holds 0 or 1. Other arguments: see `judge_labels`."""
    targets_UL, given_UL = part.arrays["label_ids"] > 0, answers_UL > 0
    rows, ids = np.nonzero(targets_UL | given_UL)
    expected, given = targets_UL[rows, ids], given_UL[rows, ids]
    probs = probs_UL[rows, ids].astype(np.float64)
    items = Items(
        rows,
        [labels[i] if is_there else NONE for i, is_there in zip(ids, expected, strict=True)],
        [labels[i] if is_there else NONE for i, is_there in zip(ids, given, strict=True)],
        np.select([expected & given, expected], SET_OUTCOMES[:2], SET_OUTCOMES[2]).tolist(),
        np.where(given, probs, 1 - probs),
    )
    counts = [(targets_UL & given_UL).sum(1), given_UL.sum(1), targets_UL.sum(1)]
    return Judged(
        **_shared(part, unk_id),
        metric=judged.f1("micro_f1"),
        counts=np.stack(counts, axis=1).astype(np.float64),
        items=items,
        labels=labels,
        outcomes=SET_OUTCOMES,
        candidates=_candidates(probs_UL, targets_UL, labels),
    )


def judge_numbers(part: Split, answers_U: np.ndarray, unk_id: int) -> Judged:
    """Judges numbers: right if off by at most half a standard deviation of the expected ones."""
    targets_U = part.arrays["label_ids"].astype(np.float64)
    off_U = answers_U.astype(np.float64) - targets_U
    is_right_U = np.abs(off_U) <= targets_U.std() / 2
    outcomes = np.select([is_right_U, off_U < 0], NUMBER_OUTCOMES[:2], NUMBER_OUTCOMES[2])
    items = Items(
        np.arange(len(off_U)),
        [f"{number:.4g}" for number in targets_U],
        [f"{number:.4g}" for number in answers_U],
        outcomes.tolist(),
        np.full(len(off_U), np.nan),
    )
    return Judged(
        **_shared(part, unk_id),
        metric=judged.root_mean("root_mean_squared_error"),
        counts=np.stack([off_U**2, np.ones_like(off_U)], axis=1),
        items=items,
        labels=(),
        outcomes=NUMBER_OUTCOMES,
        numbers=np.stack([targets_U, answers_U], axis=1),
    )


def _shared(part: Split, unk_id: int) -> dict:
    arrays = part.arrays
    is_unknown = (arrays["input_ids"] == unk_id) & (arrays["input_mask"] > 0)
    return {
        "unit": "texts",
        "places": list(part.examples.lines),
        "texts": texts_of(part),
        "lengths": arrays["input_mask"].sum(axis=1) + arrays["num_truncated_tokens"],
        "num_unknown": is_unknown.sum(axis=1),
        "inputs": _inputs(part),
    }


def _candidates(
    probs_UL: np.ndarray, targets_UL: np.ndarray, labels: Sequence[str]
) -> dict[str, Candidates]:
    counts = targets_UL.sum(axis=0).tolist()
    columns = zip(labels, probs_UL.T, targets_UL.T, counts, strict=True)
    return {name: Candidates(scores, is_right, count) for name, scores, is_right, count in columns}
