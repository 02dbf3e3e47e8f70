"""Files and folders are whole or not there, local and remote, and the first error is reported."""

import hashlib
import os
import resource
import signal
import subprocess
import sys

import pytest
import tensorflow as tf

from bert_tf import files


@pytest.fixture(params=["local", "remote"])
def folder(request, tmp_path):
    """An empty folder; TensorFlow opens it as it opens object storage if the path has a scheme."""
    return str(tmp_path) if request.param == "local" else f"file://{tmp_path}"


def names(folder):
    return sorted(name.rstrip("/") for name in tf.io.gfile.listdir(folder))


def put(path, content):
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(content)


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_file_or_folder_is_removed_when_the_block_fails(folder, error):
    put(f"{folder}/file", b"half")
    tf.io.gfile.makedirs(f"{folder}/folder")
    put(f"{folder}/folder/part", b"half")
    for name in ("file", "folder", "never_made"):
        with pytest.raises(type(error)), files.removed_on_failure(f"{folder}/{name}"):
            raise error
    assert names(folder) == []


@pytest.mark.parametrize("content", ["text: ü\n", b"bytes\r\n"])
def test_a_file_is_replaced_as_a_whole(folder, content):
    put(f"{folder}/file", b"something longer than what follows")
    files.write_whole(f"{folder}/file", content)
    with files.open_binary(f"{folder}/file") as file:
        assert file.read() == (content if isinstance(content, bytes) else content.encode())
    assert names(folder) == ["file"]


def test_lines_that_end_in_an_error_leave_the_old_file(folder):
    def lines():
        yield "new"
        raise ValueError("of the second line")

    files.write_lines(f"{folder}/file", ["old", "ü"])
    with pytest.raises(ValueError, match="of the second line"):
        files.write_lines(f"{folder}/file", lines())
    assert files.read_text(f"{folder}/file") == "old\nü\n"
    assert names(folder) == ["file"]


def test_a_folder_gets_its_name_when_it_is_whole(folder):
    with files.new_folder(f"{folder}/new/") as temporary:
        put(f"{temporary}/part", b"x")
        assert names(folder) == ["new.lock", "new.tmp"]
    assert names(folder) == ["new"] and names(f"{folder}/new") == ["part"]


ENVIRONMENT = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(files.__file__))}
WRITER = """
import sys, time
from bert_tf import files
with files.new_folder(sys.argv[1], replace=True) as name:
    files.write_whole(f"{name}/half", "half")
    print("writing", flush=True)
    time.sleep(600)
"""


def test_a_killed_or_stopped_writer_leaves_nothing_whole_and_blocks_nobody(tmp_path):
    path = tmp_path / "model"
    for number in (signal.SIGKILL, signal.SIGSTOP):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT) as writer:
            assert writer.stdout.readline() == b"writing\n"
            writer.send_signal(number)
            if number == signal.SIGSTOP:  # it lives, and is told so at once
                with pytest.raises(ValueError, match="model"), files.new_folder(str(path)):
                    pass
            writer.kill()
        assert not path.exists()
    with files.new_folder(str(path)) as name:
        files.write_whole(f"{name}/all", "all")
    assert sorted(os.listdir(path)) == ["all"]
    assert sorted(os.listdir(tmp_path)) == ["model"]


def test_a_folder_that_fails_leaves_the_old_one(folder):
    tf.io.gfile.makedirs(f"{folder}/new.tmp")  # of a run that was killed
    put(f"{folder}/new.tmp/half", b"")
    with files.new_folder(f"{folder}/new") as temporary:
        put(f"{temporary}/old", b"")
    with (
        pytest.raises(OSError, match="full"),
        files.new_folder(f"{folder}/new", replace=True) as temporary,
    ):
        put(f"{temporary}/part", b"")
        raise OSError("full")
    assert names(folder) == ["new"] and names(f"{folder}/new") == ["old"]


def test_only_a_folder_gives_way_and_only_if_asked(folder):
    put(f"{folder}/file", b"")
    tf.io.gfile.makedirs(f"{folder}/new")
    put(f"{folder}/new/old", b"")
    with pytest.raises(ValueError, match=r"new exists\. Choose another name"):
        files.new_folder(f"{folder}/new").__enter__()
    with pytest.raises(ValueError, match=r"file is a file; expected a folder\."):
        files.new_folder(f"{folder}/file", replace=True).__enter__()
    with files.new_folder(f"{folder}/new", replace=True) as temporary:
        put(f"{temporary}/part", b"")
    assert names(f"{folder}/new") == ["part"]


def test_a_folder_that_a_killed_run_had_put_aside_is_not_lost(folder):
    """The kill came between the two renames, when the folder had its name no more."""
    tf.io.gfile.makedirs(f"{folder}/new.old")
    put(f"{folder}/new.old/old", b"")
    with (
        pytest.raises(OSError, match="full"),
        files.new_folder(f"{folder}/new", replace=True),
    ):
        raise OSError("full")
    assert names(folder) == ["new"] and names(f"{folder}/new") == ["old"]
    with files.new_folder(f"{folder}/new", replace=True) as temporary:
        put(f"{temporary}/part", b"")
    assert names(folder) == ["new"] and names(f"{folder}/new") == ["part"]


def test_a_file_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            files.write_whole(str(tmp_path / "vocab.txt"), b"token\n" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_the_hash_is_that_of_the_bytes(folder):
    content = b"0123456789" * 10**6
    put(f"{folder}/file", content)
    assert files.sha256(f"{folder}/file") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", r"file: expected a JSON object, this is not JSON \("),
        (b'"\xff"', r"file: expected a JSON object, this is not UTF-8 \(line 1\)"),
        (b"[1]", r"file: expected a JSON object, received \[1\]\."),
        (b'{"format_version": 3}', r"file has format_version 3; .* up to 2\. Install a newer"),
        (b'{"format_version": "two"}', r"file has format_version two; .* up to 2\."),
    ],
)
def test_what_is_no_json_of_ours_is_refused_by_name(folder, content, message):
    put(f"{folder}/file", content)
    with pytest.raises(ValueError, match=message):
        files.read_json(f"{folder}/file", highest=2)


def test_a_missing_file_is_named(folder):
    with pytest.raises(FileNotFoundError, match="nowhere: no such file"):
        files.read_json(f"{folder}/nowhere")


def test_an_older_version_and_a_file_without_one_are_read(folder):
    files.write_json(f"{folder}/file", {"format_version": 1, "ü": "ü"})
    assert files.read_json(f"{folder}/file", highest=2) == {"format_version": 1, "ü": "ü"}
    files.write_json(f"{folder}/file", {"a": [1]})
    assert files.read_json(f"{folder}/file", highest=2) == {"a": [1]}


def test_local_files_are_read_and_written_without_tensorflow(tmp_path):
    code = (
        "import sys; from bert_tf import files; path = sys.argv[1]\n"
        "with files.new_folder(path) as new: files.write_json(new + '/x.json', {'a': 1})\n"
        "print(files.read_json(path + '/x.json', highest=1), files.sha256(path + '/x.json')[:4])\n"
        "print('tensorflow' in sys.modules)"
    )
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "new")],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["{'a': 1} 5e36", "False"]
