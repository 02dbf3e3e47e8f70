"""A script of ours ends in one clear line and exit code 1, never in the user's face."""

import os
import subprocess
import sys
import textwrap

import pytest
import tensorflow as tf

from bert_tf import app, keras_start
from bert_tf.processes.exits import EndRun
from tests.in_process import run_in_process

_SCRIPT = textwrap.dedent(
    '''
    """Counts to a number.

    Example: python count.py --to=3
    """
    import gc
    import logging as std_logging
    import sys

    from absl import flags, logging

    from bert_tf import app, keras_start

    flags.DEFINE_integer("to", 0, "Where to stop.")


    def main(argv):
        import tensorflow as tf

        to = flags.FLAGS.to
        if to == 1:
            raise ValueError("table.tsv:7: bad row")
        if to == 2:
            tf.io.read_file("/no/such/file")
        if to == 4:
            tf.function(lambda: tf.ones(3), jit_compile=True)()
        if to == 5:
            print([name for name in keras_start.FOR_KERAS if name in sys.modules])
            print(gc.isenabled(), gc.get_freeze_count() > 100_000)
            from matplotlib import pyplot
            from sklearn import metrics

            print(pyplot.__name__, metrics.__name__)
        if to == 3:
            logging.info("ours")
            for level in (std_logging.INFO, std_logging.WARNING):
                for logger in (std_logging.getLogger("library"), tf.get_logger()):
                    record = (logger.name, level, "/lib/other.py", 1, f"theirs {level}", (), None)
                    logger.handle(logger.makeRecord(*record))


    if __name__ == "__main__":
        app.run(main)
    '''
)


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    script = tmp_path_factory.mktemp("scripts") / "count.py"
    script.write_text(_SCRIPT)
    return script


@pytest.fixture(scope="module")
def count(script):
    """Runs the script above with flags and returns the finished process."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(app.__file__)))
    environment = {**os.environ, "PYTHONPATH": root}

    def run(*words):
        command = [sys.executable, str(script), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    return run


def _errors_of(process):
    return [line for line in process.stderr.splitlines() if line.startswith("error: ")]


def test_bad_input_is_one_line_and_exit_code_1(count):
    process = count("--to=1")
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1] == "error: table.tsv:7: bad row"
    assert "Traceback" not in process.stderr


def test_a_file_tensorflow_cannot_open_is_one_line_and_exit_code_1(script):
    process = run_in_process(script, "--to=2")
    assert process.returncode == 1
    assert _errors_of(process) == ["error: /no/such/file; No such file or directory"]
    assert "Traceback" not in process.stderr


def test_the_log_has_our_lines_and_the_warnings_of_others_once(count):
    lines = [line.split("] ")[-1] for line in count("--to=3").stderr.splitlines()]
    lines = [line for line in lines if line.endswith(("ours", "theirs 20", "theirs 30"))]
    assert lines == ["ours", "theirs 30", "theirs 30"]


def test_the_first_use_of_xla_prints_nothing(count):
    process = count("--to=4")
    assert process.returncode == 0
    assert "InitializeLog" not in process.stderr and "XLA!" not in process.stderr


def test_a_script_imports_keras_without_what_it_does_not_call_and_searches_none_for_garbage(count):
    process = count("--to=5")
    assert process.stdout == "[]\nTrue True\nmatplotlib.pyplot sklearn.metrics\n", process.stderr


def test_a_warning_before_the_flags_are_parsed_is_the_only_line(tmp_path):
    script = tmp_path / "warn.py"
    script.write_text(
        "from absl import logging\n"
        "from bert_tf import app\n"
        "app.run(lambda argv: None, lambda argv: logging.warning('old'), needs_keras=False)\n"
    )
    root = os.path.dirname(os.path.dirname(os.path.abspath(app.__file__)))
    process = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0
    (line,) = process.stderr.splitlines()
    assert line.endswith("] old")


def test_a_bug_keeps_its_traceback():
    def main(argv):
        raise KeyError("a bug of ours")

    with pytest.raises(KeyError, match="a bug of ours"):
        app._main_with_one_line_errors(main, ["script"])


@pytest.mark.parametrize("limit", ["address space", "threads"])
def test_limits_under_which_tensorflow_would_abort_are_one_line(limit, monkeypatch, capsys):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    if limit == "threads":
        monkeypatch.setattr(keras_start.threading.Thread, "start", refuse)
    else:
        monkeypatch.setattr(keras_start.resource, "getrlimit", lambda kind: (2 << 30, 2 << 30))
    with pytest.raises(SystemExit) as exit_info:
        app._main_with_one_line_errors(lambda argv: 0, ["script"], needs_keras=True)
    assert exit_info.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert limit in line and "ulimit -" in line


def test_what_main_returns_is_the_exit_code():
    assert app._main_with_one_line_errors(lambda argv: 9, ["script"]) == 9
    assert app._main_with_one_line_errors(lambda argv: None, ["script"]) == 0


def test_an_unknown_flag_is_named_without_a_traceback(script):
    process = run_in_process(script, "--too=1")
    assert process.returncode == 1
    assert "Unknown command line flag 'too'" in process.stderr
    assert "Traceback" not in process.stderr


def test_a_word_that_is_no_flag_is_an_error(capsys):
    with pytest.raises(SystemExit) as exit_info:
        app._main_with_one_line_errors(lambda argv: 0, ["script", "to=1"])
    assert exit_info.value.code == 1
    message = "error: unexpected words on the command line: to=1. Flags begin with --.\n"
    assert capsys.readouterr().err == message


def test_help_shows_the_docstring_and_the_flags(count):
    text = count("--help").stdout
    assert "Counts to a number." in text
    assert "--to: Where to stop." in text


def test_fail_prints_one_line_and_exits(capsys):
    with pytest.raises(SystemExit) as exit_info:
        app.fail("no vocabulary")
    assert exit_info.value.code == 1
    assert capsys.readouterr().err == "error: no vocabulary\n"


@pytest.mark.parametrize(
    ("raised", "line"),
    [
        (ValueError("first\n  second"), "first second"),
        (ValueError(), "ValueError"),
        (FileNotFoundError(2, "No such file", "a.txt"), "[Errno 2] No such file: 'a.txt'"),
        (
            tf.errors.NotFoundError(
                None, None, "{{node Read}} a; not there [Op:Read] name:\ntrace"
            ),
            "a; not there",
        ),
        (  # what TensorFlow says, quoted in a message of ours
            ValueError("a.txt: {{function_node __wrapped__Read}} it is cut [Op:Read] name:"),
            "a.txt: it is cut",
        ),
        (
            tf.errors.InternalError(
                None, None, "2 root error(s) found.\n(0) X: {{function_node f}}{{node g}} why"
            ),
            "why",
        ),
        (
            tf.errors.InvalidArgumentError(None, None, "ValueError: row 3: bad\nTraceback ..."),
            "row 3: bad",
        ),
        (  # under `ulimit -v`, as TensorFlow quotes it
            ImportError("Traceback:\n  x\nImportError: a.so: failed to map segment\n\nFailed"),
            "a library cannot be loaded (a.so: failed to map segment). Expected higher limits: see "
            "ulimit -a.",
        ),
    ],
)
def test_errors_become_one_readable_line(raised, line, capsys):
    def main(argv):
        raise raised

    with pytest.raises(SystemExit) as exit_info:
        app._main_with_one_line_errors(main, ["script"])
    assert exit_info.value.code == 1
    assert capsys.readouterr().err == f"error: {line}\n"


def test_an_interrupted_script_exits_with_130(capsys):
    def main(argv):
        raise KeyboardInterrupt

    assert app._main_with_one_line_errors(main, ["script"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_run_that_ends_in_between_has_one_line_and_its_own_code(capsys):
    def main(argv):
        raise EndRun(75, "start all again")

    assert app._main_with_one_line_errors(main, ["x"]) == 75
    assert capsys.readouterr().err == "start all again\n"


def test_flags_are_taken_out_of_the_command_line():
    argv = ["x", "--config.model.a=1", "--config=c.py", "--config.model.b", "2", "-config.model.c"]
    assert app.take_flags(argv, "config.model.") == {"a": "1", "b": "2", "c": "true"}
    assert argv == ["x", "--config=c.py"]
