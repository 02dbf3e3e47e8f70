"""Contestants in processes of their own, which find bert_tf whatever interpreter they run under."""

import json
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import child
from benchmarks.harness import Contestant

_SCRIPTS = pathlib.Path(__file__).parents[1]
ROOT = str(_SCRIPTS.parent)


def worker(module: str, python: str | None = None) -> list[str]:
    """The command of a child that runs `make_round` of `module`; None: this interpreter."""
    return [python or sys.executable, "-m", "benchmarks.worker", module]


def start(name: str, command: Sequence[str], settings: dict[str, Any]) -> Contestant:
    """Starts `command` and gives it the settings, by `-` and its first line of standard input.

    Raises:
      UnavailableError, ValueError: see `child.Child`.
    """
    path = os.pathsep.join(filter(None, [ROOT, str(_SCRIPTS), os.environ.get("PYTHONPATH")]))
    process = child.Child(name, [*command, "-"], {"PYTHONPATH": path}, json.dumps(settings))
    return Contestant(name, process.measure_round, process.info, process.close)
