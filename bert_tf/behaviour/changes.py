"""How a text is changed by a behaviour test: typos, other words, negation, more text.

The rules for negation are English. All else works in any language.
"""

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_WORD = re.compile(r"[^\W\d_]{4,}")
_AUXILIARY = re.compile(
    r"\b(am|are|is|was|were|can|could|will|would|shall|should|may|might|must|does|do|did|has|have|"
    r"had)\b(?!\s+not\b)",
    re.IGNORECASE,
)
_OF_TEMPLATES = ("replace", "swap")
KNOWN = ("typo", "negate", "append", "prepend", "synonyms", *_OF_TEMPLATES)


class Change(NamedTuple):
    """A change of texts.

    Attributes:
      kind: one of KNOWN.
      value: what belongs to it: how many typos, the text that is added, {word: synonyms}, the name
        of the words that are replaced, the two names whose words are swapped.
    """

    kind: str
    value: Any = None

    @property
    def is_of_templates(self) -> bool:
        """Whether it changes the words of a template, not a text."""
        return self.kind in _OF_TEMPLATES

    def apply(self, text: str, generator: random.Random) -> str | None:
        """The changed text; None if there is nothing in it to change."""
        changed = {
            "typo": lambda: _typos(text, self.value, generator),
            "negate": lambda: _AUXILIARY.sub(r"\1 not", text, count=1),
            "append": lambda: text + self.value,
            "prepend": lambda: self.value + text,
            "synonyms": lambda: _synonyms(text, self.value, generator),
        }[self.kind]()
        return None if changed == text else changed


def read(
    where: str, value: Any, words: Mapping[str, Sequence[str]], *, has_templates: bool
) -> Change:
    """A change as a file says it: `typo`, `negate`, or one key with its value.

    Args:
      where: for messages.
      value: what the file holds.
      words: of the templates.
      has_templates: whether the texts are made of templates.

    Raises:
      ValueError: there is no such change, or its value is none.
    """
    pairs = list(value.items()) if isinstance(value, dict) else [(value, None)]
    if len(pairs) != 1 or pairs[0][0] not in KNOWN:
        raise ValueError(f"{where}: change is {value!r}; expected one of {', '.join(KNOWN)}.")
    kind, given = pairs[0]
    if kind in _OF_TEMPLATES and not has_templates:
        raise ValueError(f"{where}: {kind} changes the words of templates; `texts: data` has none.")
    checked = _CHECKS[kind](given, words)
    if checked is None:
        raise ValueError(f"{where}: change {kind} is {given!r}; expected {_EXPECTED[kind]}.")
    return Change(kind, checked)


def _count(given: Any, words: Any) -> int | None:
    del words
    given = "1" if given is None else given
    return int(given) if isinstance(given, str) and given.isdecimal() and int(given) > 0 else None


def _added(given: Any, words: Any) -> str | None:
    del words
    return given if isinstance(given, str) and given else None


def _lists(given: Any, words: Any) -> dict[str, list[str]] | None:
    del words
    if not isinstance(given, dict) or not given:
        return None
    found = {word: [one] if isinstance(one, str) else one for word, one in given.items()}
    is_fine = all(isinstance(o, list) and o and all(map(_is_text, o)) for o in found.values())
    return found if is_fine else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _name(given: Any, words: Mapping[str, Sequence[str]]) -> str | None:
    is_known = isinstance(given, str) and len(words.get(given.rstrip("0123456789"), ())) > 1
    return given if is_known else None


def _names(given: Any, words: Mapping[str, Sequence[str]]) -> tuple[str, str] | None:
    if not isinstance(given, list) or len(given) != 2 or given[0] == given[1]:
        return None
    known = [isinstance(one, str) and one.rstrip("0123456789") in words for one in given]
    return (given[0], given[1]) if all(known) else None


_CHECKS = {
    "typo": _count,
    "negate": lambda given, words: True if given is None else None,
    "append": _added,
    "prepend": _added,
    "synonyms": _lists,
    "replace": _name,
    "swap": _names,
}
_EXPECTED = {
    "typo": "nothing, or how many typos",
    "negate": "nothing behind it",
    "append": "the text to add",
    "prepend": "the text to add",
    "synonyms": "words with their synonyms, {good: [fine, great]}",
    "replace": "the name of two or more words of `words:`",
    "swap": "two names of words, [name1, name2]",
}


def _typos(text: str, count: int, generator: random.Random) -> str:
    """Neighbouring letters inside of `count` words change places; the first and last one stay."""
    for _ in range(count):
        words = [
            found
            for found in _WORD.finditer(text)
            if any(a != b for a, b in zip(found[0][1:-2], found[0][2:-1], strict=True))
        ]
        if not words:
            return text
        found = generator.choice(words)
        letters = list(found[0])
        places = [n for n in range(1, len(letters) - 2) if letters[n] != letters[n + 1]]
        place = generator.choice(places)
        letters[place], letters[place + 1] = letters[place + 1], letters[place]
        text = text[: found.start()] + "".join(letters) + text[found.end() :]
    return text


def _synonyms(text: str, lists: Mapping[str, Sequence[str]], generator: random.Random) -> str:
    """Every word that has synonyms becomes one of them; a capital stays a capital."""
    longest_first = sorted(lists, key=len, reverse=True)
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)
    by_lower = {word.lower(): others for word, others in lists.items()}

    def other(found: re.Match) -> str:
        word = generator.choice(list(by_lower[found[0].lower()]))
        return word[:1].upper() + word[1:] if found[0][:1].isupper() else word

    return pattern.sub(other, text)
