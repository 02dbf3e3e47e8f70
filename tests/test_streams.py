"""What a script says reaches any terminal, harmlessly; how it was started does not matter."""

import os
import pathlib
import subprocess
import sys

import pytest

from bert_tf import streams

ROOT = pathlib.Path(__file__).parent.parent
SCRIPT = """
import os, signal, sys
from absl import flags, logging
from bert_tf import app
flags.DEFINE_string("do", "", "What.")

def main(argv):
    do = flags.FLAGS.do
    if do == "fail":
        raise ValueError("label \\x1b[31mred\\x9b \\u202e\\ud800 café")
    if do == "log":
        logging.warning("label %s", "\\x1b]0;title\\x07")
    if do == "print":
        print("中文 é")
    if do == "read":
        print(sys.stdin.read() == "")
    if do == "memory":
        raise MemoryError("Unable to allocate 40 TB")
    if do == "numbers":
        print(open("/dev/null").fileno() > 2, file=open(os.environ["OUT"], "w"))


def edit(argv):
    if os.environ.get("INTERRUPT"):
        signal.raise_signal(signal.SIGINT)

app.run(main, edit, needs_keras=False)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("scripts") / "say.py"
    path.write_text(SCRIPT)
    return str(path)


def run(script, do, shell="", **environment):
    words = f'"{sys.executable}" "{script}" --do={do} {shell}'
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(words, shell=True, env=env, capture_output=True, check=False)


def test_escape_codes_are_written_out(script):
    done = run(script, "fail")
    assert done.returncode == 1
    expected = "error: label \\x1b[31mred\\x9b \\u202e\\ud800 café\n"
    assert done.stderr.decode() == expected
    assert b"\\x1b]0;title\\x07" in run(script, "log").stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_text_is_utf_8_whatever_the_locale_says(script, encoding):
    done = run(script, "print", PYTHONIOENCODING=encoding)
    assert done.stdout.decode() == "中文 é\n" and not done.stderr
    assert "café" in run(script, "fail", PYTHONIOENCODING=encoding).stderr.decode()


def test_closed_streams_give_and_take_nothing(script, tmp_path):
    assert run(script, "read", "<&-").stdout == b"True\n"
    done = run(script, "print", ">&-")
    assert done.returncode == 0 and not done.stderr
    assert run(script, "fail", "2>&-").returncode == 1
    done = run(script, "numbers", "<&- >&- 2>&-", OUT=str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "True\n"


def test_a_full_disk_behind_standard_output_is_an_error(script):
    done = run(script, "print", ">/dev/full")
    assert done.returncode == 1
    assert done.stderr.decode().startswith("error: [Errno 28] No space left on device")


def test_an_interrupt_before_main_is_one_line(script):
    done = run(script, "print", INTERRUPT="1")
    assert (done.returncode, done.stderr) == (130, b"interrupted\n")


def test_too_little_memory_is_one_line(script):
    done = run(script, "memory")
    assert done.returncode == 1
    assert done.stderr.decode().startswith("error: not enough memory (Unable to allocate 40 TB)")


def test_only_what_a_terminal_obeys_is_changed():
    assert streams.printable("tab\tline\r\n中 é \x1b[2J\x00\u2028") == (
        "tab\tline\r\n中 é \\x1b[2J\\x00\u2028"
    )
