"""Each encoder of the family does what BERT does, through the scripts.

Encoders and capabilities are paired by turns, so that each meets some and all are met;
scripts/development/check_all.py tries every encoder with everything. The weights are random: what
pretraining asks of an encoder is in test_training.py.
"""

import dataclasses
import runpy

import numpy as np
import pytest

from bert_tf import model_folder
from bert_tf.tokenization.tokenizer import Tokenizer
from tests.checkpoints.models import make_checkpoint_of
from tests.export.models import without_clean_process
from tests.family import cases
from tests.family.pairs import Pair
from tests.family.test_family import close

# (encoder, tokenizer, task that is fine-tuned, form in which it is exported)
TURNS = [
    ("albert", cases.UNIGRAM, "pairs", "saved_model"),
    ("distilbert", cases.WORDPIECE, "classification", "litert"),
    ("electra", cases.WORDPIECE, "token_classification", "onnx"),
    ("roberta", cases.LETTERS, "question_answering", "saved_model"),
    ("xlm_roberta", cases.LETTERS, "pairs", "onnx"),
]


class UntrainedPair(Pair):
    """A pair whose masked LM has random weights."""

    def pretrained(self):
        """See `Pair`: a model folder."""
        folder = self.folder / "pretrained"
        if not folder.exists():
            config = runpy.run_path(str(self.config("pretraining")))["get_config"]()
            checkpoint = dataclasses.replace(
                make_checkpoint_of(config.model, "pretraining", next_sentence=False),
                tokenizer=Tokenizer.from_folder(str(self.texts / self.tokenizer)),
            )
            model_folder.save_checkpoint(str(folder), checkpoint, {})
        return folder


@pytest.fixture(scope="module", params=TURNS, ids=lambda turn: turn[0])
def turn(request, texts, tmp_path_factory):
    """(the pair of members, task, form)"""
    encoder, tokenizer, task, form = request.param
    return UntrainedPair(encoder, tokenizer, texts, tmp_path_factory.mktemp(encoder)), task, form


def test_a_task_is_learned_scored_answered_and_exported(turn):
    pair, task, form = turn
    pair.learned(task)
    line = pair.line(task)
    with without_clean_process():
        exported = pair.exported(task, form)
    assert close(pair.answer(exported, line), pair.answer(pair.model(task), line))


def test_features_of_every_layer_are_written(turn):
    pair, _, _ = turn
    first, *_ = pair.features()
    assert np.shape(first["layers"]) == (3, len(first["tokens"]), 16)
    assert np.abs(first["layers"]).max() > 0.1


def test_all_members_tasks_and_forms_have_their_turn():
    assert {turn[0] for turn in TURNS} | {cases.BERT, cases.TOY} == set(cases.ENCODERS)
    assert {turn[2] for turn in TURNS} == set(cases.TASKS)
    assert {turn[3] for turn in TURNS} == {"saved_model", "litert", "onnx"}
