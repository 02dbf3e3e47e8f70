"""Tiny models of each task with random weights that matter, and the fuzzing of texts."""

import contextlib
import dataclasses
import random

import numpy as np
import pytest
import tensorflow as tf

from bert_tf import members
from bert_tf.config.experiment import BertConfig, DataConfig, ExperimentConfig
from bert_tf.export import saved_model
from bert_tf.layers import quantization
from bert_tf.quantization.calibrate import Method, calibrate
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

WORDS = (*"abcdefgh,.!?中文", "the", "hen", "cow", "sees", "##s", "##a", "##b", "é", "ש", "##ל")
MAX_SEQ_LENGTH = 16
_LABELS = {"classification": ("no", "yes", "maybe"), "token_classification": ("B-X", "I-X", "O")}


def make(task="classification", dtype="float32", calibrated_on=(), **task_settings):
    """(task, model) with a deterministic tiny model; with ranges if there are texts for them."""
    vocabulary = Vocabulary((*SPECIAL_TOKENS, *WORDS))
    facts = ("text_pairs", "null_answers")
    found = {name: task_settings.pop(name) for name in facts if name in task_settings}
    if task in _LABELS:
        task_settings.setdefault("labels", _LABELS[task])
    if task in ("token_classification", "question_answering"):
        task_settings.setdefault("doc_stride", 4)
    if task == "question_answering":
        task_settings.setdefault("max_query_length", 5)
    config = ExperimentConfig(
        model=BertConfig(
            vocab_size=len(vocabulary) + 3,
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=MAX_SEQ_LENGTH,
            hidden_act="gelu",
        ),
        data=DataConfig(max_seq_length=MAX_SEQ_LENGTH),
        task=members.find("tasks", task).Config(**task_settings),
    )
    config.train.dtype = dtype
    facts = dataclasses.replace(config.task.given_facts(config.data), **found)
    made = make_task(config, WordPieceTokenizer(vocabulary), facts)
    with quantization.with_ranges(bool(calibrated_on)):
        model = made.build_model()
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if not quantization.is_range(weight.path):
            weight.assign(weight.numpy() + 0.3 * generator.standard_normal(weight.shape))
    if calibrated_on:
        calibrate(model, [made.encode(tf.constant(calibrated_on))], Method("max", largest_error=1))
    return made, model


@contextlib.contextmanager
def without_clean_process():
    """`export_saved_model` asks the model here: a clean process takes long. One test has that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_model, "_load_and_ask", _load_and_ask)
        yield


def export_in_this_process(*words):
    """`export_saved_model` without its clean process."""
    with without_clean_process():
        return saved_model.export_saved_model(*words)


def _load_and_ask(folder, inputs):
    outputs = tf.saved_model.load(folder).signatures["serving_default"](
        **{name: tf.constant(texts) for name, texts in inputs.items()}
    )
    return {name: value.numpy().tolist() for name, value in outputs.items()}


def fuzzed(count: int, seed: int) -> list[bytes]:
    """Texts of every kind, most of them not text."""
    generator = random.Random(seed)

    def one() -> bytes:
        kind = generator.randrange(6)
        length = generator.choice((0, 1, 3, 10, 40, 200))
        if kind == 0:
            return generator.randbytes(length)
        if kind == 1:
            return "".join(generator.choice(WORDS) + " " for _ in range(length)).encode()
        if kind == 2:
            tokens = (
                *SPECIAL_TOKENS,
                "##",
                "\x00",
                "\ufffd",
                "\u200f",
                "\u202e",
                "🙂",
                "👩‍👩‍👧",
                "ﷺ",
            )
            return "".join(generator.choice(tokens) for _ in range(length)).encode()
        points = [generator.choice((0x7F, 0x7FF, 0xFFFF, 0x10FFFF)) for _ in range(length)]
        text = "".join(chr(generator.randrange(1 + point)) for point in points)
        content = text.encode("utf-8", errors="surrogatepass")
        if kind == 3 and content:
            return content[: generator.randrange(len(content))]
        return content

    return [one() for _ in range(count)]
