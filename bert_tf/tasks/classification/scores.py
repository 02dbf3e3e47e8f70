"""Scores of labels, sets of labels and numbers, as scikit-learn and SciPy compute them.

Shapes: E examples, L labels.
"""

import numpy as np


def label_scores(label_ids: np.ndarray, predicted_ids: np.ndarray, num_labels: int) -> dict:
    """`accuracy`, `f1`, `macro_f1` and `matthews` of int [E] labels and answers (-1: none).

    `f1` is the F1 of the last of two labels (GLUE's "1" in MRPC and QQP); more labels have no `f1`.
    Matthews' coefficient is 0 if all answers are the same label.
    """
    from sklearn import metrics  # takes a second, so import it only here

    scores = {"accuracy": float(np.mean(label_ids == predicted_ids))}
    if num_labels == 2:
        scores["f1"] = metrics.f1_score(  # of one label, because -1 (no label) is a third class
            label_ids, predicted_ids, labels=[1], average="macro", zero_division=0
        )
    scores["macro_f1"] = metrics.f1_score(
        label_ids,
        predicted_ids,
        labels=np.arange(num_labels),
        average="macro",
        zero_division=0,
    )
    scores["matthews"] = metrics.matthews_corrcoef(label_ids, predicted_ids)
    return {name: float(value) for name, value in scores.items()}


def answered_scores(label_ids: np.ndarray, predicted_ids: np.ndarray) -> dict[str, float]:
    """`coverage`, the share of texts with an answered label, and `answered_accuracy` of these.

    `accuracy` counts a text without an answered label as wrong.
    """
    answered = predicted_ids >= 0
    right = (label_ids == predicted_ids)[answered]
    return {
        "coverage": float(answered.mean()),
        "answered_accuracy": float(right.mean()) if len(right) else 0.0,
    }


def label_set_scores(targets: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """`micro_f1`, `macro_f1` and `exact_match` of 0/1 matrices [E,L]."""
    from sklearn import metrics

    f1 = {
        f"{average}_f1": float(
            metrics.f1_score(targets > 0, predicted > 0, average=average, zero_division=0)
        )
        for average in ("micro", "macro")
    }
    return {**f1, "exact_match": float(np.mean(np.all(targets == predicted, axis=1)))}


def number_scores(targets: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """`pearson`, `spearman` and `mean_squared_error` of numbers [E].

    A correlation is 0 if one side is constant, because it is then undefined.
    """
    from scipy import stats

    error = float(np.mean((targets - predicted) ** 2))
    if len(targets) < 2 or np.ptp(targets) == 0 or np.ptp(predicted) == 0:
        return {"pearson": 0.0, "spearman": 0.0, "mean_squared_error": error}
    return {
        "pearson": float(stats.pearsonr(targets, predicted).statistic),
        "spearman": float(stats.spearmanr(targets, predicted).statistic),
        "mean_squared_error": error,
    }


def confusion_matrix(
    label_ids: np.ndarray, predicted_ids: np.ndarray, num_labels: int
) -> np.ndarray:
    """int64 [L,L]: rows are right labels, columns are answered labels, values are counts."""
    cells = np.asarray(label_ids, np.int64) * num_labels + predicted_ids
    return np.bincount(cells, minlength=num_labels**2).reshape(num_labels, num_labels)
