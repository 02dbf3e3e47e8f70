"""What comes with the library: the commands and the recipes.

A wheel holds them as `bert_tf.commands` and `bert_tf.configs`. In a clone, and in an editable
install of it, they are the folders scripts/ and configs/ beside the package. Imports nothing heavy.
"""

import os

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
# {their name in a wheel: in a clone}.
_FOLDERS = {"commands": "scripts", "configs": "configs"}
# Beside the commands: what works in a clone alone, and what commands share.
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
