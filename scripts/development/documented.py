"""The commands that README and the guides show: found in their code blocks and code spans.

A block is fenced, or indented by four spaces or more. A command is a line of it, or a code span in
the text or in a table, that runs a script of this repository or a module of its tests. In a block,
lines that end in a backslash go on in the next.
"""

import dataclasses
import pathlib
import re
import shlex
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parents[2]
_PROGRAM = r"(?:(?:python3?|bash) (?=scripts/)|python3? -m (?=tests))"
_COMMAND = re.compile(rf"^(?:\$ )?((?:(?:echo|cat|printf) .*\| *)?{_PROGRAM}.*)$")
_SPAN = re.compile(rf"`({_PROGRAM}[^`]+)`")
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
    def programs(self) -> list[list[str]]:
        """The words of each program that it runs, the script first, without comments.

        There are two where a launcher runs a script: the launcher's words end with "--".
        """
        parts = re.split(_PROGRAM, self.text)[1:]
        return [shlex.split(part.partition(" | ")[0], comments=True) for part in parts]

    @property
    def script(self) -> str:
        """The script that it runs (the last one, if a launcher runs it)."""
        return self.programs[-1][0]

    @property
    def words(self) -> list[str]:
        """The words after the script."""
        return self.programs[-1][1:]

    @property
    def launcher(self) -> list[str]:
        """The words of the launcher; [] without one."""
        return self.programs[0] if len(self.programs) > 1 else []

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
    """The commands of a document, in its order."""
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    return commands_in(path.read_text(encoding="utf-8"), name)


def commands_in(text: str, name: str = "") -> list[Command]:
    """The commands in the text of a document called `name`."""
    return [
        Command(found[1].strip(), name, number)
        for number, line in _lines_with_code(text)
        if (found := _COMMAND.match(line))
    ]


def _lines_with_code(text: str) -> Iterator[tuple[int, str]]:
    """(number, line) of each logical line of the code blocks, and of each command in a span."""
    is_fenced, waiting, prose = False, [], []
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if _FENCE.match(line):
            is_fenced = not is_fenced
        elif not is_fenced and not line.startswith("    ") and line.strip():
            prose.append((number, line))
            continue
        elif is_fenced or line.strip():
            waiting.append((number, line.strip().removesuffix("\\").strip()))
            if not line.endswith("\\"):
                yield waiting[0][0], " ".join(part for _, part in waiting)
                waiting = []
        yield from _spans(prose)
        prose = []


def _spans(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """(number, command) of the code spans in a paragraph; a span may go on in the next line."""
    paragraph = "\n".join(line for _, line in lines)
    for found in _SPAN.finditer(paragraph):
        number = lines[paragraph[: found.start()].count("\n")][0]
        yield number, found[1].replace("\n", " ")
