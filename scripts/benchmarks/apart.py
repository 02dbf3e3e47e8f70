"""Contestants in processes of their own, which find the modules of this folder too."""

import pathlib
from collections.abc import Sequence
from typing import Any

from bert_tf.measuring import apart
from bert_tf.measuring.apart import ROOT, worker
from bert_tf.measuring.harness import Contestant

__all__ = ["ROOT", "start", "worker"]

_SCRIPTS = str(pathlib.Path(__file__).parents[1])


def start(name: str, command: Sequence[str], settings: dict[str, Any]) -> Contestant:
    """See `bert_tf.measuring.apart.start`."""
    return apart.start(name, command, settings, [_SCRIPTS])
