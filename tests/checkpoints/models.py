"""Small random checkpoints for the tests: every weight random, biases and LayerNorms too."""

import dataclasses

import numpy as np

from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.checkpoints.found_task import found_task
from bert_tf.checkpoints.mapping import Weights
from bert_tf.config.experiment import DataConfig
from bert_tf.models.bert import BertConfig
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + i) for i in range(26)]
VOCABULARY = Vocabulary([*SPECIAL_TOKENS, *LETTERS, *(f"##{c}" for c in LETTERS), "cat", "dog"])
IDS = np.array([[2, 5, 6, 31, 3, 9, 3], [2, 57, 58, 3, 0, 0, 0]], np.int32)
MASK = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]], np.int32)
SEGMENTS = np.array([[0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0, 0]], np.int32)
BATCH = {"input_ids": IDS, "input_mask": MASK, "segment_ids": SEGMENTS}

LABELS = {"classification": ("no", "yes", "who knows"), "token_classification": ("O", "B", "I")}


def make_config(**changes) -> BertConfig:
    """2 layers of 32, 64 tokens: more than the vocabulary has."""
    values = {
        "vocab_size": 64,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": 16,
        "hidden_act": "gelu_new",
    }
    return BertConfig(**{**values, **changes})


def make_checkpoint(task="pretraining", *, next_sentence=True, seed=0, **changes) -> Checkpoint:
    """A checkpoint of a BERT with the head of `task`."""
    return make_checkpoint_of(make_config(**changes), task, next_sentence=next_sentence, seed=seed)


def make_checkpoint_of(config, task, *, next_sentence=True, seed=0) -> Checkpoint:
    """A checkpoint of an encoder with the head of `task`, every weight random."""
    task_config = found_task(
        task,
        next_sentence=next_sentence,
        labels=LABELS.get(task, ()),
        classifier_dropout_prob=0.3,
    )
    tokenizer = WordPieceTokenizer(VOCABULARY, max_input_chars_per_word=100)
    data = DataConfig(max_seq_length=16)
    checkpoint = Checkpoint("made", config, task_config, Weights({}), tokenizer, data)
    random = np.random.default_rng(seed)
    arrays = {}
    for path, shape in checkpoint.variables().shapes.items():
        centre = 1.0 if path.endswith("gamma") else 0.0
        arrays[path] = random.normal(centre, 0.3, shape).astype(np.float32)
    readers = {path: lambda array=array: array for path, array in arrays.items()}
    return dataclasses.replace(checkpoint, weights=Weights(readers))


def assert_same_weights(one, other) -> None:
    """The same paths, and every array equal bit for bit."""
    assert set(one.weights) == set(other.weights)
    for path, array in one.weights.items():
        np.testing.assert_array_equal(array, other.weights[path], err_msg=path)


def outputs_of(model) -> dict:
    """{output: array} of a model for BATCH, with every layer's hidden states."""
    encoder = getattr(model, "encoder", model)
    found = encoder(**BATCH, output_hidden_states=True)
    found |= model(BATCH) if encoder is not model else {}
    return {
        name: np.stack(value) if isinstance(value, list) else value.numpy()
        for name, value in found.items()
    }
