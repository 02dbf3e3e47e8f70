r"""Writes bert_tf/tokenization/unicode_tables.py from the Unicode tables of Python itself.

The tables are made once and committed: a vocabulary must not change its meaning with the Unicode
version of an interpreter or a library. There is no reason to run this again, except to see where
the committed file comes from. Needs Python 3.11, whose `unicodedata` is Unicode 14.

Example:
    python3.11 scripts/development/make_unicode_tables.py \
        --output=bert_tf/tokenization/unicode_tables.py
"""

import textwrap
import unicodedata
from collections.abc import Callable, Iterator

from absl import flags

from bert_tf import app

_OUTPUT = flags.DEFINE_string("output", None, "The Python file to write.", required=True)

_UNICODE_VERSION = "14.0.0"
_HANGUL_SYLLABLES = range(0xAC00, 0xD7A4)  # decomposed by arithmetic
_POINTS = [point for point in range(0x110000) if not 0xD800 <= point < 0xE000]

_HEAD = '''"""What the tokenizer needs of Unicode {version}, made by make_unicode_tables.py.

Hexadecimal code points and inclusive ranges, read by `code_points.py`. A map has items such as

    C0>61           one character becomes another
    41-5A>61        each of a range becomes one of the range that begins with the other
    100-12E/2>101   the same for every second character
    E8-EB=65        all of a range become one character
    F77>FB2.F81     one character becomes several
"""

'''


def main(argv):
    del argv
    if unicodedata.unidata_version != _UNICODE_VERSION:
        raise ValueError(
            f"this Python has Unicode {unicodedata.unidata_version}; expected {_UNICODE_VERSION}: "
            "use Python 3.11"
        )
    _check_decompositions()
    with open(_OUTPUT.value, "w", encoding="utf-8") as file:
        file.write(_HEAD.format(version=_UNICODE_VERSION))
        file.write("\n".join(_definitions()))
    print(f"{_OUTPUT.value} written")


def _definitions() -> Iterator[str]:
    yield _definition("DROPPED", "Removed from every text: Cc, Cf and U+FFFD.", _set(_is_dropped))
    yield _definition("SPACES", "Zs, and where str.split() splits besides.", _set(_is_space))
    yield _definition("MARKS", "Mn, removed with lower-casing.", _set(_is_mark))
    yield _definition("CASED", "Cased, but not ignorable, for the final sigma.", _set(_is_cased))
    yield _definition("CASE_IGNORABLE", "Passed over, for the final sigma.", _set(_is_ignorable))
    yield _definition(
        "NON_STARTERS",
        "Of a combining class other than 0: may change places with its neighbours in NFD.",
        _set(unicodedata.combining),
    )
    yield _definition(
        "COMBINING_CLASSES",
        "Of the characters other than Mn that may change places.",
        _map({p: (unicodedata.combining(chr(p)),) for p in _POINTS if _changes_places(chr(p))}),
    )
    yield _definition(
        "UNCASED",
        "Lower case, decomposed, without marks; Hangul syllables apart.",
        _map({p: t for p in _POINTS if (t := _uncased(p)) is not None}),
    )


def _definition(name: str, comment: str, items: str) -> str:
    body = "\n".join(textwrap.wrap(items, 98, break_on_hyphens=False))
    return f'# {comment}\n{name} = """\n{body}\n"""\n'


def _is_dropped(character: str) -> bool:
    category = unicodedata.category(character)
    return character == "\ufffd" or category in ("Cc", "Cf") and character not in "\t\n\r"


def _is_space(character: str) -> bool:
    return character.isspace() and not _is_dropped(character)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) == "Mn"


def _changes_places(character: str) -> bool:
    return unicodedata.combining(character) != 0 and not _is_mark(character)


def _is_cased(character: str) -> bool:
    return ("aΣ" + character).lower()[1] == "σ"


def _is_ignorable(character: str) -> bool:
    return not _is_cased(character) and ("aΣ" + character + "a").lower()[1] == "σ"


def _uncased(point: int) -> tuple[int, ...] | None:
    """What a character becomes, None if it stays or another table tells."""
    character = chr(point)
    if point in _HANGUL_SYLLABLES or any(f(character) for f in (_is_dropped, _is_space, _is_mark)):
        return None
    decomposed = unicodedata.normalize("NFD", character.lower())
    target = "".join(c for c in decomposed if not _is_mark(c))
    return tuple(map(ord, target)) if target != character else None


def _check_decompositions() -> None:
    """The tokenizer relies on this: in a decomposition, what may change places comes last."""
    for point in _POINTS:
        classes = [unicodedata.combining(c) for c in unicodedata.normalize("NFD", chr(point))]
        starters = [combining_class == 0 for combining_class in classes]
        if starters != sorted(starters, reverse=True):
            raise ValueError(f"U+{point:04X} decomposes into a starter after a non-starter")


def _set(belongs: Callable[[str], bool]) -> str:
    runs = []
    for point in _POINTS:
        if belongs(chr(point)):
            if runs and runs[-1][1] == point - 1:
                runs[-1][1] = point
            else:
                runs.append([point, point])
    return " ".join(_range(first, last) for first, last in runs)


def _map(target_of: dict[int, tuple[int, ...]]) -> str:
    points, items, i = sorted(target_of), [], 0
    while i < len(points):
        runs = [_run(points, i, target_of, *steps) for steps in ((1, 1), (2, 2), (1, 0))]
        length = max(runs)
        first, last = points[i], points[i + length - 1]
        target = ".".join(f"{point:X}" for point in target_of[first])
        sign, step = [(">", ""), (">", "/2"), ("=", "")][runs.index(length)]
        items.append(f"{_range(first, last)}{step if length > 1 else ''}{sign}{target}")
        i += length
    return " ".join(items)


def _run(points: list[int], i: int, target_of: dict, step: int, target_step: int) -> int:
    """How many points from the i-th on have targets at even steps."""
    length, first = 1, target_of[points[i]]
    while len(first) == 1 and i + length < len(points):
        expected = (points[i] + length * step, (first[0] + length * target_step,))
        if (points[i + length], target_of[points[i + length]]) != expected:
            break
        length += 1
    return length


def _range(first: int, last: int) -> str:
    return f"{first:X}" if first == last else f"{first:X}-{last:X}"


if __name__ == "__main__":
    app.run(main)
