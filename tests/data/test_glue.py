"""GLUE in its official folders. Every row of tests/testdata/glue is written by hand."""

import pathlib
import shutil

import numpy as np
import pytest

from bert_tf.tasks.classification.examples import read_examples
from bert_tf.tasks.glue import tasks

_DATA = str(pathlib.Path(__file__).parents[1] / "testdata" / "glue")


def read(name, path, with_labels=True):
    task = tasks.TASKS[name]
    return read_examples(
        path, task.table_format, labels=task.labels or None, with_labels=with_labels
    )


def test_all_nine_tasks_are_found():
    assert tasks.present(_DATA) == list(tasks.TRAINED)
    assert len(tasks.TRAINED) == 9


@pytest.mark.parametrize("name", tasks.TRAINED)
def test_every_file_of_a_task_is_read(name):
    files = tasks.find_files(_DATA, name)
    assert list(files.dev) == list(tasks.TASKS[name].dev)
    train = read(name, files.train)
    assert {len(read(name, path)) for path in files.dev.values()} == {2}
    for path in files.test.values():
        test = read(name, path, with_labels=False)
        assert (test.text_pairs is None) == (train.text_pairs is None)
        assert test.label_ids is None
    if name == "stsb":
        np.testing.assert_array_equal(train.label_ids, np.float32([4.75, 0.0, 3.2]))
    else:
        assert set(train.label_ids) == set(range(len(tasks.TASKS[name].labels)))


def test_cola_has_no_header_but_its_test_file_has():
    files = tasks.find_files(_DATA, "cola")
    assert read("cola", files.train).texts[2] == 'He left "early.'
    assert read("cola", files.train).lines == [1, 2, 3, 4]
    assert read("cola", files.test["test"], with_labels=False).texts[0] == "Snow fell."


def test_mnli_answers_both_of_its_test_sets_and_the_diagnostic_one():
    files = tasks.find_files(_DATA, "mnli")
    assert list(files.test) == ["test_matched", "test_mismatched", "ax"]
    assert len(read("mnli", files.test["ax"], with_labels=False)) == 2


def test_the_faulty_rows_of_qqp_are_left_out_and_counted(caplog):
    train = read("qqp", tasks.find_files(_DATA, "qqp").train)
    assert train.lines == [2, 4, 5] and train.text_pairs[2] == ""  # a text like any other
    assert "LEFT OUT 1 faulty rows, first: " in caplog.text
    assert "train.tsv:3: 4 fields, but the header has 6" in caplog.text


@pytest.mark.parametrize("name", ["sst2", "mrpc", "rte", "stsb"])
def test_a_test_file_given_as_dev_says_what_is_missing(name):
    path = tasks.find_files(_DATA, name).test["test"]
    with pytest.raises(ValueError, match=r"test\.tsv:1: column .* is unknown"):
        read(name, path)


def test_compressed_files_are_found(tmp_path):
    import gzip

    shutil.copytree(f"{_DATA}/RTE", tmp_path / "RTE")
    content = (tmp_path / "RTE" / "train.tsv").read_bytes()
    (tmp_path / "RTE" / "train.tsv").unlink()
    (tmp_path / "RTE" / "train.tsv.gz").write_bytes(gzip.compress(content))
    assert len(read("rte", tasks.find_files(str(tmp_path), "rte").train)) == 2


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="holds nothing of mrpc: expected a folder MRPC"):
        tasks.find_files(str(tmp_path), "mrpc")
    with pytest.raises(ValueError, match="unknown GLUE task 'squad'. Known: cola, "):
        tasks.task_of("squad")


def test_the_lines_of_a_submission():
    assert list(tasks.submission_lines(("entailment", "not_entailment"), [1, 0])) == [
        "index\tprediction",
        "0\tnot_entailment",
        "1\tentailment",
    ]
    numbers = list(tasks.submission_lines((), [5.3, -0.2, 2.34567]))
    assert numbers[1:] == ["0\t5.000", "1\t0.000", "2\t2.346"]


def test_the_archive_has_the_eleven_files_of_the_leaderboard():
    assert len(set(tasks.SUBMISSION_FILES)) == 11
