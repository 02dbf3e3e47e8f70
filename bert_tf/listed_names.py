"""Lists of names: of files, as a command line or a setting gives them, and in the log.

Names of files have commas between them. A comma may belong to a name. It does where a file or
folder of the longer name exists, and where the name stands in double quotes, as in CSV:
`'"a,b*.txt",c.txt'`.
"""

import csv
import os
from collections.abc import Callable, Iterator, Sequence

from absl import logging

_LONGEST_NAME = 300  # bytes: 255 on Linux and macOS, and the weight of a data set behind it


def split(text: str) -> list[str]:
    """The names in `text`, without blanks around them; empty ones are left out.

    Raises:
      ValueError: a quote that is not closed, or with something behind it.
    """
    try:
        parts = next(csv.reader([text], strict=True, skipinitialspace=True), [])
    except csv.Error as error:
        raise ValueError(
            f"{text!r}: {error}. A name with a comma in it stands in double quotes, as in CSV."
        ) from error
    return [part.strip() for part in parts if part.strip()]


def joined(parts: Sequence[str], exists: Callable[[str], bool] = os.path.exists) -> list[str]:
    """The names, of which some hold a comma and were cut there.

    Args:
      parts: what stands between the commas.
      exists: whether there is a file or folder of a name.
    """
    names, begin = [], 0
    while begin < len(parts):
        end, name = begin + 1, parts[begin]
        for longer_end, longer in _longer_names(parts, begin, exists):
            if exists(longer):
                end, name = longer_end, longer
        names.append(name)
        begin = end
    return names


def _longer_names(
    parts: Sequence[str], begin: int, exists: Callable[[str], bool]
) -> Iterator[tuple[int, str]]:
    """(end, name of the parts up to it), as long as there can be such a file.

    A list of thousands of names would take minutes if each could go on to the end of the list.
    """
    name = parts[begin]
    for end in range(begin + 2, len(parts) + 1):
        name = f"{name},{parts[end - 1]}"
        folder, _, last = name.rpartition("/")
        is_too_long = len(os.fsencode(last)) > _LONGEST_NAME
        # Where there is no such folder, there is none in it either, so no longer name exists.
        if is_too_long or ("," in folder and not exists(folder)):
            return
        yield end, name


def in_short(names: Sequence[str], most: int = 4) -> str:
    """`names` for a line of the log: of more than `most` only the first, and how many there are.

    The whole list is in the log with --verbosity=1.
    """
    if len(names) <= most:
        return ", ".join(names)
    logging.debug("all %d: %s", len(names), ", ".join(names))
    first = ", ".join(names[: most - 1])
    return f"{first} and {len(names) - most + 1} more (--verbosity=1 lists them)"
