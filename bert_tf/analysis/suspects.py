"""Labels of the training set that are likely wrong: those which a model contradicts.

A model that was trained on the labels contradicts few of them, and mostly where many like examples
outvote one. A model that was trained for many epochs has learned the wrong labels too: then shorter
runs, or models that have not seen the rows (out of fold), find them.

Reference: Swayamdipta et al. 2020, section 5 (hard-to-learn examples hold the wrong labels); Zhu et
al. 2022 (BERT fits wrong labels late); Northcutt et al. 2021 (answers out of fold).
"""

from collections.abc import Collection
from typing import Any

from bert_tf.analysis import errors, slices
from bert_tf.analysis.judged import Judged

MOST_CHECKED = 5000  # rows of a training set that are answered, unless the user says otherwise


def find(judged: Judged, num_folds: int = 0) -> dict[str, Any]:
    """What `report.json` holds of the training set.

    Args:
      judged: its rows, answered.
      num_folds: number of models that answered, each the rows that it has not seen; 0: the model
        that was trained on all rows answered.

    Returns:
      `unit`, `rows`, `folds`, `contradicted` (rows with an item that is answered otherwise) and
      `suspects`, the surest first, as `errors.shown` lists them.
    """
    numbers = errors.confident_mistakes(judged)
    return {
        "unit": judged.unit,
        "rows": len(judged),
        "folds": num_folds,
        "contradicted": int((~judged.is_right).sum()),
        "suspects": errors.shown(judged, numbers),
    }


def known_words(judged: Judged) -> Collection[str]:
    """All words of the training texts, lower case."""
    return set().union(*map(slices.words_of, judged.word_texts or judged.texts))
