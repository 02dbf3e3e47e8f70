"""The texts and the pairs of members that the tests of the family share."""

import pytest

from tests.family import cases
from tests.family.pairs import Pair


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    """A folder with the files of `cases`."""
    folder = tmp_path_factory.mktemp("texts")
    cases.write_texts(folder)
    cases.write_tokenizers(folder)
    return folder


@pytest.fixture(scope="session")
def toys(texts, tmp_path_factory):
    """The second encoder with the second tokenizer."""
    return Pair(cases.TOY, cases.LETTERS, texts, tmp_path_factory.mktemp("toys"))


@pytest.fixture(scope="session")
def toy_encoder(texts, tmp_path_factory):
    """The second encoder with WordPiece."""
    return Pair(cases.TOY, cases.WORDPIECE, texts, tmp_path_factory.mktemp("toy_encoder"))


@pytest.fixture(scope="session")
def toy_tokenizer(texts, tmp_path_factory):
    """BERT with the second tokenizer."""
    return Pair(cases.BERT, cases.LETTERS, texts, tmp_path_factory.mktemp("toy_tokenizer"))


@pytest.fixture(scope="session")
def byte_pairs(texts, tmp_path_factory):
    """RoBERTa with a byte-level BPE."""
    return Pair("roberta", cases.BYTE_PAIR, texts, tmp_path_factory.mktemp("byte_pairs"))


@pytest.fixture(scope="session")
def unigrams(texts, tmp_path_factory):
    """ALBERT with a SentencePiece unigram."""
    return Pair("albert", cases.UNIGRAM, texts, tmp_path_factory.mktemp("unigrams"))
