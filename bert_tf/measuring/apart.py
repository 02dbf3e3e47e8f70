"""Contestants in processes of their own, which find bert_tf whatever interpreter they run under."""

import json
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from bert_tf.measuring import child
from bert_tf.measuring.harness import Contestant

ROOT = str(pathlib.Path(__file__).parents[2])


def worker(module: str, python: str | None = None) -> list[str]:
    """The command of a child that runs `make_round` of `module`; None: this interpreter."""
    return [python or sys.executable, "-m", "bert_tf.measuring.worker", module]


def start(
    name: str, command: Sequence[str], settings: dict[str, Any], folders: Sequence[str] = ()
) -> Contestant:
    """Starts `command` and gives it the settings, by `-` and its first line of standard input.

    Args:
      name: of the contestant.
      command: see `worker`.
      settings: for `make_round`.
      folders: where the child finds modules besides.

    Raises:
      UnavailableError, ValueError: see `child.Child`.
    """
    path = os.pathsep.join(filter(None, [ROOT, *folders, os.environ.get("PYTHONPATH")]))
    process = child.Child(name, [*command, "-"], {"PYTHONPATH": path}, json.dumps(settings))
    return Contestant(name, process.measure_round, process.info, process.close)
