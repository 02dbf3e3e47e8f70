"""What the tests of the family and scripts/development/check_all.py run members on: small texts for
every task, a tokenizer of every kind, a config file for every encoder.

Words have three letters, so that a tokenizer that cuts words into characters gets by with rows of
40 tokens.
"""

import itertools
import json
import pathlib
import random

from bert_tf import members
from bert_tf.tokenization import byte_pair, learn_byte_pair, learn_sentence_piece
from bert_tf.tokenization.learn_vocabulary import count_words, learn_vocabulary
from tests.family import toy_encoder, toy_tokenizer

BERT, TOY = "bert", toy_encoder.__name__
ENCODERS = (*members.known("models"), TOY)
WORDPIECE, LETTERS, BYTE_PAIR = "wordpiece", toy_tokenizer.__name__, "byte_pair"
UNIGRAM = "sentence_piece"
TOKENIZERS = WORDPIECE, LETTERS, BYTE_PAIR, UNIGRAM
MEMBERS = f"--members={TOY},{LETTERS}"

BIRDS = ("hen", "owl", "jay", "emu")
BEASTS = ("cat", "dog", "cow", "pig", "fox", "rat")
VERBS = ("saw", "bit", "fed", "met", "led")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz.?"

LENGTH = 40
# By task: its settings, and the files it is trained and evaluated on.
TASKS = {
    "classification": ('classification.Config(classifier_pooling="mean")', "{}.tsv"),
    "pairs": ('classification.Config(classifier_pooling="cls")', "{}_pairs.tsv"),
    "token_classification": ("token_classification.Config()", "{}.conll"),
    "question_answering": ("question_answering.Config(max_query_length=14)", "{}.json"),
}
PRETRAINING = "pretraining.Config(next_sentence=False, max_predictions_per_seq=6)"
# What predict.py is asked, a line for each task.
LINES = {
    "pretraining": "the c? saw ?",  # with the mask token in place of the question marks
    "classification": "hen saw cat.",
    "pairs": "hen saw cat.\then met owl.",
    "token_classification": "cow met a zebra.",
    "question_answering": json.dumps({"question": "who saw cat", "context": "hen saw cat."}),
}
_SHAPE = (
    "vocab_size=300, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, "
    "intermediate_size=32, max_position_embeddings=64"
)
# Dropout as the models have it; the default ALBERT has none.
_SHAPES = {
    BERT: f"bert.Config({_SHAPE})",
    "albert": f"albert.Config({_SHAPE}, embedding_size=8, hidden_dropout_prob=0.1)",
    "distilbert": "distilbert.Config(vocab_size=300, dim=16, n_layers=2, n_heads=2, "
    "hidden_dim=32, max_position_embeddings=64)",
    "electra": f"electra.Config({_SHAPE}, embedding_size=8)",
    "roberta": f"roberta.Config({_SHAPE})",
    "xlm_roberta": f"xlm_roberta.Config({_SHAPE})",
    TOY: "toy_encoder.Config(vocab_size=300)",
}
_CONFIG = '''"""Tiny, for tests."""
from bert_tf.config import *
from bert_tf.models import albert, bert, distilbert, electra, roberta, xlm_roberta
from bert_tf.tasks import (
    classification,
    embedding,
    pretraining,
    question_answering,
    token_classification,
)
from tests.family import toy_encoder


def get_config():
    return ExperimentConfig(
        model={model},
        data=DataConfig(max_seq_length={length}),
        task={task},
        optimizer=OptimizerConfig(learning_rate=1e-3, bias_correction=True),
        train=TrainConfig(global_batch_size=8, num_train_steps=4, steps_per_loop=2),
    )
'''

# Keys of an answer.
ANSWERS = {
    "pretraining": {"masks"},
    "classification": {"label", "probabilities"},
    "pairs": {"label", "probabilities"},
    "token_classification": {"entities"},
    "question_answering": {"answer"},
}


def _sentences(generator: random.Random, subject: str, count: int) -> list[str]:
    animals = BIRDS + BEASTS
    return [
        f"{subject} {generator.choice(VERBS)} {generator.choice(animals)}." for _ in range(count)
    ]


def write_texts(folder: pathlib.Path) -> None:
    """A file of each kind that a task or a script reads; small, always the same."""
    generator = random.Random(0)
    subjects = [generator.choice(BIRDS + BEASTS) for _ in range(40)]
    documents = [_sentences(generator, subject, 6) for subject in subjects]
    lines = ["\n".join(document) for document in documents]
    (folder / "train.txt").write_text("\n\n".join(lines[:30]) + "\n")
    (folder / "valid.txt").write_text("\n\n".join(lines[30:]) + "\n")
    every = [(s, sentence) for s, d in zip(subjects, documents, strict=True) for sentence in d]
    for name, rows in (("train", every[:64]), ("dev", every[64:85])):
        _write_labelled(folder, name, rows)
        (folder / f"{name}.conll").write_text("\n\n".join(_tagged(s) for _, s in rows) + "\n")
        (folder / f"{name}.json").write_text(json.dumps(_questions(rows)))
    (folder / "lines.txt").write_text("hen saw cat.\n\ncow met a \u00fcber zebra.\n")


def _write_labelled(folder: pathlib.Path, name: str, rows: list[tuple[str, str]]) -> None:
    labelled = [f"{text}\t{'bird' if subject in BIRDS else 'beast'}" for subject, text in rows]
    (folder / f"{name}.tsv").write_text("\n".join(["sentence\tlabel", *labelled]) + "\n")
    pairs = zip(rows, rows[1:] + rows[:1], strict=True)
    judged = [f"{a}\t{b}\t{'yes' if s == t else 'no'}" for (s, a), (t, b) in pairs]
    header = "sentence1\tsentence2\tlabel"
    (folder / f"{name}_pairs.tsv").write_text("\n".join([header, *judged]) + "\n")


def _tagged(sentence: str) -> str:
    def tag(word: str) -> str:
        return "B-BIRD" if word in BIRDS else "B-BEAST" if word in BEASTS else "O"

    words = [*sentence.removesuffix(".").split(), "."]
    return "\n".join(f"{word} {tag(word)}" for word in words)


def _questions(rows: list[tuple[str, str]]) -> dict:
    """SQuAD's form: `who saw cat?` of `hen saw cat. dog bit fox.`"""
    numbers = itertools.count()

    def paragraph(text: str, subject: str) -> dict:
        answer = {"text": subject, "answer_start": 0}
        question = "who " + " ".join(text.removesuffix(".").split()[1:]) + "?"
        asked = {"id": str(next(numbers)), "question": question, "answers": [answer]}
        return {"context": f"{text} all is as it was.", "qas": [asked]}

    paragraphs = [paragraph(text, subject) for subject, text in rows]
    return {"version": "1.1", "data": [{"title": "farm", "paragraphs": paragraphs}]}


def write_tokenizers(folder: pathlib.Path) -> None:
    """A tokenizer of each kind, in a folder of the name of its kind."""
    toy_tokenizer.Tokenizer(_ALPHABET).save(str(folder / LETTERS))
    text = (folder / "train.txt").read_text().splitlines()
    vocabulary = learn_vocabulary(count_words(text, True), 100, min_frequency=1)
    (folder / WORDPIECE).mkdir()
    vocabulary.save(str(folder / WORDPIECE / "vocab.txt"))
    byte_pairs = learn_byte_pair.learn(text, 290)
    byte_pair.BytePairTokenizer(byte_pairs).save(str(folder / BYTE_PAIR))
    learn_sentence_piece.learn(text, 90, family="albert").save(str(folder / UNIGRAM))


def write_config(path: pathlib.Path, encoder: str, task: str) -> None:
    """A config file for `--config`: the encoder with this name, the task as Python says it."""
    path.write_text(_CONFIG.format(model=_SHAPES[encoder], task=task, length=LENGTH))
