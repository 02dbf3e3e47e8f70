"""The commands that README and the guides show: found in their code blocks and tables.

A block is fenced, or indented by four spaces or more. A command is a line of it, or a code span in
a table, that runs a script of this repository; in a block, lines that end in a backslash go on in
the next.
"""

import dataclasses
import pathlib
import re
import shlex
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parents[2]
_COMMAND = re.compile(r"^(?:\$ )?((?:(?:echo|cat|printf) .*\| *)?(?:python3?|bash) scripts/\S+.*)$")
_SCRIPT = re.compile(r"(?:python3?|bash) (scripts/\S+)")
_IN_TABLE = re.compile(r"`((?:python3?|bash) scripts/[^`]+)`")
_FENCE = re.compile(r"^\s*(```|~~~)")


@dataclasses.dataclass(frozen=True)
class Command:
    """A command as a document shows it.

    Attributes:
      text: the command on one line.
      file: the document, relative to the repository.
      line: its first line there, from 1.
    """

    text: str
    file: str
    line: int

    @property
    def script(self) -> str:
        """The script that it runs (the last one, if a launcher runs it)."""
        return _SCRIPT.findall(self.text)[-1]

    @property
    def launcher(self) -> list[str]:
        """What stands before the script if launch.py runs it: `launch --num_workers=2 --`."""
        words = shlex.split(self.text, comments=True)
        if "--" not in words or "scripts/launch.py" not in words:
            return []
        return ["launch", *words[words.index("scripts/launch.py") + 1 : words.index("--") + 1]]

    @property
    def words(self) -> list[str]:
        """The words after the script, without a comment."""
        words = shlex.split(self.text, comments=True)
        return words[words.index(self.script) + 1 :]

    @property
    def stdin(self) -> str:
        """What the command in front of the pipe prints; "" without one."""
        front, pipe, _ = self.text.partition(" | python")
        words = shlex.split(front) if pipe else []
        return words[1] + "\n" if words[:1] == ["echo"] and len(words) == 2 else ""


def documents() -> list[pathlib.Path]:
    """README and everything under docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands_of(path: pathlib.Path) -> list[Command]:
    """The commands in the code blocks and tables of a document, in its order."""
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    return [
        Command(found[1].strip(), name, number)
        for number, line in _lines_of_blocks(path.read_text(encoding="utf-8"))
        if (found := _COMMAND.match(line))
    ]


def _lines_of_blocks(text: str) -> Iterator[tuple[int, str]]:
    """(number, line) of each logical line of the code blocks, and of each command in a table."""
    is_fenced, waiting, first = False, "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if _FENCE.match(line):
            is_fenced = not is_fenced
            continue
        if not is_fenced and not line.startswith("    "):
            waiting = ""
            if line.startswith("|"):
                yield from ((number, command) for command in _IN_TABLE.findall(line))
            continue
        first = first if waiting else number
        waiting += line.strip() if not waiting else " " + line.strip()
        if waiting.endswith("\\"):
            waiting = waiting[:-1].strip()
            continue
        yield first, waiting
        waiting = ""
