"""Writing in a thread: what is copied, what waits, and what happens when the disk is full."""

import resource
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.training.work_dir import checkpoint
from bert_tf.training.work_dir.checkpoint_writer import CheckpointWriter


@pytest.fixture
def held_save(monkeypatch):
    """checkpoint.save waits for this event before it writes."""
    event, save = threading.Event(), checkpoint.save

    def wait_and_save(*args):
        assert event.wait(60)
        save(*args)

    monkeypatch.setattr(checkpoint, "save", wait_and_save)
    return event


def value_of(folder, step):
    variable = tf.Variable(np.zeros(1000, np.float32))
    checkpoint.restore(checkpoint.path_of(str(folder), step), {"w": variable})
    return variable.numpy()


def test_what_is_written_is_the_value_at_the_call_whatever_follows(tmp_path, held_save):
    weight = tf.Variable(np.ones(1000, np.float32))
    update = tf.function(lambda: weight.assign_add(tf.ones(1000)), jit_compile=True)
    with CheckpointWriter(str(tmp_path), keep=9) as writer:
        start = time.monotonic()
        writer.save(1, {"w": weight}, {})
        assert time.monotonic() - start < 5  # the disk stands still, the step goes on
        for _ in range(3):
            update()
        assert checkpoint.find_latest(str(tmp_path)) is None
        held_save.set()
    np.testing.assert_array_equal(value_of(tmp_path, 1), 1.0)
    assert float(weight[0]) == 4.0


def test_on_a_slow_disk_newer_ones_replace_waiting_ones_but_not_the_best(tmp_path, held_save):
    weight = tf.Variable(np.ones(1000, np.float32))
    with CheckpointWriter(str(tmp_path), keep=9) as writer:
        for step, best in ((1, None), (2, None), (3, 3), (4, 3), (5, 3)):
            writer.save(step, {"w": weight}, {}, best_step=best)
            while step == 1 and writer._waiting:  # until the thread has begun it
                time.sleep(0.01)
        held_save.set()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["step-00000001", "step-00000003", "step-00000005"]


def test_steps_that_a_slow_disk_makes_give_way_are_named(tmp_path, held_save, caplog):
    weight = {"w": tf.Variable(1.0)}
    with CheckpointWriter(str(tmp_path), keep=9) as writer:
        for step, best in ((1, None), (2, 2), (3, 2), (4, 4)):
            writer.save(step, weight, {}, best_step=best)
            while not writer._is_writing:  # the first one is taken from the queue
                time.sleep(0.01)
        held_save.set()
    assert "no checkpoint of step 2 and 3, but of 4" in caplog.text


def test_a_full_disk_reaches_the_main_thread_and_the_one_before_stays_whole(tmp_path):
    weight = tf.Variable(np.ones(1000, np.float32))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    message = "step 2 could not be written, those before it are whole"
    with pytest.raises(ValueError, match=message), CheckpointWriter(str(tmp_path), 9) as writer:
        writer.save(1, {"w": weight}, {})
        writer.wait()
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        try:
            writer.save(2, {"w": weight}, {})
            writer.wait()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    assert checkpoint.find_latest(str(tmp_path))[1]["step"] == 1


def test_what_is_under_way_is_finished_when_the_run_ends_with_an_error(tmp_path):
    with pytest.raises(RuntimeError), CheckpointWriter(str(tmp_path), keep=9) as writer:
        writer.save(1, {"w": tf.Variable(np.ones(1000, np.float32))}, {})
        raise RuntimeError("of the run")
    assert checkpoint.find_latest(str(tmp_path))[1]["step"] == 1


def test_a_worker_that_is_not_the_chief_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with CheckpointWriter(None, keep=9) as writer:
        writer.save(1, {"w": tf.Variable(1.0)}, {})
    assert list(tmp_path.iterdir()) == []
