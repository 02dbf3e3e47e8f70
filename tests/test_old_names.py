"""Config files, command lines and JSON of version 1: one class held the settings of all tasks."""

import json

import pytest

from bert_tf import app
from bert_tf.config import as_json, old_names
from bert_tf.config.experiment import DataConfig, ExperimentConfig, TaskConfig
from bert_tf.tasks import classification, pretraining, question_answering, token_classification


@pytest.fixture
def warnings(monkeypatch):
    """The lines that are logged."""
    lines = []
    monkeypatch.setattr(old_names, "_warn_once", lines.append)
    return lines


def test_settings_of_a_config_file_of_version_1_reach_the_task(warnings):
    config = ExperimentConfig(
        data=DataConfig(max_seq_length=64, doc_stride=32, max_query_length=16),
        task=TaskConfig(name="question_answering", n_best=3, null_answers=True),
    )
    assert config.task == question_answering.Config(doc_stride=32, max_query_length=16, n_best=3)
    assert config.data == DataConfig(max_seq_length=64)
    assert warnings == [
        "task.null_answers is found in the training data; the setting has no effect.",
        "TaskConfig(name='question_answering', ...) is now question_answering.Config(...), with "
        "`from bert_tf.tasks import question_answering`.",
        "data.doc_stride is now task.doc_stride.",
        "data.max_query_length is now task.max_query_length.",
    ]


def test_a_setting_that_is_written_later_reaches_the_task_too(warnings):
    config = ExperimentConfig(task=token_classification.Config())
    config.data.tag_scheme = "bioes"
    assert config.task.file_tag_scheme == "bioes"
    assert warnings == ["data.tag_scheme is now task.file_tag_scheme."]
    with pytest.raises(AttributeError, match="data.tag_scheme is now task.file_tag_scheme"):
        config.data.tag_scheme  # noqa: B018


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: TaskConfig(name="classification", pooling="max"),
            r"TaskConfig\(name='classification'\): unknown keys pooling\. Known: .*labels",
        ),
        (
            lambda: ExperimentConfig(
                data=DataConfig(doc_stride=3), task=classification.Config()
            ).check(),
            "data.doc_stride is now task.doc_stride, but the task 'classification' has no such",
        ),
        (lambda: TaskConfig(name="ranking"), "TaskConfig: tasks has no 'ranking'. Known: classi"),
    ],
)
def test_a_setting_of_another_task_is_an_unknown_key(make, message, warnings):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_name_of_a_task_that_is_set_changes_its_class(warnings):
    config = ExperimentConfig(task=token_classification.Config(doc_stride=16, labels=("a", "b")))
    task = config.task
    config.data.max_query_length = 9  # waits for a task that has it
    config.task.name = "question_answering"
    config.task.n_best = 3
    config.check()
    assert config.task is task
    assert task == question_answering.Config(doc_stride=16, max_query_length=9, n_best=3)
    assert warnings == [
        "task.name = 'question_answering' is now task=question_answering.Config(...), with "
        "`from bert_tf.tasks import question_answering`.",
        "data.max_query_length is now task.max_query_length.",
    ]
    config.task.name = "question_answering"
    with pytest.raises(ValueError, match="task.name: tasks has no 'ranking'"):
        config.task.name = "ranking"


def test_old_keys_of_the_command_line_are_replaced(warnings):
    config = ExperimentConfig(task=question_answering.Config())
    assert old_names.new_key("data.doc_stride", config) == "task.doc_stride"
    assert warnings == ["--config.data.doc_stride is now --config.task.doc_stride."]
    assert old_names.new_key("data.max_seq_length", config) == "data.max_seq_length"
    for key, message in (
        ("data.header", "has no such setting"),
        ("task.null_answers", "is found in the training data. Leave it out"),
        ("task.name", r"the class decides the name of a task.*task=question_answering"),
    ):
        with pytest.raises(ValueError, match=message):
            old_names.new_key(key, config)


def test_the_words_of_the_command_line_change_in_place(tmp_path, warnings):
    path = tmp_path / "config.py"
    path.write_text(
        "from bert_tf.config import *\nfrom bert_tf.tasks import question_answering\n"
        "def get_config():\n    return ExperimentConfig(task=question_answering.Config())\n"
    )
    argv = ["x", f"--config={path}", "--config.data.doc_stride=7", "--config.data.max_seq_length=9"]
    app._check_config(argv)
    assert argv[2:] == ["--config.task.doc_stride=7", "--config.data.max_seq_length=9"]


def version_1(**task):
    """A config.json or task.json of version 1, as far as the settings of tasks are concerned."""
    data = {"max_seq_length": 64, "doc_stride": 16, "max_predictions_per_seq": 9, "widths": [8, 64]}
    task = {"next_sentence": True, "labels": ["a", "b"], "text_pairs": True, **task}
    return {"format_version": 1, "data": data, "task": task}


def test_json_of_version_1_is_read(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(version_1(name="pretraining")))
    config = as_json.from_json(ExperimentConfig, str(path))
    assert config.task == pretraining.Config(max_predictions_per_seq=9)
    assert config.data == DataConfig(max_seq_length=64, widths=(8, 64))


def test_facts_of_version_1_are_taken_from_the_settings():
    settings, facts = old_names.from_version_1(version_1(name="classification"))
    assert facts == {"widths": [8, 64], "labels": ["a", "b"], "text_pairs": True}
    assert settings["task"] == {"name": "classification", "labels": ["a", "b"]}
    _, facts = old_names.from_version_1(version_1(name="question_answering", null_threshold=2.5))
    assert facts == {"widths": [8, 64], "null_threshold": 2.5}
