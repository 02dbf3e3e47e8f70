"""Encodings of files: checks the one that the user names, and suggests one for other files."""

import codecs
import re

# Encodings in the order in which they are tried, each with the range of code points of most of its
# letters.
_CANDIDATES = (
    ("shift_jis", "\u3040", "\u30ff"),
    ("euc_jp", "\u3040", "\u30ff"),
    ("euc_kr", "\uac00", "\ud7a3"),
    ("gb18030", "\u4e00", "\u9fff"),
    ("big5", "\u4e00", "\u9fff"),
    ("cp1251", "\u0410", "\u044f"),
)
_LETTERS_A_RUN = 2.0
_SHARE = 0.5  # of the characters beyond ASCII; at least this many must be in that range


def check(encoding: str) -> str:
    """Returns Python's name of the codec; ValueError if Python does not know it."""
    try:
        "".encode(encoding)  # fails for codecs that are not for text
    except LookupError as error:
        raise ValueError(
            f"--encoding={encoding}: no such encoding. Expected a name such as utf-8, utf-16, "
            "cp1252, gb18030 or shift_jis."
        ) from error
    name = codecs.lookup(encoding).name
    return "utf-8" if name == "utf-8-sig" else name


def is_wide(codec: str) -> bool:
    """Whether a line end has more than one byte."""
    return codec.startswith(("utf-16", "utf-32"))


def hint(data: bytes, may_choose: bool) -> str:
    """Says what to do about lines that are not UTF-8, and which encoding they may have."""
    found = suggest(data)
    flag = f"pass --encoding={found}, or " if may_choose else ""
    return f"It may be {found}: {flag}convert the file, for example with iconv -f {found} -t utf-8."


def suggest(data: bytes) -> str:
    """The encoding that the bytes beyond ASCII look like; cp1252 if no other encoding fits."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = [data[first::2].count(0) for first in (0, 1)]
    if 4 * max(zeros) > len(data) // 2 > 0:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    runs = re.findall(rb"[\x80-\xff]+", data)
    if sum(map(len, runs)) < _LETTERS_A_RUN * len(runs):
        return "cp1252"  # single accented letters among ASCII
    return next((name for name, *ends in _CANDIDATES if _looks_like(data, name, *ends)), "cp1252")


def _looks_like(data: bytes, codec: str, first: str, last: str) -> bool:
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return False
    beyond = [character for character in text if character > "\x7f"]
    inside = sum(first <= character <= last for character in beyond)
    return inside >= _SHARE * len(beyond)
