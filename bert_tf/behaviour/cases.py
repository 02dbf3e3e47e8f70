"""Makes the texts of behaviour tests: templates with words put in, changed texts beside them."""

import itertools
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bert_tf.behaviour.checks_file import Checks, Test

_SLOT = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_MOST_COMBINATIONS = 100_000  # that are counted out; of more some are drawn

Texts = tuple[str, ...]  # one text, or a pair


class Case(NamedTuple):
    """One case of a test.

    Attributes:
      texts: what is asked.
      changed: what is asked besides, where a test changes the text; else None.
    """

    texts: Texts
    changed: Texts | None = None


def make(checks: Checks, test: Test, data: Sequence[Texts]) -> list[Case]:
    """The cases of a test, always the same ones.

    Args:
      checks: the file.
      test: one of its tests.
      data: the texts of --data.

    Raises:
      ValueError: a template names words that there are not; no case can be made.
    """
    generator = random.Random(test.name)  # as text: the same in every process
    if test.texts is None:
        order = list(range(len(data)))
        generator.shuffle(order)
        found = (_changed(test, data[place], generator) for place in order)
    else:
        found = _of_templates(checks.words, test, generator)
    cases: dict[Case, None] = {}  # each once, in order
    for case in found:
        if len(cases) == test.number:
            break
        if case is not None:
            cases[case] = None
    if not cases:
        source = "the data" if test.texts is None else "the templates"
        raise ValueError(
            f"{test.where}: {test.name!r} has no case: nothing in {source} can be changed by "
            f"{test.change.kind if test.change else 'it'}."
        )
    return list(cases)


def _changed(test: Test, texts: Texts, generator: random.Random) -> Case | None:
    """With the first text changed, or the second where the first cannot be."""
    if test.change is None:
        return Case(texts)
    for place, text in enumerate(texts):
        changed = test.change.apply(text, generator)
        if changed is not None:
            return Case(texts, (*texts[:place], changed, *texts[place + 1 :]))
    return None


def _of_templates(
    words: Mapping[str, Sequence[str]], test: Test, generator: random.Random
) -> Iterator[Case | None]:
    """Cases of all templates in turn, in an order that is drawn."""
    streams = [_fillings(words, test, template, generator) for template in test.texts]
    while streams:
        for stream in list(streams):
            found = next(stream, None)
            if found is None:
                streams.remove(stream)
                continue
            template, filling = found
            texts = _filled(template, filling)
            if test.change is None or not test.change.is_of_templates:
                yield _changed(test, texts, generator)
                continue
            other = _other_filling(words, test, filling, generator)
            changed = _filled(template, other) if other else texts
            yield Case(texts, changed) if changed != texts else None


def _fillings(
    words: Mapping[str, Sequence[str]], test: Test, template: Texts, generator: random.Random
) -> Iterator[tuple[Texts, dict[str, str]]]:
    """(the template, {slot: word}) in an order that is drawn, each once."""
    slots = list(dict.fromkeys(slot for text in template for slot in _slots(test, text, words)))
    lists = [words[slot.rstrip("0123456789")] for slot in slots]
    total = math.prod(map(len, lists))
    if total <= _MOST_COMBINATIONS:
        every = list(itertools.product(*lists))
        generator.shuffle(every)
    else:
        every = (tuple(map(generator.choice, lists)) for _ in range(_MOST_COMBINATIONS))
    for chosen in every:
        filling = dict(zip(slots, chosen, strict=True))
        if _are_different(filling):
            yield template, filling


def _slots(test: Test, text: str, words: Mapping[str, Sequence[str]]) -> list[str]:
    slots = [found[1] for found in _SLOT.finditer(text) if found[1] is not None]
    for slot in slots:
        if slot.rstrip("0123456789") not in words:
            known = ", ".join(words) or "none"
            raise ValueError(
                f"{test.where}: {{{slot}}} stands for no words. Known: {known}. A brace of the "
                "text is written twice: {{."
            )
    return slots


def _are_different(filling: Mapping[str, str]) -> bool:
    """{name1} and {name2} stand for different words."""
    numbered = [(s.rstrip("0123456789"), w) for s, w in filling.items() if s[-1].isdigit()]
    return len(set(numbered)) == len(numbered)


def _other_filling(
    words: Mapping[str, Sequence[str]],
    test: Test,
    filling: Mapping[str, str],
    generator: random.Random,
) -> dict[str, str] | None:
    """The words of a changed case; None if the template lacks what is changed."""
    value = test.change.value
    if test.change.kind == "swap":
        first, second = value
        if first not in filling or second not in filling:
            return None
        return {**filling, first: filling[second], second: filling[first]}
    if value not in filling:
        return None
    used = {w for s, w in filling.items() if s.rstrip("0123456789") == value.rstrip("0123456789")}
    others = [word for word in words[value.rstrip("0123456789")] if word not in used]
    return {**filling, value: generator.choice(others)} if others else None


def _filled(template: Texts, filling: Mapping[str, str]) -> Texts:
    def put(found: re.Match) -> str:
        return found[0][0] if found[1] is None else filling[found[1]]

    return tuple(_SLOT.sub(put, text) for text in template)
