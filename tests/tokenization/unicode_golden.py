"""The reference's words for all characters of Unicode 14, as hashes: newer Pythons differ.

To write the file again: `python3.11 -m tests.tokenization.unicode_golden`.
"""

import hashlib
import pathlib
import unicodedata

from tests.tokenization import reference_tokenizer as reference

FILE = pathlib.Path(__file__).with_name("unicode_14_words.txt")
PYTHON_HAS_UNICODE_14 = unicodedata.unidata_version == "14.0.0"
_BLOCK = 0x1000
_PRIVATE_USE = {*range(0xE001, 0xF900), *range(0xF0000, 0x110000)}  # 137,000 alike: one is enough
# The character alone, between letters, and in the places that decide on a final sigma.
_CONTEXTS = "{0} a{0}b A{0} oΣ{0} oΣ{0}A Σ{0}Σ o{0}Σ\u0345 {0}\u302e\u0323\U00016ff0 \u1100{0}."


def blocks() -> dict[int, list[str]]:
    """{first code point: the characters of that block that are assigned in Unicode 14}."""
    ranges = FILE.read_text("ascii").splitlines()[0].split()
    result = {}
    for first, _, last in (item.partition("-") for item in ranges):
        for point in range(int(first, 16), int(last or first, 16) + 1):
            result.setdefault(point // _BLOCK * _BLOCK, []).append(chr(point))
    return result


def hashes() -> dict[int, tuple[str, str]]:
    """{first code point of a block: hash of its words when lower-cased, and when not}."""
    lines = [line.split() for line in FILE.read_text("ascii").splitlines()[1:]]
    return {int(block, 16): (uncased, cased) for block, uncased, cased in lines}


def text_of(characters: list[str]) -> str:
    """A text with each character in each context."""
    return " ".join(_CONTEXTS.format(character) for character in characters)


def hash_of(words: list[str]) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]


def _assigned() -> list[int]:
    return [
        point
        for point in range(0x110000)
        if unicodedata.category(chr(point)) not in ("Cn", "Cs") and point not in _PRIVATE_USE
    ]


def _ranges(points: list[int]) -> str:
    runs = []
    for point in points:
        if runs and runs[-1][1] == point - 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return " ".join(f"{a:X}" if a == b else f"{a:X}-{b:X}" for a, b in runs)


def main() -> None:
    if not PYTHON_HAS_UNICODE_14:
        raise SystemExit(f"this Python has Unicode {unicodedata.unidata_version}, not 14")
    FILE.write_text(_ranges(_assigned()) + "\n", "ascii")
    lines = [FILE.read_text("ascii").strip()]
    for block, characters in blocks().items():
        text = text_of(characters)
        pair = [hash_of(reference.words_of(text, do_lower_case=lower)) for lower in (True, False)]
        lines.append(f"{block:X} {pair[0]} {pair[1]}")
    FILE.write_text("\n".join(lines) + "\n", "ascii")


if __name__ == "__main__":
    main()
