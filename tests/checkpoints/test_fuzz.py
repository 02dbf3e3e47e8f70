"""Damaged files are read or refused; `python -m tests.checkpoints.fuzz` does it 100,000 times."""

import logging

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bert_tf.checkpoints import tensors
from tests.checkpoints import fuzz


@pytest.mark.parametrize(("name", "count"), [("hugging_face", 300), ("google", 200), ("keras", 20)])
def test_damaged_checkpoints_are_read_or_refused(tmp_path, name, count):
    logging.getLogger("absl").setLevel(logging.ERROR)
    counts = fuzz.fuzz(fuzz.make_folders(tmp_path, [name]), count, seed=1)
    assert counts[name, "refused"] > count // 4


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_what_we_accept_the_safetensors_library_accepts_too(tmp_path, seed):
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2, np.float16)}
    content = fuzz.mutate(safetensors.numpy.save(arrays), fuzz.random.Random(seed))
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    try:
        file = tensors.SafetensorsFile(str(path))
    except ValueError:
        return
    theirs = safetensors.numpy.load(content)
    assert set(theirs) == set(file.shapes)
    for name, array in theirs.items():
        np.testing.assert_array_equal(file.read(name), array)


def test_files_are_those_of_the_library(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    path = str(tmp_path / "x.safetensors")
    tensors.write(path, [("a", (2, 3), lambda: array)], metadata={"format": "pt"})
    np.testing.assert_array_equal(safetensors.numpy.load_file(path)["a"], array)
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata() == {"format": "pt"}
