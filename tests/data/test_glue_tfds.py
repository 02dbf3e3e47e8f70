"""GLUE of TensorFlow Datasets against the same rows in the official folders."""

import pathlib
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.tasks.classification.examples import read_examples
from bert_tf.tasks.glue import tasks, tfds_files

_DATA = str(pathlib.Path(__file__).parents[1] / "testdata" / "glue")
# Of TFDS's catalogue: the texts of its configs, and the splits where they are not the usual three.
_TEXTS = {
    "cola": ["sentence"],
    "sst2": ["sentence"],
    "mrpc": ["sentence1", "sentence2"],
    "stsb": ["sentence1", "sentence2"],
    "qqp": ["question1", "question2"],
    "mnli": ["premise", "hypothesis"],
    "qnli": ["question", "sentence"],
    "rte": ["sentence1", "sentence2"],
    "wnli": ["sentence1", "sentence2"],
    "ax": ["premise", "hypothesis"],
}
_SETS = {
    "validation": "dev",
    "validation_matched": "dev_matched",
    "validation_mismatched": "dev_mismatched",
}


def _read(name, path, with_labels):
    task = tasks.TASKS[name]
    return read_examples(
        path, task.table_format, labels=task.labels or None, with_labels=with_labels
    )


def _official(name, split):
    """The rows of the folder layout that TFDS calls `split`."""
    files = tasks.find_files(_DATA, name)
    sets = {"train": files.train, **files.dev, **files.test}
    if name == "ax":
        sets["test"] = files.test["ax"]
    return _read(name, sets[_SETS.get(split, split)], not split.startswith("test"))


@pytest.fixture
def loaded(monkeypatch):
    """A stand-in for tensorflow-datasets that knows glue, its rows in another order."""
    calls = []

    def load(name, *, split, with_info, shuffle_files, read_config):
        assert (with_info, shuffle_files) == (True, False)
        builder, _, task = name.partition("/")
        if builder != "glue":
            raise KeyError(name)
        calls.append(f"{name}/{split}")
        rows = _official(task, split)
        order = np.random.default_rng(0).permutation(len(rows))
        labels = -np.ones(len(rows)) if rows.label_ids is None else rows.label_ids
        texts = [rows.texts, rows.text_pairs]
        features = {
            feature: [texts[i][row] for row in order] for i, feature in enumerate(_TEXTS[task])
        }
        kind = np.float32 if task == "stsb" else np.int64
        features |= {"label": labels[order].astype(kind), "idx": order.astype(np.int32)}
        info = types.SimpleNamespace(
            full_name=name, splits={split: types.SimpleNamespace(num_examples=len(rows))}
        )
        return tf.data.Dataset.from_tensor_slices(features), info

    module = types.SimpleNamespace(load=load, ReadConfig=types.SimpleNamespace)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)
    return calls


@pytest.mark.parametrize("name", list(tasks.TASKS))
def test_every_set_of_a_task_is_that_of_the_official_folder(name, tmp_path, loaded):
    tfds_files.write_files("tfds:glue", [name], str(tmp_path))
    official, written = tasks.find_files(_DATA, name), tasks.find_files(str(tmp_path), name)
    assert list(written.dev) == list(official.dev)
    assert list(written.test) == list(official.test)
    pairs = [(official.train, written.train, True)] if official.train else []
    pairs += [(official.dev[part], written.dev[part], True) for part in official.dev]
    pairs += [(official.test[part], written.test[part], False) for part in official.test]
    for ours, theirs, with_labels in pairs:
        first, second = _read(name, ours, with_labels), _read(name, theirs, with_labels)
        assert (first.texts, first.text_pairs) == (second.texts, second.text_pairs)
        np.testing.assert_array_equal(first.label_ids, second.label_ids)


def test_what_is_there_is_not_fetched_again(tmp_path, loaded):
    tfds_files.write_files("tfds:glue", ["rte", "mnli"], str(tmp_path))
    assert sorted(loaded) == [
        "glue/ax/test",
        "glue/mnli/test_matched",
        "glue/mnli/test_mismatched",
        "glue/mnli/train",
        "glue/mnli/validation_matched",
        "glue/mnli/validation_mismatched",
        "glue/rte/test",
        "glue/rte/train",
        "glue/rte/validation",
    ]
    tfds_files.write_files("tfds:glue", ["rte", "mnli"], str(tmp_path))
    assert len(loaded) == 9


def test_a_data_set_that_is_not_there_leaves_nothing(tmp_path, loaded):
    with pytest.raises(ValueError, match="tfds:super_glue/rte/train: cannot be loaded"):
        tfds_files.write_files("tfds:super_glue", ["rte"], str(tmp_path))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
