"""What goes out of bert_tf in another format comes back bit for bit."""

import dataclasses
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf import model_folder
from bert_tf.checkpoints import checkpoint
from bert_tf.checkpoints.found_task import labels_of
from bert_tf.checkpoints.model_variables import HEADS_OF_TASK, variables_of
from bert_tf.models.bert import BertEncoder
from tests.checkpoints.models import (
    VOCABULARY,
    assert_same_weights,
    make_checkpoint,
    make_config,
    outputs_of,
)

WORDS = "bert/embeddings/word_embeddings"
ALL_TASKS = tuple(task for task in HEADS_OF_TASK if task != "replaced_tokens")  # ELECTRA's
NO_POOLER = {"use_pooler": False}
KERAS = {"masked_lm_hidden_act": "gelu", "masked_lm_layer_norm_eps": 1e-5}
CASES = [
    *(("hugging_face", task, {}) for task in ("embedding", "pretraining", "classification")),
    ("hugging_face", "multiple_choice", {"hidden_act": "gelu", "layer_norm_eps": 1e-6}),
    ("hugging_face", "token_classification", NO_POOLER),
    ("hugging_face", "question_answering", NO_POOLER),
    ("hugging_face", "pretraining", {"tie_word_embeddings": False}),
    ("hugging_face", "pretraining", {"next_sentence": False, **NO_POOLER}),
    *(("google", task, {}) for task in ALL_TASKS),
    ("garden", "embedding", {}),
    ("garden", "embedding", NO_POOLER),
    ("garden", "pretraining", {}),
    ("garden", "pretraining", {"next_sentence": False}),
    ("keras", "embedding", KERAS),
    ("keras", "classification", KERAS),
    ("keras", "pretraining", {"next_sentence": False, **KERAS}),
]


@pytest.mark.parametrize(("format_name", "task", "changes"), CASES)
def test_weights_config_and_tokenizer_come_back(tmp_path, format_name, task, changes):
    before = make_checkpoint(task, **changes)
    folder = str(tmp_path / "there")
    rows = checkpoint.write(before, folder, format_name)
    assert {row.ours for row in rows if row.theirs} == set(before.weights)
    after = model_folder.read_checkpoint(folder)
    assert_same_weights(before, after)
    assert all(row.ours for row in after.rows)
    without = {"other_keys": {}, "initializer_range": 0.0}
    assert dataclasses.replace(after.config, **without) == dataclasses.replace(
        before.config, **without
    )
    assert after.task.name == task
    tokenizer = after.tokenizer
    assert (tokenizer.vocabulary, tokenizer.do_lower_case) == (VOCABULARY, True)
    if format_name in ("hugging_face", "google"):
        assert labels_of(after.facts) == labels_of(before.facts)
        assert tokenizer.max_input_chars_per_word == 100
    if format_name == "hugging_face" and "classification" in task:
        assert after.task.classifier_dropout_prob == before.task.classifier_dropout_prob


@pytest.mark.parametrize("task", ["embedding", "pretraining", "classification"])
def test_the_model_folder_computes_what_the_checkpoint_did(tmp_path, task):
    before = make_checkpoint(task)
    model_folder.save_checkpoint(str(tmp_path / "own"), before, {})
    checkpoint.write(before, str(tmp_path / "hf"), "hugging_face")
    expected = outputs_of(model_folder.build(before)[1])
    for name in ("own", "hf"):
        _, model = model_folder.load(str(tmp_path / name))
        found = outputs_of(model)
        assert set(found) == set(expected)
        for key in expected:
            np.testing.assert_array_equal(found[key], expected[key], err_msg=key)


@pytest.mark.parametrize("use_pooler", [True, False])
def test_the_list_of_variables_is_that_of_the_model(use_pooler):
    config = make_config(use_pooler=use_pooler)
    variables = variables_of(config, (), "embedding")
    model = BertEncoder(config)
    assert dict(variables.shapes) == {w.path: tuple(w.shape) for w in model.weights}
    assert list(variables.shapes) == [w.path for w in model.weights]
    assert variables.encoder == tuple(variables.shapes)
    pooler = ("bert/pooler/dense/kernel", "bert/pooler/dense/bias")
    assert variables.pooler == (pooler if use_pooler else ())


@pytest.mark.parametrize("task", ["pretraining", "classification", "question_answering"])
def test_the_list_of_variables_has_the_heads_of_the_task(task):
    before = make_checkpoint(task)
    _, model = model_folder.build(before)
    assert dict(before.variables().shapes) == {w.path: tuple(w.shape) for w in model.weights}


def test_listing_the_variables_takes_neither_memory_nor_random_numbers():
    config = make_config(vocab_size=2**30, hidden_size=4096)  # 16 TB
    state = random.getstate()
    assert variables_of(config, (), "embedding").shapes[WORDS] == (2**30, 4096)
    assert random.getstate() == state
    keras.Variable(np.zeros(1))  # nothing is left that Keras would initialize now
    with keras.StatelessScope():
        pass


def test_a_task_that_bert_tf_does_not_have_loads_as_its_encoder(tmp_path, caplog):
    before = make_checkpoint("multiple_choice")
    checkpoint.write(before, str(tmp_path / "hf"), "hugging_face")
    task, model = model_folder.load(str(tmp_path / "hf"))
    assert task.config.task.name == "embedding"
    assert "pooled_output" in outputs_of(model)


def test_an_existing_folder_is_not_overwritten(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError, match=r"there exists\. Choose"):
        checkpoint.write(make_checkpoint(), str(tmp_path / "there"), "google")


def test_nothing_stays_behind_when_writing_fails(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("bert_tf.checkpoints.google.write_config", fail)
    with pytest.raises(OSError, match="disk full"):
        checkpoint.write(make_checkpoint(), str(tmp_path / "there"), "google")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("format_name", "changes", "message"),
    [
        ("google", {"hidden_act": "gelu"}, "exact gelu"),
        ("google", {"layer_norm_eps": 1e-5}, "layer_norm_eps is 1e-05"),
        (
            "google",
            {"tie_word_embeddings": False},
            "cls/predictions/output_weights: google has no place",
        ),
        ("garden", {"hidden_act": "gelu"}, "exact gelu"),
        ("keras", {}, "the next-sentence head: keras has none.*--allow_lossy"),
        ("keras", {"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ("hugging_face", KERAS, "has one value for both"),
    ],
)
def test_a_format_that_cannot_hold_it_refuses(tmp_path, format_name, changes, message):
    with pytest.raises(ValueError, match=message):
        checkpoint.write(make_checkpoint(**changes), str(tmp_path / "there"), format_name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format_name", ["hugging_face", "google", "keras"])
def test_a_classifier_on_the_mean_of_the_tokens_is_only_written_when_asked(tmp_path, format_name):
    before = make_checkpoint("classification")
    before.task.classifier_pooling = "mean"
    with pytest.raises(ValueError, match="classifier uses the pooling 'mean'.*--allow_lossy"):
        checkpoint.write(before, str(tmp_path / "there"), format_name)
    rows = checkpoint.write(before, str(tmp_path / "there"), format_name, allow_lossy=True)
    assert {row.ours for row in rows if row.theirs} == set(before.weights)


def test_google_writes_what_init_from_checkpoint_reads(tmp_path):
    before = make_checkpoint("pretraining")
    checkpoint.write(before, str(tmp_path / "there"), "google")
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        graph = {
            path: v1.get_variable(path, array.shape, tf.float32)
            for path, array in before.weights.items()
        }
        prefix = str(tmp_path / "there" / "bert_model.ckpt")
        v1.train.init_from_checkpoint(prefix, {path: path for path in graph})
        session.run(v1.global_variables_initializer())
        for path, variable in graph.items():
            np.testing.assert_array_equal(session.run(variable), before.weights[path])


def test_only_what_a_checkpoint_lacks_gets_random_values(monkeypatch):
    """Drawing those of a BERT-base takes seconds; this one lacks a part of a head."""
    before = make_checkpoint("pretraining", initializer_range=0.5)
    place = "cls/predictions/transform"
    kernel, scale = f"{place}/dense/kernel", f"{place}/LayerNorm/gamma"
    weights = before.weights.replaced({kernel: None, scale: None})
    drawn, draw = [], keras.initializers.TruncatedNormal.__call__

    def remember(initializer, shape, *args, **kwargs):
        drawn.append(tuple(shape))
        return draw(initializer, shape, *args, **kwargs)

    monkeypatch.setattr(keras.initializers.TruncatedNormal, "__call__", remember)
    _, model = model_folder.build(dataclasses.replace(before, weights=weights))
    found = {variable.path: variable.numpy() for variable in model.weights}
    assert drawn == [found[kernel].shape] and 0.3 < found[kernel].std() < 0.6
    assert (found[scale] == 1).all()
    for path in set(found) - {kernel, scale}:
        np.testing.assert_array_equal(found[path], before.weights[path])
