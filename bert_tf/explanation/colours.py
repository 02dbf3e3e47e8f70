"""The parts of words in many answers at once, for a page that lists texts."""

from collections.abc import Sequence

import keras
import numpy as np

from bert_tf.explanation.explainer import Explainer, Settings
from bert_tf.tasks.task import Task

_STEPS = 8


def word_parts(
    task: Task, model: keras.Model, texts: Sequence[str]
) -> list[list[tuple[int, int, float]]]:
    """What speaks for the answer to each text, by integrated gradients of a few steps.

    Args:
      task, model: of a model folder.
      texts: the two of a pair with a line end in between.

    Returns:
      For each text (start, end, share) of its words: characters [start, end), and the part of the
      word as a share of the largest, in [-1, 1]: positive speaks for the answer.

    Raises:
      ValueError: the answers of such a model cannot be explained.
    """
    if not texts:
        return []
    # Gradient times input would be one step, but behind a LayerNorm it says little.
    settings = Settings(steps=_STEPS, most_steps=_STEPS, flips=False, most_answers=1)
    explainer = Explainer(task, model, settings)
    halves = [text.partition("\n")[::2] for text in texts]
    is_pairs = explainer.task.takes_pairs
    explained = explainer.explain(list(zip(*halves, strict=True)) if is_pairs else [texts])
    found: list[list[tuple[int, int, float]]] = [[] for _ in texts]
    cases = explained.cases
    for case, parts in enumerate(explained.parts["integrated_gradients"]):
        text = int(cases.texts[case])
        begins = (0, len(halves[text][0]) + 1)
        shares = (parts.weights / (np.abs(parts.weights).max(initial=0.0) or 1.0)).tolist()
        found[text] = [
            (begins[word.text] + word.start, begins[word.text] + word.end, round(share, 2))
            for word, share in zip(cases.words[case], shares, strict=True)
        ]
    return found
