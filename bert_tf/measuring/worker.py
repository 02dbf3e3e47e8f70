"""The process of one contestant: `python -m bert_tf.measuring.worker MODULE SETTINGS_AS_JSON`.

With `-` for the settings they are the first line of standard input.

MODULE, found by its full name, has `make_round(settings)`: see `child.serve` for what it returns.
"""

import functools
import importlib
import json
import sys

from bert_tf.measuring import child


def _prepare(module: str, settings: dict):
    return importlib.import_module(module).make_round(settings)


if __name__ == "__main__":
    settings = sys.stdin.readline() if sys.argv[2] == "-" else sys.argv[2]
    child.serve(functools.partial(_prepare, sys.argv[1], json.loads(settings)))
