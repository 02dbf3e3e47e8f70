"""Finds the members of a family by name: encoders, tokenizers and tasks.

A room is a package of bert_tf with members of one kind. The name of a member in bert_tf is the name
of its package or module: `find("models", "bert")` is `bert_tf.models.bert`. The name of a member
outside bert_tf is the full name of its module, for example `my_company.encoder`. There is no
registry: a new member is found because its file exists.

A name can come from other people's files, such as the task.json of a downloaded model. So a module
outside bert_tf is found only if the program has already imported it; every script imports the
modules in its flag `--members`.
"""

import importlib
import os
import pkgutil
import sys
import types
from collections.abc import Sequence

# What a member of each room exports.
ROOMS = {"models": "Config", "tasks": "Config", "tokenization": "Tokenizer"}
_PACKAGE = "bert_tf"
_CONTRACTS = ("tokenizer",)  # modules that export only the base class


def find(room: str, name: str, where: str = "") -> types.ModuleType:
    """The module of a member.

    Args:
      room: "models", "tasks" or "tokenization".
      name: a name from `name_of`.
      where: the source of the name, for example "task.json: model_module"; for the error.

    Raises:
      ValueError: there is no such member, or it is outside bert_tf and not imported.
    """
    if not isinstance(name, str):
        raise ValueError(f"{where}: expected the name of one of {room}, received {name!r}.")
    package = _package(room)
    inside = {module.name for module in pkgutil.iter_modules(package.__path__)}
    module = None
    if name in inside:
        module = importlib.import_module(f"{package.__name__}.{name}")
    elif not name.startswith(f"{_PACKAGE}."):
        module = sys.modules.get(name)
    if hasattr(module, ROOMS[room]):
        return module
    where = f"{where}: " if where else ""
    raise ValueError(
        f"{where}{room} has no {name!r}. Known: {', '.join(known(room))}. "
        f"If it is a module of your own, import it first: --members={name}."
    )


def name_of(cls: type) -> str:
    """The name with which `find` finds the module of a class.

    For a class in bert_tf, it is the package or module in its room. For other classes, it is the
    full name of the module, or of its package if the package exports the class.

    Raises:
      ValueError: the module is outside bert_tf and has the name of a member in bert_tf.
    """
    package, *inside = cls.__module__.split(".")
    if package == _PACKAGE and len(inside) > 1 and inside[0] in ROOMS:
        return inside[1]
    name = cls.__module__
    around = sys.modules.get(name.rpartition(".")[0])
    if around is not None and any(value is cls for value in vars(around).values()):
        name = around.__name__
    for room in ROOMS:
        folder = _package(room).__path__
        if name in {module.name for module in pkgutil.iter_modules(folder)}:
            raise ValueError(
                f"the module {name!r} has the name of a module in bert_tf.{room}. Rename it."
            )
    return name


def known(room: str) -> list[str]:
    """The names of the members of a room in bert_tf, sorted."""
    package = _package(room)
    modules = pkgutil.iter_modules(package.__path__)
    # Encoders and tasks are packages; the modules in these rooms are contracts.
    return sorted(
        module.name
        for module in modules
        if (module.ispkg or room == "tokenization")
        and module.name not in _CONTRACTS
        and _exports_own(f"{package.__name__}.{module.name}", ROOMS[room])
    )


def _package(room: str) -> types.ModuleType:
    return importlib.import_module(f"{_PACKAGE}.{room}")


def _exports_own(module_name: str, class_name: str) -> bool:
    """Whether a module exports a class that is defined in it or below it."""
    cls = vars(importlib.import_module(module_name)).get(class_name)
    home = getattr(cls, "__module__", "")
    return home == module_name or home.startswith(module_name + ".")


def import_all(names: Sequence[str]) -> None:
    """Imports modules outside bert_tf, so that `find` finds them.

    They can also be in the current folder.

    Raises:
      ValueError: a module does not exist.
    """
    if names and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # the module exists, but imports a missing module
            raise ValueError(
                f"--members: there is no module {name!r}. Expected the name of a Python module, "
                "installed or in the current folder."
            ) from error
