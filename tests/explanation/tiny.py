"""Tiny models whose answers are explained."""

import dataclasses
import functools
import pathlib
import tempfile

import keras
import numpy as np

from bert_tf import model_folder
from bert_tf.config import DataConfig, ExperimentConfig
from bert_tf.explanation.explainer import Explainer, Settings
from bert_tf.models import albert, bert, distilbert, electra, roberta, xlm_roberta
from bert_tf.tasks import classification, pretraining, question_answering, token_classification
from bert_tf.tasks.task import Task, make_task
from bert_tf.tokenization.tokenizer import Tokenizer
from tests.family import cases, toy_encoder

_ROOMS = {
    module.__name__.rpartition(".")[-1]: module
    for module in (albert, bert, distilbert, electra, roberta, xlm_roberta, toy_encoder)
}
LABELS = classification.Config(labels=("no", "yes"), classifier_pooling="mean")
KINDS = {
    "labels": (LABELS, [["hen saw cat.", "cow met a zebra and ate it.", ""]]),
    "pairs": (LABELS, [["hen saw cat.", "cow met owl"], ["a cat was seen", "nobody came"]]),
    "number": (
        classification.Config(problem_type="regression", classifier_pooling="mean"),
        [["hen saw cat."]],
    ),
    "several_labels": (
        classification.Config(
            problem_type="multi_label_classification",
            labels=("a", "b", "c"),
            classifier_pooling="mean",
        ),
        [["hen saw cat."]],
    ),
    "tags": (
        token_classification.Config(labels=("B-X", "I-X", "O")),
        [["hen saw cat. " * 12, "owl"]],
    ),
    "answers": (
        question_answering.Config(max_query_length=14),
        [["who saw cat"], ["all is well. " * 8 + "hen saw cat."]],
    ),
    "masked_words": (
        pretraining.Config(next_sentence=False, max_predictions_per_seq=6),
        [["the [MASK] saw a cat"]],
    ),
}


@functools.cache
def tokenizer(kind: str = cases.WORDPIECE) -> Tokenizer:
    with tempfile.TemporaryDirectory() as folder:
        cases.write_texts(pathlib.Path(folder))
        cases.write_tokenizers(pathlib.Path(folder))
        return Tokenizer.from_folder(f"{folder}/{kind}")


def make_model(
    encoder: str, kind: str, dtype: str = "float32", scale: float = 0.3
) -> tuple[Task, keras.Model]:
    """A model with random weights of this standard deviation."""
    shape = eval(cases._SHAPES[encoder], dict(_ROOMS))
    config = ExperimentConfig(model=shape, data=DataConfig(max_seq_length=40), task=KINDS[kind][0])
    config.train.dtype = dtype
    facts = config.task.given_facts(config.data)
    if kind == "pairs":
        facts = dataclasses.replace(facts, text_pairs=True)
    task = make_task(config, tokenizer(), facts)
    model = task.build_model()
    generator = np.random.default_rng(0)
    for variable in model.weights:
        if len(variable.shape) > 1:
            variable.assign(generator.normal(size=variable.shape) * scale)
    return task, model


@functools.cache
def model_of(
    encoder: str = "bert", kind: str = "labels", dtype: str = "float32"
) -> tuple[Task, keras.Model]:
    """A model with large random weights, so that every word counts."""
    return make_model(encoder, kind, dtype)


@functools.cache
def explained(kind: str = "labels", encoder: str = "bert", **settings):
    """The `Explained` of the texts of a kind."""
    return Explainer(*model_of(encoder, kind), Settings(**settings)).explain(KINDS[kind][1])


def save(folder: pathlib.Path, kind: str = "labels") -> pathlib.Path:
    """The model folder of a tiny model."""
    model_folder.save(str(folder), *model_of(kind=kind), {})
    return folder
