"""BERT's tokenizer again, in plain Python, as google-research/bert describes it: the oracle.

Character by character, with Python's own Unicode tables, and no thought of speed.
"""

import unicodedata
from collections.abc import Collection

_IDEOGRAPHS = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)
_ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def words_of(text: str, *, do_lower_case: bool) -> list[str]:
    cleaned = "".join(_clean(character) for character in text)
    words = []
    for word in cleaned.split():
        if do_lower_case:
            decomposed = unicodedata.normalize("NFD", word.lower())
            word = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
        words.extend("".join(f" {c} " if _is_punctuation(c) else c for c in word).split())
    return words


def pieces_of(word: str, vocabulary: Collection[str], longest: int) -> list[str]:
    """Greedy longest match first."""
    if len(word) > longest:
        return ["[UNK]"]
    pieces = []
    rest = word
    while rest:
        prefix = "##" if pieces else ""
        heads = (rest[:n] for n in range(len(rest), 0, -1))
        match = next((head for head in heads if prefix + head in vocabulary), None)
        if match is None:
            return ["[UNK]"]
        pieces.append(prefix + match)
        rest = rest[len(match) :]
    return pieces


def tokens_of(
    text: str, vocabulary: Collection[str], *, do_lower_case: bool, longest: int = 200
) -> list[str]:
    words = words_of(text, do_lower_case=do_lower_case)
    return [piece for word in words for piece in pieces_of(word, vocabulary, longest)]


def truncate_pair(first: list, second: list, room: int) -> None:
    """One token at a time from the longer list, in place; of equals the second loses."""
    while len(first) + len(second) > room:
        (first if len(first) > len(second) else second).pop()


def _clean(character: str) -> str:
    if character in "\t\n\r" or unicodedata.category(character) == "Zs":
        return " "
    if character in "\0\ufffd" or unicodedata.category(character) in ("Cc", "Cf"):
        return ""
    if any(low <= ord(character) <= high for low, high in _IDEOGRAPHS):
        return f" {character} "
    return character


def _is_punctuation(character: str) -> bool:
    return character in _ASCII_PUNCTUATION or unicodedata.category(character).startswith("P")
