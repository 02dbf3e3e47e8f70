"""Tokens that are found in a text before it is cut up: special tokens, and words added later.

Users add tokens to a finished vocabulary: markers such as `[E1]`, words such as `covid19`. They are
whole wherever they stand; `segments.py` finds them. The flags are those of Hugging Face's
`tokenizers`. Knows no TensorFlow.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FLAGS = ("special", "lstrip", "rstrip", "single_word", "normalized")


@dataclasses.dataclass(frozen=True)
class AddedToken:
    """A token that is whole wherever it stands in a text.

    Attributes:
      content: its spelling.
      id: its id. It may be the id of a token of the vocabulary, or lie behind all of them.
      special: it is a mark and no text. Kept for the library it came from.
      lstrip, rstrip: it takes the white space before or behind it with it, which is then part of no
        token's span.
      single_word: it is not found where a letter, digit or underscore touches it.
      normalized: it is found in the form that the tokenizer makes of the text, in lower case for
        example. Otherwise in the text as it is, and before all that are `normalized`.

    Raises:
      ValueError: the content is empty.
    """

    content: str
    id: int
    special: bool = False
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False
    normalized: bool = False

    def __post_init__(self) -> None:
        if not self.content:
            raise ValueError(f"the added token with id {self.id} is empty; expected a text.")

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str) -> "AddedToken":
        """An added token as tokenizer.json lists it.

        Args:
          values: `content`, `id` and flags; a flag may be missing.
          where: the file and the place in it, for the error.

        Raises:
          ValueError: not an object, or a value of the wrong type.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"{where} is {values!r:.60}; expected an object with content and id.")
        content, number = values.get("content"), values.get("id")
        if not isinstance(content, str) or not content:
            raise ValueError(f"{where}: content is {content!r:.60}; expected the token, a text.")
        if type(number) is not int or not 0 <= number < 2**31:
            raise ValueError(f"{where}: id is {number!r:.60}; expected a whole number from 0 on.")
        special = values.get("special", False)
        flags = {"special": special, "normalized": not special}
        flags |= {name: values[name] for name in FLAGS if name in values}
        wrong = [name for name, flag in flags.items() if not isinstance(flag, bool)]
        if wrong:
            raise ValueError(
                f"{where}: {wrong[0]} is {flags[wrong[0]]!r:.60}; expected true or false."
            )
        return cls(content, number, **flags)

    def to_json(self) -> dict[str, Any]:
        """The form of tokenizer.json."""
        flags = {name: getattr(self, name) for name in FLAGS}
        return {"id": self.id, "content": self.content, **flags}


def special(content: str, token_id: int) -> AddedToken:
    """A special token with the flags that it has unless a file says otherwise."""
    return AddedToken(content, token_id, special=True)


def check(tokens: Iterable[AddedToken], source: str) -> tuple[AddedToken, ...]:
    """The tokens in the order of their ids.

    Raises:
      ValueError: two have the same spelling or the same id.
    """
    ordered = tuple(sorted(tokens, key=lambda token: token.id))
    for name in ("id", "content"):
        seen = set()
        for token in ordered:
            if getattr(token, name) in seen:
                raise ValueError(
                    f"{source}: two added tokens have the {name} {getattr(token, name)!r}; "
                    f"expected each {name} once."
                )
            seen.add(getattr(token, name))
    return ordered


def extended(
    tokens: Sequence[str], added: Sequence[AddedToken], source: str = "tokenizer"
) -> tuple[str, ...]:
    """The tokens of a vocabulary with those that were added behind it.

    An id between them that nobody has becomes an empty token, which no text reaches.

    Raises:
      ValueError: an added token has the id of another token, or one far behind the vocabulary.
    """
    result = list(tokens)
    for token in check(added, source):
        if token.id > 2 * len(tokens) + 100_000:
            raise ValueError(
                f"{source}: the added token {token.content!r} has the id {token.id}; the "
                f"vocabulary has {len(tokens)} tokens."
            )
        result += [""] * (token.id - len(result))
        if token.id == len(result):
            result.append(token.content)
        elif result[token.id] != token.content:
            raise ValueError(
                f"{source}: the added token {token.content!r} has the id {token.id}, which is "
                f"{result[token.id]!r} in the vocabulary."
            )
    return tuple(result)


def identity(of_vocabulary: str, added: Sequence[AddedToken]) -> str:
    """SHA-256 of a vocabulary with its added tokens, in hex; without any that of the vocabulary."""
    if not added:
        return of_vocabulary
    content = json.dumps([of_vocabulary, *(token.to_json() for token in added)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
