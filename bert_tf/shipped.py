"""Finds the commands and recipes of the library.

In a wheel they are `bert_tf.commands` and `bert_tf.configs`. In a clone, and in its editable
install, they are the folders scripts/ and configs/ beside the package. Has only fast imports.
"""

import os

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
# {name in a wheel: name in a clone}.
_FOLDERS = {"commands": "scripts", "configs": "configs"}
# Files of scripts/ that are not commands: they work only in a clone, or commands share them.
_NO_COMMANDS = frozenset(["benchmark", "looking_flags", "reading_flags", "run_flags"])


def folder(name: str) -> str:
    """The path of the "commands" or the "configs".

    Raises:
      ValueError: the install has none.
    """
    inside = os.path.join(_PACKAGE, name)
    beside = os.path.join(os.path.dirname(_PACKAGE), _FOLDERS[name])
    for path in (inside, beside):
        if os.path.isdir(path):
            return path
    raise ValueError(f"bert_tf at {_PACKAGE} came without its {name}. Install it again.")


def commands() -> dict[str, str]:
    """{name of a command: path of its script}, sorted."""
    where = folder("commands")
    names = sorted(
        file.removesuffix(".py")
        for file in os.listdir(where)
        if file.endswith(".py") and not file.startswith("_")
    )
    return {name: os.path.join(where, f"{name}.py") for name in names if name not in _NO_COMMANDS}
