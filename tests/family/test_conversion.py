"""Heads of the toy encoder, and BERT with the toy tokenizer, in Hugging Face's format and back.

The weights are random: a conversion needs no training.
"""

import dataclasses

import pytest

from bert_tf.checkpoints import checkpoint
from bert_tf.tokenization.tokenizer import Tokenizer
from tests.checkpoints.models import (
    LETTERS,
    assert_same_weights,
    make_checkpoint,
    make_checkpoint_of,
)
from tests.family.toy_encoder import ToyConfig
from tests.family.toy_tokenizer import ToyTokenizer

TASKS = ("pretraining", "classification", "token_classification", "question_answering", "embedding")


def there_and_back(checkpoint_, folder):
    """The checkpoint with the toy tokenizer; the same as read from Hugging Face's format."""
    before = dataclasses.replace(checkpoint_, tokenizer=ToyTokenizer(LETTERS))
    checkpoint.write(before, str(folder / "there"), "hugging_face")
    return before, checkpoint.read(str(folder / "there"))


@pytest.mark.parametrize("task", TASKS)
def test_each_head_of_the_toy_comes_back(task, tmp_path):
    """The classifier of texts has a layer of its own, that of tokens has not."""
    made = make_checkpoint_of(ToyConfig(vocab_size=64), task, next_sentence=False)
    before, back = there_and_back(made, tmp_path)
    assert_same_weights(before, back)
    assert back.config == before.config and back.task.name == task
    assert getattr(back.facts, "labels", ()) == getattr(before.facts, "labels", ())
    own_layer = [path for path in back.weights if path.startswith("classifier/dense/")]
    assert len(own_layer) == (2 if task == "classification" else 0)


def test_a_bert_keeps_its_other_tokenizer(tmp_path):
    made = make_checkpoint("pretraining", next_sentence=False, use_pooler=False)
    before, back = there_and_back(made, tmp_path)
    assert_same_weights(before, back)
    assert type(back.tokenizer) is ToyTokenizer
    assert back.tokenizer.identity == before.tokenizer.identity
    saved = Tokenizer.from_folder(str(tmp_path / "there"))
    texts = ["a cat", "<mask>"]
    assert saved.tokenize(texts).to_list() == before.tokenizer.tokenize(texts).to_list()
