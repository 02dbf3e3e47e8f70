"""The metrics file is whole at any moment and forgets what a resumed run repeats."""

import json

import tensorflow as tf

from bert_tf.training.work_dir.metrics_writer import MetricsWriter


def read(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_one_json_object_a_line_and_the_same_in_tensorboard(tmp_path):
    writer = MetricsWriter(str(tmp_path))
    writer.write(1, {"loss": 3.5})
    writer.write(2, {"loss": 2.5})
    assert read(tmp_path) == [{"step": 1, "loss": 3.5}, {"step": 2, "loss": 2.5}]
    (events,) = (tmp_path / "tensorboard").iterdir()
    seen = {
        event.step: float(tf.make_ndarray(value.tensor))
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    }
    assert seen == {1: 3.5, 2: 2.5}


def test_lines_after_the_restored_step_and_half_lines_are_removed(tmp_path):
    writer = MetricsWriter(str(tmp_path))
    for step in (1, 2, 3):
        writer.write(step, {"loss": 1.0})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 4, "lo')
    MetricsWriter(str(tmp_path), start_step=2)
    assert [line["step"] for line in read(tmp_path)] == [1, 2]


def test_a_worker_that_is_not_the_chief_writes_nothing(tmp_path):
    MetricsWriter(None).write(1, {"loss": 1.0})
    assert list(tmp_path.iterdir()) == []
