"""What was begun and not ended is removed, and the first error is the one that is reported."""

import pytest

from bert_tf.cleanup import removed_on_failure


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
