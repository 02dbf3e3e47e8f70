"""Entry point of every script: parses flags, and prints errors of the user as one line.

Knows nothing of models or data, and does not import TensorFlow, because some scripts do not need
it. The user can correct a `ValueError` or `OSError` of the library: it is printed as one line, and
the exit code is 1. `EndRun` has its own code. All other exceptions are bugs and keep their
traceback.
"""

import contextlib
import glob
import io
import logging as std_logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence

from absl import app as absl_app
from absl import flags, logging

from bert_tf import files, keras_start, locks, members, recipes, streams
from bert_tf.command_line import help_text
from bert_tf.config import old_names
from bert_tf.processes.exits import EndRun

# TensorFlow's own error log says why a GPU or TPU cannot be used. Where there is none, all it has
# to say is "failed call to cuInit". Errors of a program reach Python as exceptions on any level.
_ACCELERATORS = ("/dev/nvidia*", "/dev/dxg", "/dev/kfd", "/dev/accel*", "/dev/vfio/*")
_LOG_LEVEL = "2" if any(glob.glob(pattern) for pattern in _ACCELERATORS) else "3"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _LOG_LEVEL)  # before TensorFlow is imported

_INTERRUPTED = 130  # 128 + SIGINT, as a shell says it
MEMBERS = "members"
flags.DEFINE_list(
    MEMBERS,
    [],
    "Modules of your own to import first: encoders, tokenizers and tasks that are not in bert_tf.",
)

# "{{function_node ...}} the reason [Op:ReadFile] name:" around what TensorFlow has to say.
_PYTHON_ERROR = re.compile(r"\b[A-Z]\w*Error: ")  # raised by a function of a tf.data pipeline
# Of an error with several roots: "2 root error(s) found.", then "(0) INTERNAL: the first".
_ROOT_ERRORS = re.compile(r"\d+ root error\(s\) found")
_ROOT_ERROR = re.compile(r"^\(\d+\) \w+: ")
_OP_NOISE = re.compile(r"\{\{.*?\}\} ?| ?\[Op:\w+\](?: name: ?)?")
# What glibc and the kernel say of `ulimit -v`, `-n` and `-u`, in an ImportError.
_LIMIT_REACHED = re.compile(
    "failed to map segment|[Cc]annot allocate memory|Too many open files|temporarily unavailable"
)
_FLAG_ERROR = re.compile(r"FATAL Flags parsing error:\s*(.*?)\s*Pass --helpshort", re.DOTALL)
_MISSING_FLAG = re.compile(r"flag (--\w+)=None: .* must have a value other than None\.?")


def run(
    main: Callable[[Sequence[str]], int | None],
    edit_command: Callable[[list[str]], None] = lambda argv: None,
    *,
    needs_keras: bool = True,
) -> None:
    """Parses the flags and runs `main(argv)`; prints a user's error as one line, exit code 1.

    `--help` shows the docstring of the script, its own flags, and the settings of a `--config`.
    Other words on the command line are an error, because they are usually a flag without its `--`.

    A script imports TensorFlow only inside `main`, so that help and errors in flags are fast.

    Args:
      main: the script.
      edit_command: can change the words of the command line in place, before they are parsed.
      needs_keras: whether `main` imports TensorFlow, which imports Keras, in every run; they are
        then imported before, the fast way. A `main` that first checks its flags, or needs them
        only at times, calls `keras_start.import_keras` itself.
    """
    with streams.safe():
        _set_up_logging()
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[MEMBERS])  # for --help
        try:
            absl_app.run(
                lambda argv: sys.exit(_main_with_one_line_errors(main, argv, needs_keras)),
                flags_parser=lambda argv: _parse(argv, edit_command),
            )
        except KeyboardInterrupt:  # before `main`, while modules are imported
            print("interrupted", file=sys.stderr)
            sys.exit(_INTERRUPTED)


def _set_up_logging() -> None:
    """Shows the messages of this project, and each warning of other libraries once."""
    logging.set_verbosity(logging.INFO)
    logging.use_absl_handler()
    logging._warn_preinit_stderr = False  # a config may warn before the flags are parsed
    logging.get_absl_handler().python_handler.stream = sys.stderr  # the safe one
    logging.get_absl_handler().addFilter(_is_for_users)
    # What TensorFlow prints reaches absl's handler too.
    std_logging.getLogger("tensorflow").handlers.clear()


def _is_for_users(record: std_logging.LogRecord) -> bool:
    ours = (os.path.dirname(__file__), os.path.dirname(sys.argv[0]) or os.curdir)
    folders = tuple(os.path.join(os.path.abspath(folder), "") for folder in ours)
    return record.levelno > std_logging.INFO or os.path.abspath(record.pathname).startswith(folders)


def _parse(argv: list[str], edit_command: Callable[[list[str]], None]) -> list[str]:
    """Parses with absl; errors of absl and ml_collections become one line."""
    try:
        _check_words(argv)
        members.import_all(_words(value_of(MEMBERS, argv)))
        if help_text.is_asked_for(argv):
            _print_help(argv, edit_command)
        edit_command(argv)
        _check_config(argv)
        return _parse_flags(argv)
    except (KeyError, AttributeError, ValueError, TypeError, OSError) as error:
        fail(_first_line(error))
        raise  # not reached


def _print_help(argv: list[str], edit_command: Callable[[list[str]], None]) -> None:
    """Prints all flags, with the settings of the config that the other words choose; exits."""
    argv = help_text.without_help(argv)
    config = None
    if argv[1:]:
        edit_command(argv)
        name = value_of("config", argv)
        config = None if name is None else recipes.load(recipes.find(name))
    print(help_text.of_script(config), end="")
    sys.exit(0)


def _check_words(argv: Sequence[str]) -> None:
    for word in argv:
        if any("\udc80" <= character <= "\udcff" for character in word):
            raise ValueError(
                f"{word}: the name is not UTF-8. Rename the file, for example with convmv, or give "
                "it a second name with ln."
            )


def _parse_flags(argv: list[str]) -> list[str]:
    """Raises ValueError instead of absl's lines on standard error. `--help` exits as in absl."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            return absl_app.parse_flags_with_usage(argv)
    except SystemExit as stop:
        found = _FLAG_ERROR.search(printed.getvalue())
        if not found:
            sys.stderr.write(printed.getvalue())
            raise
        message = _MISSING_FLAG.sub(r"\1 is missing; --help shows all flags.", found[1])
        raise ValueError(message) from stop


def value_of(flag: str, argv: Sequence[str]) -> str | None:
    """The value of a flag before the flags are parsed; None without the flag."""
    values = dict(zip(argv, argv[1:], strict=False))  # --config x.py
    values |= dict(word.split("=", 1) for word in argv if "=" in word)  # --config=x.py
    return values.get(f"--{flag}", values.get(f"-{flag}"))


def take_flags(argv: list[str], prefix: str) -> dict[str, str]:
    """Removes all flags that begin with `prefix` from the command line.

    Args:
      argv: the words of the command line; loses the flags.
      prefix: for example "config.model.".

    Returns:
      {name after the prefix: value}, "true" for a flag without a value.
    """
    taken, kept = {}, []
    words = iter(range(len(argv)))
    for index in words:
        name, equals, value = argv[index].lstrip("-").partition("=")
        if not argv[index].startswith("-") or not name.startswith(prefix):
            kept.append(argv[index])
            continue
        if not equals:
            value = "true"
            if index + 1 < len(argv) and not argv[index + 1].startswith("--"):
                value = argv[next(words)]
        taken[name.removeprefix(prefix)] = value
    argv[:] = kept
    return taken


def _words(value: str | None) -> list[str]:
    return [word.strip() for word in (value or "").split(",") if word.strip()]


def _check_config(argv: list[str]) -> None:
    """Raises ValueError if a `--config` cannot be loaded, or has no key for a `--config.a.b`.

    In `argv`, replaces the name of a recipe with its path, and old names of keys with new ones.
    """
    name = value_of("config", argv)
    if name is None:
        return
    path = recipes.find(name)
    _replace_value("config", argv, path)
    config = recipes.load(path)
    for index, word in enumerate(argv[1:], start=1):
        flag, equals, value = word.partition("=")
        name, _, path = flag.lstrip("-").partition(".")
        if name == "config" and path:
            path = old_names.new_key(path, config)
            recipes.check_key(word, config, path)
            argv[index] = f"--config.{path}{equals}{value}"


def _replace_value(flag: str, argv: list[str], value: str) -> None:
    """Changes the value of every occurrence of a flag."""
    for index, word in enumerate(argv):
        name, equals, _ = word.partition("=")
        if name not in (f"--{flag}", f"-{flag}"):
            continue
        if equals:
            argv[index] = f"--{flag}={value}"
        elif index + 1 < len(argv):
            argv[index + 1] = value


def _main_with_one_line_errors(main: Callable, argv: list[str], needs_keras: bool = False) -> int:
    if len(argv) > 1:
        fail(f"unexpected words on the command line: {' '.join(argv[1:])}. Flags begin with --.")
    try:
        if needs_keras:
            keras_start.import_keras()
        code = main(argv) or 0
        sys.stdout.flush()  # a full disk is an error of ours, not of Python's end
        return code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except EndRun as end:
        print(_first_line(end), file=sys.stderr, flush=True)
        return end.code
    except BrokenPipeError:  # whoever reads our output, `head` for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, *_tensorflow_errors()) as error:
        fail(_first_line(error))
        return 1  # not reached
    except ImportError as error:
        if not (line := _limit_reached(error)):
            raise
        fail(f"a library cannot be loaded ({line}). Expected higher limits: see ulimit -a.")
        return 1  # not reached
    except MemoryError as error:
        fail(f"not enough memory ({_first_line(error)}). Expected fewer or shorter rows at a time.")
        return 1  # not reached


def _limit_reached(error: ImportError) -> str:
    """The line that says that the process may not have more memory, files or threads; or ""."""
    lines = [line for line in str(error).splitlines() if _LIMIT_REACHED.search(line)]
    return lines[-1].strip().removeprefix("ImportError: ") if lines else ""


def _tensorflow_errors() -> tuple[type[Exception], ...]:
    """TensorFlow's exceptions; empty if the script has not imported TensorFlow."""
    tensorflow = sys.modules.get("tensorflow")
    return () if tensorflow is None else (tensorflow.errors.OpError,)


def fail(message: str) -> None:
    """Prints `error: message` on standard error and exits with code 1."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(1)


def _first_line(error: Exception) -> str:
    """An exception of TensorFlow or Python as one line, without an OpError's graph trace."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    lines = [line.strip() for line in str(text).strip().splitlines() if line.strip()]
    if isinstance(error, _tensorflow_errors()):
        reasons = [_ROOT_ERROR.sub("", line) for line in lines if not _ROOT_ERRORS.match(line)]
        from_python = [line for line in reasons if _PYTHON_ERROR.search(line)]
        lines = (from_python or reasons or lines)[:1]
        lines[0] = _PYTHON_ERROR.split(lines[0])[-1]
    return _OP_NOISE.sub("", " ".join(lines))


def check_output(output: str | None, inputs: Iterable[str | None], flag: str = "output") -> None:
    """Raises ValueError, before any work is done, if the file of a flag cannot be written.

    Args:
      output: the value of the flag; None or "" means no file.
      inputs: the files that are read; None means no file.
      flag: the name of the flag.
    """
    if not output:
        return
    if any(path and os.path.realpath(output) == os.path.realpath(path) for path in inputs):
        raise ValueError(
            f"--{flag}={output} is also an input, and would be lost. Choose another name."
        )
    if files.is_folder(output):
        raise ValueError(f"--{flag}={output} is a folder; expected the name of a file to write.")
    folder = os.path.dirname(output)
    if folder and not files.is_remote(output) and not files.is_folder(folder):
        raise ValueError(f"--{flag}={output}: there is no folder {folder}. Make it first.")


def write_lines(path: str, lines: Iterable[str]) -> None:
    """Writes `lines` to a temporary file that replaces `path` when it is complete."""
    if files.is_folder(path):
        raise ValueError(f"{path} is a folder; expected the name of a file to write.")
    with locks.beside(path):
        files.write_lines(path, lines)
