"""The parts of words in many mistakes at once, for a page that lists them."""

import collections
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np

from bert_tf.explanation import gradients
from bert_tf.explanation.believer import Cases
from bert_tf.explanation.explainer import Explainer, Settings
from bert_tf.tasks.beliefs import Belief, Explain
from bert_tf.tasks.task import Task

_STEPS = 3
_EVERY = 1_000_000  # answers of a text


class Wrong(NamedTuple):
    """A mistake.

    Attributes:
      texts: one or two, what the model was asked.
      given: its answer; "" for none.
      start: the character of the first text where the word begins that the answer is about; None:
        it is about the whole text.
    """

    texts: tuple[str, ...]
    given: str
    start: int | None = None


class Part(NamedTuple):
    """The part of a word in an answer.

    Attributes:
      text: 0 for the first text, 1 for the second.
      start, end: characters [start, end) of the word.
      share: of the largest part, in [-1, 1]: positive speaks for the answer.
    """

    text: int
    start: int
    end: int
    share: float


def word_parts(task: Task, model: keras.Model, wrong: Sequence[Wrong]) -> list[list[Part]]:
    """What speaks for wrong answers, by integrated gradients of a few steps.

    The graph is not compiled: for the few mistakes of a page that takes longer than to run it.

    Args:
      task, model: of a model folder.
      wrong: what is coloured.

    Returns:
      The parts for each mistake; none where the answer cannot be explained.

    Raises:
      ValueError: the answers of such a model cannot be explained.
    """
    wrong = [Wrong(*one) for one in wrong]
    found = _explained(task, model, wrong, "")
    # Of a word that should have been tagged: what speaks for no tag.
    missing = [
        number for number, parts in enumerate(found) if not parts and not wrong[number].given
    ]
    if missing and isinstance(task, Explain) and task.nothing:
        missed = _explained(task, model, [wrong[number] for number in missing], task.nothing)
        for number, parts in zip(missing, missed, strict=True):
            found[number] = parts
    return found


def _explained(
    task: Task, model: keras.Model, wrong: Sequence[Wrong], wanted: str
) -> list[list[Part]]:
    """The parts of the answers that are given, or of an answer that is wanted."""
    texts = list(dict.fromkeys(one.texts for one in wrong))
    if not texts:
        return []
    numbers = {some: number for number, some in enumerate(texts)}
    starts = collections.defaultdict(set)
    for one in wrong:
        starts[numbers[one.texts]].add(one.start)

    def is_asked(text: int, belief: Belief) -> bool:
        return None in starts[text] or (belief.span or (None,))[0] in starts[text]

    # Gradient times input would be one step, but behind a LayerNorm it says little.
    settings = Settings(most_answers=_EVERY, wanted=wanted)
    explainer = Explainer(task, model, settings, compiles=False)
    _, cases = explainer.cases(list(zip(*texts, strict=True)), is_asked)
    weights = gradients.along(explainer.believer, cases, _STEPS)
    of_text = collections.defaultdict(list)
    for case, text in enumerate(cases.texts.tolist()):
        of_text[text].append(case)
    chosen = [_case_of(cases.beliefs, of_text[numbers[one.texts]], one) for one in wrong]
    return [[] if case is None else _shares(cases, case, weights[case]) for case in chosen]


def _case_of(beliefs: Sequence[Belief], among: Sequence[int], wrong: Wrong) -> int | None:
    """The case that is about this mistake."""
    if wrong.start is not None:
        among = [case for case in among if (beliefs[case].span or (None,))[0] == wrong.start]
    elif len(among) > 1:
        among = [case for case in among if beliefs[case].name == wrong.given]
    return among[0] if among else None


def _shares(cases: Cases, case: int, weights: np.ndarray) -> list[Part]:
    """The parts as shares of the largest one."""
    shares = (weights / (np.abs(weights).max(initial=0.0) or 1.0)).tolist()
    return [
        Part(word.text, word.start, word.end, round(share, 2))
        for word, share in zip(cases.words[case], shares, strict=True)
    ]
