"""A checkpoint counts only when it is whole."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf
from absl import logging

from bert_tf.training.work_dir import checkpoint


def save(folder, step, keep=10):
    variables = {"a/kernel": tf.Variable([1.0 * step, 2.0]), "step": tf.Variable(step)}
    checkpoint.save(str(folder), step, variables, {"data_id": "x"}, keep)


def test_the_newest_is_found_and_restored_bit_for_bit(tmp_path):
    save(tmp_path, 5)
    save(tmp_path, 10)
    path, info = checkpoint.find_latest(str(tmp_path))
    assert info["step"] == 10 and info["data_id"] == "x"
    variables = {"a/kernel": tf.Variable([0.0, 0.0]), "step": tf.Variable(0)}
    checkpoint.restore(path, variables)
    np.testing.assert_array_equal(variables["a/kernel"].numpy(), [10.0, 2.0])
    assert int(variables["step"]) == 10


def test_a_variable_more_or_less_is_an_error(tmp_path):
    save(tmp_path, 5)
    path, _ = checkpoint.find_latest(str(tmp_path))
    with pytest.raises(AssertionError):
        checkpoint.restore(path, {"a/kernel": tf.Variable([0.0, 0.0])})
    more = {"a/kernel": tf.Variable([0.0, 0.0]), "step": tf.Variable(0), "b": tf.Variable(1.0)}
    with pytest.raises(AssertionError):
        checkpoint.restore(path, more)


@pytest.mark.parametrize("damage", ["truncate", "flip", "no_json", "half_json", "missing"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, damage, caplog):
    save(tmp_path, 5)
    save(tmp_path, 10)
    newest = tmp_path / "step-00000010"
    data = next(newest.glob("weights.data*"))
    if damage == "truncate":
        data.write_bytes(data.read_bytes()[:-1])
    elif damage == "flip":
        content = bytearray(data.read_bytes())
        content[len(content) // 2] ^= 1
        data.write_bytes(content)
    elif damage == "no_json":
        (newest / "checkpoint.json").unlink()
    elif damage == "half_json":
        text = (newest / "checkpoint.json").read_text()
        (newest / "checkpoint.json").write_text(text[: len(text) // 2])
    else:
        data.unlink()
    logging.use_absl_handler()
    with caplog.at_level("WARNING", logger="absl"):
        assert checkpoint.find_latest(str(tmp_path))[1]["step"] == 5
    assert "step-00000010 is not whole and is passed over" in caplog.text


def test_a_newer_format_is_passed_over(tmp_path):
    save(tmp_path, 5)
    path = tmp_path / "step-00000005" / "checkpoint.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 99}))
    assert checkpoint.find_latest(str(tmp_path)) is None


def test_only_the_newest_are_kept(tmp_path):
    for step in (1, 2, 3, 4):
        save(tmp_path, step, keep=2)
    assert sorted(os.listdir(tmp_path)) == ["step-00000003", "step-00000004"]


def test_the_best_stays_however_old_and_damaged_later_ones_go(tmp_path):
    variables = {"step": tf.Variable(0)}
    for step in (1, 2, 9, 3, 4):  # 9 was passed over when the run was continued from 2
        checkpoint.save(str(tmp_path), step, variables, {}, keep=2, best_step=1)
    assert sorted(os.listdir(tmp_path)) == ["step-00000001", "step-00000003", "step-00000004"]


def test_entries_of_the_json_change_and_the_hashes_still_fit(tmp_path):
    save(tmp_path, 5)
    checkpoint.change_info(str(tmp_path / "step-00000005"), {"data_id": "y"})
    _, info = checkpoint.find_latest(str(tmp_path))
    assert (info["data_id"], info["step"]) == ("y", 5)


def test_nothing_is_found_where_nothing_is(tmp_path):
    assert checkpoint.find_latest(str(tmp_path / "nowhere")) is None
