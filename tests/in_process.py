"""Runs a script in this process: it takes seconds to start one that imports TensorFlow."""

import contextlib
import io
import runpy
import subprocess
import sys

import pytest
from absl import flags

from bert_tf import app


def run_in_process(script, *words, stdin="") -> subprocess.CompletedProcess:
    """What `python SCRIPT WORDS` gives: with the script's own flags and its own `app.run`."""
    known, command = set(flags.FLAGS), [str(script), *words]
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as output,
        contextlib.redirect_stderr(io.StringIO()) as error,
    ):
        patch.setattr(sys, "argv", command)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = 0  # of a script that just ends
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as end:
            code = end.code or 0
        finally:
            for flag in set(flags.FLAGS) - known:
                delattr(flags.FLAGS, flag)
            flags.FLAGS[app.MEMBERS].unparse()  # app.py, which stays imported, defines it
            flags.FLAGS.unparse_flags()
    return subprocess.CompletedProcess(command, code, output.getvalue(), error.getvalue())
