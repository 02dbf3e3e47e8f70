"""What converters print is held back, and shown when they fail."""

import os

import pytest

from bert_tf.export.quiet import quiet


def _chatter():
    os.write(1, b"of a converter\n")
    os.write(2, b"of a C++ library\n")


def test_chatter_is_held_back(capfd):
    with quiet():
        _chatter()
    print("after it")
    assert capfd.readouterr() == ("after it\n", "")


def test_chatter_before_a_failure_is_shown(capfd):
    with pytest.raises(ValueError, match="no such op"), quiet():
        _chatter()
        raise ValueError("no such op")
    assert "of a C++ library" in capfd.readouterr().err
