"""Labels of the training set that are likely wrong: those which the trained model contradicts.

The model has seen these labels, so it contradicts few of them, and mostly where many like examples
outvote one. A model that was trained for many epochs has learned the wrong labels too: then train a
shorter one to find them.

Reference: Swayamdipta et al. 2020, section 5 (hard-to-learn examples hold the wrong labels); Zhu et
al. 2022 (BERT fits wrong labels late).
"""

from collections.abc import Collection
from typing import Any

from bert_tf.analysis import errors, slices
from bert_tf.analysis.judged import Judged

MOST_CHECKED = 5000  # rows of a training set that are answered, unless the user says otherwise


def find(judged: Judged) -> dict[str, Any]:
    """What `report.json` holds of the training set.

    Args:
      judged: its rows, answered by the model that was trained on them.

    Returns:
      `unit`, `rows`, `contradicted` (rows with an item that is answered otherwise) and `suspects`,
      the surest first, as `errors.shown` lists them.
    """
    numbers = errors.confident_mistakes(judged)
    return {
        "unit": judged.unit,
        "rows": len(judged),
        "contradicted": int((~judged.is_right).sum()),
        "suspects": errors.shown(judged, numbers),
    }


def known_words(judged: Judged) -> Collection[str]:
    """All words of the training texts, lower case."""
    return set().union(*map(slices.words_of, judged.word_texts or judged.texts))
