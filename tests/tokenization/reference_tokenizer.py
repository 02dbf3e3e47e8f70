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


def spans_of(
    text: str, vocabulary: Collection[str], *, do_lower_case: bool, longest: int = 200
) -> list[tuple[str, int, int]]:
    """Tokens with the first character of `text` that they stand for, and the one after the last."""
    spans = []
    for word in _words_with_sources(text, do_lower_case):
        pieces = pieces_of("".join(c for c, _ in word), vocabulary, longest)
        place = 0
        for piece in pieces:
            length = len(word) if piece == "[UNK]" else len(piece) - 2 * (place > 0)
            first, last = word[place][1], word[place + length - 1][1]
            end = max(first, last) + 1
            while do_lower_case and end < len(text) and unicodedata.category(text[end]) == "Mn":
                end += 1
            spans.append((piece, min(first, last), end))
            place += length
    return spans


def _words_with_sources(text: str, do_lower_case: bool) -> list[list[tuple[str, int]]]:
    """The words of `words_of`, each character with the place in `text` that it comes from."""
    cleaned = [(c, i) for i, character in enumerate(text) for c in _clean(character)]
    if do_lower_case:
        lowered = iter("".join(c for c, _ in cleaned).lower())
        cleaned = [(next(lowered), i) for c, i in cleaned for _ in c.lower()]
        cleaned = [(d, i) for c, i in cleaned for d in unicodedata.normalize("NFD", c)]
        cleaned = _in_canonical_order(cleaned)
        cleaned = [(c, i) for c, i in cleaned if unicodedata.category(c) != "Mn"]
    words = [[]]
    for c, i in cleaned:
        if c.isspace():
            words.append([])
        elif _is_punctuation(c):
            words += [[(c, i)], []]
        else:
            words[-1].append((c, i))
    return [word for word in words if word]


def _in_canonical_order(characters: list[tuple[str, int]]) -> list[tuple[str, int]]:
    ordered, run = [], []
    for character in characters:
        if unicodedata.combining(character[0]):
            run.append(character)
        else:
            ordered += [*sorted(run, key=lambda c: unicodedata.combining(c[0])), character]
            run = []
    return ordered + sorted(run, key=lambda c: unicodedata.combining(c[0]))


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
