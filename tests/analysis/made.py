"""Small sets that were judged, made by hand or drawn, for tests of the analysis and its page."""

import numpy as np

from bert_tf.analysis import judged
from bert_tf.analysis.judged import NONE, RIGHT, Candidates, Confusion, Items, Judged

LABELS = ("bad", "good", "<b>odd</b>")
HARD = "hardly"
ATTACK = "<script>alert('x')</script>"


def of_labels(num_rows: int = 300, seed: int = 0, accuracy: float = 0.8) -> Judged:
    """One label a text; texts that hold the word `HARD` are mostly wrong."""
    generator = np.random.default_rng(seed)
    # What stands in the rows is the same for every seed, so that two runs can be compared.
    data = np.random.default_rng(0)
    targets = data.choice(len(LABELS), num_rows, p=(0.5, 0.4, 0.1))
    is_hard = data.random(num_rows) < 0.15
    words = data.integers(3, 30, num_rows)
    is_right = generator.random(num_rows) < np.where(is_hard, 0.2, accuracy)
    answers = np.where(is_right, targets, (targets + 1) % len(LABELS))
    certain = generator.uniform(0.4, 1.0, num_rows)
    probs = np.full((num_rows, len(LABELS)), 0.0)
    probs += ((1 - certain) / (len(LABELS) - 1))[:, np.newaxis]
    probs[np.arange(num_rows), answers] = certain
    counts = np.zeros((len(LABELS), len(LABELS)), int)
    np.add.at(counts, (targets, answers), 1)
    return Judged(
        unit="texts",
        places=list(range(2, num_rows + 2)),
        texts=[
            f"row {n} {'word ' * words[n]}{HARD * int(is_hard[n])} {ATTACK * (n % 7 == 0)}".strip()
            for n in range(num_rows)
        ],
        metric=judged.mean("accuracy"),
        counts=np.stack([is_right, np.ones(num_rows)], axis=1).astype(float),
        items=Items(
            np.arange(num_rows),
            [LABELS[n] for n in targets],
            [LABELS[n] for n in answers],
            [RIGHT if right else "wrong label" for right in is_right],
            certain,
        ),
        labels=LABELS,
        outcomes=(RIGHT, "wrong label"),
        lengths=words + 4,
        num_unknown=(data.random(num_rows) < 0.1).astype(int),
        candidates={
            name: Candidates(probs[:, n], targets == n, int((targets == n).sum()))
            for n, name in enumerate(LABELS)
        },
        confusion=Confusion("texts", LABELS, counts),
    )


def of_entities() -> Judged:
    """Three sentences with every outcome that entities have."""
    outcomes = (RIGHT, "wrong type", "wrong border", "missed", "spurious", RIGHT)
    return Judged(
        unit="sentences",
        places=[1, 9, 12],
        texts=["Rome and Paris met Ann Lee", f"nobody saw {ATTACK}", "Bob"],
        metric=judged.f1(),
        counts=np.array([[1, 3, 3], [0, 1, 1], [1, 1, 1]], float),
        items=Items(
            np.array([0, 0, 0, 1, 1, 2]),
            ["LOC", "LOC", "PER", "PER", NONE, "PER"],
            ["LOC", "ORG", "PER", NONE, "PER", "PER"],
            outcomes,
            np.array([0.9, 0.8, 0.7, 0.6, 0.95, np.nan]),
            ["Rome", "Paris", "Ann", "nobody", ATTACK, "Bob"],
            ["Rome", "Paris", "Ann Lee", "nobody", ATTACK, "Bob"],
        ),
        labels=("LOC", "PER", "ORG"),
        outcomes=(RIGHT, "wrong type", "wrong border", "missed", "spurious"),
        lengths=np.array([6, 3, 1]),
        length_unit="words",
    )


def of_numbers(num_rows: int = 60) -> Judged:
    """A regression whose answers are 0.5 too large."""
    expected = np.linspace(0, 5, num_rows)
    given = expected + 0.5 + 0.2 * np.sin(np.arange(num_rows))
    off = given - expected
    return Judged(
        unit="texts",
        places=list(range(num_rows)),
        texts=[f"pair {n}\nwith another text" for n in range(num_rows)],
        metric=judged.root_mean("root_mean_squared_error"),
        counts=np.stack([off**2, np.ones(num_rows)], axis=1),
        items=Items(
            np.arange(num_rows),
            [f"{number:.4g}" for number in expected],
            [f"{number:.4g}" for number in given],
            [RIGHT if abs(number) < 0.6 else "too large" for number in off],
            np.full(num_rows, np.nan),
        ),
        labels=(),
        outcomes=(RIGHT, "too small", "too large"),
        lengths=np.arange(num_rows) % 9 + 3,
        numbers=np.stack([expected, given], axis=1),
    )
