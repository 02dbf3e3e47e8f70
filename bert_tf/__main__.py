"""`bert-tf COMMAND FLAGS`, or `python -m bert_tf COMMAND FLAGS`: runs the scripts in any folder.

It runs the same file as `python scripts/COMMAND.py` in a clone.
"""

import ast
import os
import runpy
import sys
from collections.abc import Sequence

from bert_tf import __version__, shipped

_COMPLETION = "completion"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code, unless the command ends the process."""
    words = list(sys.argv[1:] if argv is None else argv)
    name = words[0] if words else ""
    if name in ("", "help", "-h", "--help"):
        print(_overview())
        return 0
    if name == "--version":
        print(__version__)
        return 0
    if name == _COMPLETION:
        from bert_tf.command_line import completion

        return completion.main(words[1:])
    known = shipped.commands()
    if name not in known:
        print(
            f"error: there is no command {name!r}. Known: {', '.join([*known, _COMPLETION])}.",
            file=sys.stderr,
        )
        return 1
    sys.argv = [known[name], *words[1:]]
    # As in `python FILE`, the file can import modules from its own folder.
    sys.path.insert(0, os.path.dirname(known[name]))
    runpy.run_path(known[name], run_name="__main__")
    return 0


def _overview() -> str:
    """The commands, each with the first sentence of its file."""
    commands = shipped.commands()
    width = max(map(len, commands))
    lines = [f"  {name:{width}}  {_first_sentence(path)}" for name, path in commands.items()]
    return "\n".join(
        [
            "bert-tf COMMAND --flag=value ...   (or python -m bert_tf COMMAND ...)",
            "",
            *lines,
            f"  {_COMPLETION:{width}}  Prints completion for a shell: bash, zsh or fish.",
            "",
            "bert-tf COMMAND --help lists the flags and settings of a command.",
        ]
    )


def _first_sentence(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return (ast.get_docstring(ast.parse(file.read())) or "").split("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
