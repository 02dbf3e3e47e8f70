"""Explains the answers of a model to texts: words, their parts by each method, what flips them."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bert_tf.explanation import (
    METHODS,
    coalitions,
    flips,
    gradients,
    rollout,
    substitutions,
    words,
)
from bert_tf.explanation.believer import Believer, Cases, make_cases, traced_once
from bert_tf.explanation.flips import Flip
from bert_tf.explanation.parts import Parts
from bert_tf.explanation.substitutions import Substitution
from bert_tf.explanation.words import Rows
from bert_tf.tasks.beliefs import NUMBER, Belief, Explain, probability
from bert_tf.tasks.task import Task

_TOKENS_PER_STEP = 1 << 13


@dataclasses.dataclass(frozen=True)
class Settings:
    """How answers are explained.

    Attributes:
      methods: some of `METHODS`; the first colours the page and orders the words for flips.
      baseline: one of `BASELINES`.
      wanted: an answer to be explained in place of the given ones; "": those.
      steps, largest_gap, most_steps: of `integrated_gradients`.
      budget: of `shapley`.
      most_answers: of a text; further ones (of tags, mask tokens) are left out.
      seed: of what is drawn.
      flips: find the smallest change that flips an answer.
    """

    methods: tuple[str, ...] = ("integrated_gradients",)
    baseline: str = "mask"
    wanted: str = ""
    steps: int = 16
    largest_gap: float = 0.02
    most_steps: int = 512
    budget: int = 256
    most_answers: int = 10
    seed: int = 0
    flips: bool = True

    def __post_init__(self) -> None:
        unknown = [method for method in self.methods if method not in METHODS]
        if unknown or not self.methods:
            told = repr(unknown[0]) if unknown else "empty"
            raise ValueError(f"methods: {told}. Known: {', '.join(METHODS)}.")


@dataclasses.dataclass(frozen=True)
class Explained:
    """Cases with their explanations.

    Attributes:
      rows: the texts.
      cases: what was explained.
      beliefs: float64 [C], how much the model believes in each.
      parts: {method: the parts of the words of each case}.
      flips: of each case; None where there is none.
      substitutions: of each case; None where there is none.
    """

    rows: Rows
    cases: Cases
    beliefs: np.ndarray
    parts: Mapping[str, list[Parts]]
    flips: list[Flip | None]
    substitutions: list[Substitution | None]


def check(task: Task) -> Explain:
    """The task; ValueError if its answers cannot be explained."""
    if not isinstance(task, Explain):
        raise ValueError(
            f"a {task.config.task.name!r} model gives no answer that could be explained. Expected "
            "a model for labels, numbers, tags or questions, or one that guesses masked words."
        )
    return task


class Explainer:
    """Explains the answers of one model.

    Args:
      task, model: of a model folder.
      settings: how.
      strategy: whose replicas share the work; None: one device.
      compiles: trace graphs, which pays for more than a few texts.

    Raises:
      ValueError: the answers of such a model cannot be explained.
    """

    def __init__(
        self,
        task: Task,
        model: keras.Model,
        settings: Settings,
        strategy: tf.distribute.Strategy | None = None,
        *,
        compiles: bool = True,
    ):
        self.task, self.model, self.settings = check(task), model, settings
        self.believer = Believer(self.task, model, settings.baseline, strategy, compiles=compiles)
        self._outputs = traced_once(model) if compiles else model

    def explain(
        self,
        columns: Sequence[Sequence[str]],
        keeps: Callable[[int, Belief], bool] = lambda text, belief: True,
    ) -> Explained:
        """Explains the answers to N texts.

        Args:
          columns: one or two columns of texts.
          keeps: whether an answer to the text of that number is explained.
        """
        rows, cases = self.cases(columns, keeps)
        if not len(cases):
            nothing = {method: [] for method in self.settings.methods}
            return Explained(rows, cases, np.zeros(0, np.float32), nothing, [], [])
        everything = np.ones(cases.word_ids.shape, np.float32)
        beliefs, _ = self.believer.beliefs(cases, np.arange(len(cases)), everything)
        parts = {method: self._methods[method](cases) for method in self.settings.methods}
        found: list[Flip | None] = [None] * len(cases)
        replaced: list[Substitution | None] = [None] * len(cases)
        if self.settings.flips:
            first = parts[self.settings.methods[0]]
            found = flips.find(self.believer, cases, first)
            replaced = substitutions.find(self.believer, cases, first)
        return Explained(rows, cases, beliefs, parts, found, replaced)

    def cases(
        self, columns: Sequence[Sequence[str]], keeps: Callable[[int, Belief], bool]
    ) -> tuple[Rows, Cases]:
        """The rows of the texts, and the answers that are explained; arguments as for `explain`."""
        rows = words.encode(self.task, columns)
        return rows, make_cases(self.task, rows, self._believed(rows, keeps))

    def _believed(self, rows: Rows, keeps: Callable[[int, Belief], bool]) -> list[Belief]:
        names = (*self.task.config.model.inputs, *self.task.belief_inputs)
        batch = {name: rows.batch[name] for name in names if name in rows.batch}
        size = max(1, _TOKENS_PER_STEP // max(1, batch["input_ids"].shape[1]))
        outputs = [
            self._outputs({name: values[start : start + size] for name, values in batch.items()})
            for start in range(0, len(rows.words), size)
        ]
        joined = {name: tf.concat([part[name] for part in outputs], 0) for name in outputs[0]}
        beliefs = self.task.believed(joined, rows.batch, self.settings.wanted)
        kept, count = [], np.zeros(len(rows.texts), int)
        for belief in beliefs:
            text = rows.of_text[belief.row]
            if text >= 0 and count[text] < self.settings.most_answers and keeps(text, belief):
                kept.append(belief)
                count[text] += 1
        return kept

    @property
    def _methods(self) -> dict[str, Callable[[Cases], list[Parts]]]:
        settings, believer = self.settings, self.believer
        return {
            "integrated_gradients": lambda cases: gradients.integrated_gradients(
                believer,
                cases,
                steps=settings.steps,
                largest_gap=settings.largest_gap,
                most_steps=settings.most_steps,
            ),
            "gradient_x_input": lambda cases: gradients.gradient_x_input(believer, cases),
            "occlusion": lambda cases: coalitions.occlusion(believer, cases),
            "shapley": lambda cases: coalitions.shapley(
                believer, cases, budget=settings.budget, seed=settings.seed
            ),
            "rollout": lambda cases: rollout.rollout(believer, cases),
        }


def records(task: Explain, explained: Explained) -> list[dict[str, Any]]:
    """A dict for each text, as JSON values: `text` (and `text_pair`), and its `answers`.

    An answer has `answer`, `belief` with its `unit`, and `probability` where that is not the number
    itself; `span`, its characters, if it is about a part of the text; `words`, each with `text`,
    `start`, `end`, `in` (0 or 1: the text it is in) and `parts` {method: number}; `methods`, what
    each says about itself; `flip`: the numbers of the words without which the `answer` is another;
    and `substitution`: the numbers of words that flip it with other words, `by`, in their places;
    null if there is no such.
    """
    unit = task.belief_unit
    answers: list[list[dict]] = [[] for _ in explained.rows.texts]
    for case, belief in enumerate(explained.cases.beliefs):
        value = float(explained.beliefs[case])
        about: dict[str, Any] = {"answer": belief.name, "unit": unit, "belief": value}
        if unit != NUMBER:
            about["probability"] = float(probability(explained.beliefs[case], unit))
        if belief.span:
            about |= {"span": list(belief.span), "span_in": belief.text}
        about["words"] = _words(explained, case)
        about["methods"] = {name: parts[case].about for name, parts in explained.parts.items()}
        about["flip"] = _flip(task, explained.flips[case])
        about["substitution"] = _flip(task, explained.substitutions[case])
        answers[explained.cases.texts[case]].append(about)
    return [
        {**dict(zip(("text", "text_pair"), texts, strict=False)), "answers": some}
        for texts, some in zip(explained.rows.texts, answers, strict=True)
    ]


def _words(explained: Explained, case: int) -> list[dict[str, Any]]:
    texts = explained.rows.texts[explained.cases.texts[case]]
    return [
        {
            "text": texts[word.text][word.start : word.end],
            "start": word.start,
            "end": word.end,
            "in": word.text,
            "parts": {
                name: float(f"{parts[case].weights[number]:.6g}")
                for name, parts in explained.parts.items()
            },
        }
        for number, word in enumerate(explained.cases.words[case])
    ]


def _flip(task: Explain, flip: Flip | Substitution | None) -> dict[str, Any] | None:
    if flip is None:
        return None
    return {
        "words": list(flip.words),
        **({"by": list(flip.by)} if isinstance(flip, Substitution) else {}),
        "answer": task.name_of(flip.answer),
        "belief": float(f"{flip.belief:.6g}"),
    }
