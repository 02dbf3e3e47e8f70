"""Entry point of every script: flags in, one clear line out when the input is bad.

Knows nothing of models or data. A `ValueError` or `OSError` raised by the library is something the
user can mend: it is printed as one line and the exit code is 1. Anything else is our bug and keeps
its traceback.
"""

import dataclasses
import os
import re
import runpy
import sys
from collections.abc import Callable, Iterable, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import tensorflow as tf  # noqa: E402
from absl import app as absl_app  # noqa: E402
from absl import logging  # noqa: E402

_USER_ERRORS = (ValueError, OSError, tf.errors.OpError)
# "{{function_node ...}} the reason [Op:ReadFile] name:" around what TensorFlow has to say.
_OP_NOISE = re.compile(r"\{\{.*?\}\} ?| ?\[Op:\w+\].*$")


def run(main: Callable[[Sequence[str]], int | None]) -> None:
    """Parses the flags, runs `main(argv)`, turns the user's mistakes into one line, exit code 1.

    `--help` shows the docstring of the script and its own flags. Left-over words on the command
    line are an error, because they are most often a flag whose `--` was forgotten.
    """
    logging.set_verbosity(logging.INFO)
    logging.use_absl_handler()
    absl_app.run(lambda argv: sys.exit(_main_with_one_line_errors(main, argv)), flags_parser=_parse)


def _parse(argv: list[str]) -> list[str]:
    """absl's parser, with ml_collections' bare KeyError for a misspelt config key made readable."""
    try:
        return absl_app.parse_flags_with_usage(argv)
    except KeyError as error:
        fail(_unknown_config_key(argv) or _first_line(error))
        raise  # not reached
    except (AttributeError, ValueError, TypeError, OSError) as error:
        fail(_first_line(error))
        raise  # not reached


def _unknown_config_key(argv: Sequence[str]) -> str | None:
    """What is wrong with the first `--config.a.b=...` that names no key of `--config`'s file."""
    values = dict(zip(argv, argv[1:], strict=False))  # --config x.py
    values |= dict(word.split("=", 1) for word in argv if "=" in word)  # --config=x.py
    for word in argv[1:]:
        where, _, path = word.lstrip("-").partition("=")[0].partition(".")
        file = values.get(f"--{where}", "")
        if not path or not file.endswith(".py"):
            continue
        holder = runpy.run_path(file)["get_config"]()
        for key in path.split("."):
            if not dataclasses.is_dataclass(holder):
                return f"{word}: {where} has no keys."
            known = sorted(field.name for field in dataclasses.fields(holder))
            if key not in known:
                return f"{word}: {where} has no key {key!r}. Known: {', '.join(known)}."
            holder, where = getattr(holder, key), f"{where}.{key}"
    return None


def _main_with_one_line_errors(main: Callable, argv: list[str]) -> int:
    if len(argv) > 1:
        fail(f"unexpected words on the command line: {' '.join(argv[1:])}. Flags begin with --.")
    try:
        return main(argv) or 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except _USER_ERRORS as error:
        fail(_first_line(error))
        return 1  # not reached


def fail(message: str) -> None:
    """Prints `error: message` on standard error and exits with code 1."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(1)


def _first_line(error: Exception) -> str:
    """What TensorFlow and Python raise, as one line: a graph trace follows an OpError's first."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    lines = [line.strip() for line in str(text).strip().splitlines() if line.strip()]
    if isinstance(error, tf.errors.OpError):
        lines = [line for line in lines if "ValueError:" in line][:1] or lines[:1]
        lines[0] = _OP_NOISE.sub("", lines[0].split("ValueError: ")[-1])
    return " ".join(lines)


def write_lines(path: str, lines: Iterable[str]) -> None:
    """Writes `lines` to a temporary file that takes the place of `path` when it is whole."""
    with tf.io.gfile.GFile(path + ".tmp", "w") as file:
        for line in lines:
            file.write(line + "\n")
    tf.io.gfile.rename(path + ".tmp", path, overwrite=True)
