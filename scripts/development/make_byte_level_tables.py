"""Writes bert_tf/tokenization/byte_level_tables.py: letters, numbers and blanks.

The library that a byte-level BPE is compared with has Unicode tables of its own, newer than those
of TensorFlow's regular expressions. Needs the package `tokenizers`.

    python scripts/development/make_byte_level_tables.py
"""

import pathlib
import textwrap
from collections.abc import Iterable

import tokenizers
from tokenizers import pre_tokenizers

_PATH = pathlib.Path(__file__).parents[2] / "bert_tf" / "tokenization" / "byte_level_tables.py"
_HEAD = '''"""What a byte-level BPE needs of Unicode, made by make_byte_level_tables.py.

From version {version} of the package `tokenizers`. Hexadecimal code points and inclusive ranges.
"""
'''
_TABLES = (
    ("LETTERS", r"\p{L}", "General category L."),
    ("NUMBERS", r"\p{N}", "General category N."),
    ("BLANKS", r"\s", "White space."),
)
_SURROGATES = range(0xD800, 0xE000)


def main() -> None:
    parts = [_HEAD.format(version=tokenizers.__version__)]
    for name, pattern, remark in _TABLES:
        ranges = textwrap.fill(
            " ".join(_ranges(_members(pattern))), width=98, break_on_hyphens=False
        )
        parts.append(f'# {remark}\n{name} = """\n{ranges}\n"""\n')
    _PATH.write_text("\n".join(parts), encoding="utf-8")


def _members(pattern: str) -> Iterable[int]:
    split = pre_tokenizers.Split(tokenizers.Regex(pattern), "removed")
    for point in range(0x110000):
        if point not in _SURROGATES and not split.pre_tokenize_str(chr(point)):
            yield point


def _ranges(points: Iterable[int]) -> Iterable[str]:
    first = last = None
    for point in points:
        if last is not None and point == last + 1:
            last = point
            continue
        if first is not None:
            yield _range(first, last)
        first = last = point
    if first is not None:
        yield _range(first, last)


def _range(first: int, last: int) -> str:
    return f"{first:X}" if first == last else f"{first:X}-{last:X}"


if __name__ == "__main__":
    main()
