"""Losses, metrics and answers of every kind of label, against NumPy."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from bert_tf import initial_weights, model_folder
from bert_tf.config import experiment
from bert_tf.data.batches.order import BatchSlice
from bert_tf.layers.pooling import POOLINGS
from bert_tf.tasks import classification
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from tests.checkpoints.models import BATCH, make_checkpoint, make_config

_TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a"]))
_LOGITS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
_ROWS = np.float32([1, 1, 1, 0])  # the last row fills the batch


def task_of(model=None, **settings):
    config = experiment.ExperimentConfig(task=classification.Config(**settings))
    config.model = model or config.model
    return make_task(config, _TOKENIZER)


def batch_of(label_ids):
    return {"label_ids": tf.constant(label_ids), "label_weights": tf.constant(_ROWS)}


def ratio(pair):
    return float(pair[0] / pair[1])


@pytest.mark.parametrize("weights", [(), (1.0, 2.0, 0.5)])
def test_the_cross_entropy_is_weighted_by_class(weights):
    task = task_of(labels=("a", "b", "c"), class_weights=weights)
    labels = np.int32([0, 1, 2, 1])
    batch, outputs = batch_of(labels), {"logits": tf.constant(_LOGITS)}
    log_probs = _LOGITS - np.log(np.exp(_LOGITS).sum(-1, keepdims=True))
    each = -log_probs[np.arange(4), labels] * _ROWS
    of_class = np.array(weights or (1, 1, 1))[labels] * _ROWS
    expected = (each * of_class).sum() / of_class.sum()
    loss = task.compute_loss(outputs, batch)["loss"]
    assert ratio(loss) == pytest.approx(expected, rel=1e-6)
    assert float(task.loss_weights(batch)["loss"]) == pytest.approx(of_class.sum())
    hits = (_LOGITS.argmax(-1) == labels)[:3].mean()
    assert ratio(task.compute_metrics(outputs, batch)["accuracy"]) == pytest.approx(hits)


def test_several_labels_have_binary_cross_entropies():
    task = task_of(labels=("a", "b", "c"), problem_type="multi_label_classification")
    targets = np.float32([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]])
    batch, outputs = batch_of(targets), {"logits": tf.constant(_LOGITS)}
    probs = 1 / (1 + np.exp(-_LOGITS))
    each = -(targets * np.log(probs) + (1 - targets) * np.log(1 - probs))
    assert ratio(task.compute_loss(outputs, batch)["loss"]) == pytest.approx(
        each[:3].mean(), rel=1e-5
    )
    decoded = task.decode(outputs, batch)
    chosen = [",".join(n for n, p in zip("abc", row, strict=True) if p > 0.5) for row in probs]
    assert [label.decode() for label in decoded["label"].numpy()] == chosen
    said = task.describe({name: values[0].numpy() for name, values in decoded.items()})
    assert ",".join(said["labels"]) == chosen[0]


def test_a_regression_has_squared_errors_and_answers_scores():
    task = task_of(problem_type="regression")
    scores = np.float32([0.5, 2, -1, 9])
    batch, outputs = batch_of(scores), {"logits": tf.constant(_LOGITS[:, :1])}
    expected = ((_LOGITS[:3, 0] - scores[:3]) ** 2).mean()
    assert ratio(task.compute_loss(outputs, batch)["loss"]) == pytest.approx(expected, rel=1e-6)
    assert task.names == ("loss",)
    decoded = task.decode(outputs, batch)
    assert task.describe({"score": decoded["score"][1].numpy()}) == {
        "score": pytest.approx(_LOGITS[1, 0])
    }
    assert set(task.score({"logits": _LOGITS}, {"label_ids": scores})) >= {"pearson", "spearman"}
    assert task.known_by == ("spearman", "pearson")


def pooled(how, outputs, mask_BS):
    """What the classifier sees, in NumPy."""
    if how == "pooler":
        return outputs["pooled_output"].numpy()
    rows = [
        row[mask > 0] for row, mask in zip(outputs["sequence_output"].numpy(), mask_BS, strict=True)
    ]
    reduce = {
        "mean": lambda row: row.mean(0),
        "max": lambda row: row.max(0),
        "cls": lambda row: row[0],
        "last": lambda row: row[-1],
        "mean_sqrt_len": lambda row: row.sum(0) / np.sqrt(len(row)),
        "weighted_mean": lambda row: np.average(row, 0, np.arange(1, len(row) + 1)),
    }
    return np.stack([reduce[how](row) for row in rows])


@pytest.mark.parametrize("how", POOLINGS)
def test_the_classifier_sees_what_the_pooling_says_and_no_padding(how, tmp_path):
    before = make_checkpoint("classification")
    before.task.classifier_pooling = how
    model_folder.save_checkpoint(str(tmp_path / "model"), before, {})
    task, model = model_folder.load(str(tmp_path / "model"))
    assert task.config.task.classifier_pooling == how
    outputs = model({name: tf.constant(value) for name, value in BATCH.items()})
    kernel, bias = (before.weights[f"classifier/{name}"] for name in ("kernel", "bias"))
    expected = pooled(how, outputs, BATCH["input_mask"]) @ kernel + bias
    np.testing.assert_allclose(outputs["logits"], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("use_pooler", "how"), [(True, "pooler"), (False, "cls")])
def test_a_pooling_that_nobody_chose_is_the_encoders_own(use_pooler, how):
    model_config = make_config(use_pooler=use_pooler)
    assert model_config.classifier_pooling == how
    task = task_of(labels=("a", "b"), model=model_config)
    model = task.build_model()
    outputs = model({name: tf.constant(value) for name, value in BATCH.items()})
    expected = pooled(how, outputs, BATCH["input_mask"]) @ model.classifier.kernel.numpy()
    np.testing.assert_allclose(outputs["logits"], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "is_kept"),
    [
        ({}, True),
        ({"classifier_pooling": "pooler"}, True),  # of BERT it is that anyway
        ({"classifier_pooling": "mean"}, False),
        ({"labels": ("x", "y", "z")}, False),
    ],
)
def test_a_run_starts_from_the_classifier_of_the_same_task_alone(changes, is_kept, tmp_path):
    before = make_checkpoint("classification")
    folder = str(tmp_path / "model")
    model_folder.save_checkpoint(folder, before, {})
    config = model_folder.load(folder)[0].config
    config.task = dataclasses.replace(config.task, **changes)
    task = make_task(config, model_folder.load_tokenizer(folder))
    model = task.build_model()
    initial_weights.initialize(model, folder, task.tokenizer)
    kernel = model.classifier.kernel.numpy()
    assert np.array_equal(kernel, before.weights["classifier/kernel"]) == is_kept


def test_the_classifier_of_the_same_labels_in_another_order_is_put_in_order(tmp_path):
    before = make_checkpoint("classification")
    folder = str(tmp_path / "model")
    model_folder.save_checkpoint(folder, before, {})
    there, whole = model_folder.load(folder)
    labels = there.labels[1:] + there.labels[:1]
    config = there.config
    config.task = dataclasses.replace(config.task, labels=tuple(labels))
    task = make_task(config, there.tokenizer)
    model = task.build_model()
    initial_weights.initialize(model, folder, task.tokenizer)
    logits = model({name: tf.constant(value) for name, value in BATCH.items()})["logits"].numpy()
    expected = whole({name: tf.constant(value) for name, value in BATCH.items()})["logits"].numpy()
    for place, label in enumerate(labels):
        column = expected[:, there.labels.index(label)]
        np.testing.assert_allclose(logits[:, place], column, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": ("a",)}, "at least two labels"),
        ({"labels": ("a", "b"), "problem_type": "regression"}, "a regression has no labels"),
        ({"labels": ("a", "b"), "class_weights": (1.0,)}, "holds 1 numbers for 2 labels"),
        ({"labels": ("a", "b"), "class_weights": (1.0, -5.0)}, r"\(1.0, -5.0\); .* at least 0"),
        ({"labels": ("a", "b"), "class_weights": (1.0, float("nan"))}, "numbers of at least 0"),
        ({"labels": ("a", "b"), "class_weights": (0.0, 0.0)}, "not all of them 0"),
        ({"labels": ("a", "b"), "problem_type": "ranking"}, "Known: single_label"),
        ({"labels": ("a", "b"), "classifier_pooling": "median"}, "classifier_pooling is 'median'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        task_of(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"labels": ("a", "b", "c")},
        {"labels": ("a", "b", "c"), "problem_type": "multi_label_classification"},
        {"problem_type": "regression"},
    ],
)
def test_rows_without_labels_have_a_loss_that_counts_nothing(settings):
    """A test set of GLUE: its answers are wanted, and the evaluator computes losses too."""
    task = task_of(**settings)
    tokens = ("input_ids", "input_mask", "segment_ids")
    rows = {name: np.ones((3, 5), np.int32) for name in tokens}
    (batch,) = task.make_dataset(rows, BatchSlice(4), training=False)
    outputs = {"logits": tf.constant(_LOGITS[:, : len(settings.get("labels", "a"))])}
    loss, weight = task.compute_loss(outputs, batch)["loss"]
    assert (float(loss), float(weight)) == (0.0, 0.0)
    for name, (total, count) in task.compute_metrics(outputs, batch).items():
        assert (float(total), float(count)) == (0.0, 0.0), name
