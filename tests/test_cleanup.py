"""What was begun and not ended is removed, and the first error is the one that is reported."""

import resource

import pytest
import tensorflow as tf

from bert_tf.files import removed_on_failure, write_whole


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_file_or_folder_is_removed_when_the_block_fails(tmp_path, error):
    (tmp_path / "file").write_text("half")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "part").write_text("half")
    for name in ("file", "folder", "never_made"):
        with pytest.raises(type(error)), removed_on_failure(str(tmp_path / name)):
            raise error
    assert list(tmp_path.iterdir()) == []


def test_what_succeeds_stays(tmp_path):
    with removed_on_failure(str(tmp_path / "file")):
        (tmp_path / "file").write_text("whole")
    assert (tmp_path / "file").read_text() == "whole"


@pytest.mark.parametrize("content", ["text: ü\n", b"bytes\r\n"])
def test_a_file_is_replaced_as_a_whole(tmp_path, content):
    path = tmp_path / "file"
    path.write_text("something longer than what follows")
    write_whole(str(path), content)
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))
    try:
        with pytest.raises(tf.errors.OpError):
            write_whole(str(tmp_path / "vocab.txt"), b"token\n" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
