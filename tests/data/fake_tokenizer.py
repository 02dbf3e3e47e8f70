"""A small tokenizer and corpora for the tests of pretraining data, written by hand."""

import dataclasses

import numpy as np

from bert_tf.data.batches.pretraining import make_pretraining_dataset
from bert_tf.data.building import builder
from bert_tf.data.building.settings import DataSettings
from bert_tf.data.corpus.flat_corpus import Corpus
from bert_tf.data.examples.objective import Examples, Objective, Window, walk
from bert_tf.data.masks.masking import Masker
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.mixing import Mixture
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

WORDS = ["rain", "sun", "wind", "snow", "falls", "shines", "on", "the", "hill", "town", "."]
PIECES = ["##s", "##y", "##ing", "##fall"]
VOCABULARY = Vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *PIECES])
FIRST_WORD = 5


TOKENIZER = WordPieceTokenizer(VOCABULARY)
LAYOUT = TOKENIZER.layout


def tokenizer() -> Tokenizer:
    return WordPieceTokenizer(VOCABULARY)


def build_data(text, folder, tokenizer: Tokenizer = TOKENIZER, **settings) -> Manifest:
    """Calls the builder with settings of the data and of the run together."""
    names = {field.name for field in dataclasses.fields(DataSettings)}
    of_data = {name: value for name, value in settings.items() if name in names}
    of_run = {name: value for name, value in settings.items() if name not in names}
    data_settings = DataSettings(**of_data)
    return builder.create_pretraining_data(text, tokenizer, str(folder), data_settings, **of_run)


def make_dataset(data, batch_slice, tokenizer: Tokenizer = TOKENIZER, **settings):
    """Calls the reader with settings of masks and of reading together; `data` as for a script."""
    names = {field.name for field in dataclasses.fields(Masker)}
    of_masks = {name: value for name, value in settings.items() if name in names}
    of_reading = {name: value for name, value in settings.items() if name not in names}
    return make_pretraining_dataset(
        Mixture.open(str(data)),
        Masker(tokenizer, **of_masks),
        batch_slice=batch_slice,
        **of_reading,
    )


def random_corpus(seed: int, sizes: list[int], vocab_size: int, max_length: int = 30) -> Corpus:
    """Documents of `sizes` sentences of 1 to `max_length` random tokens that are not special."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, max_length + 1, sum(sizes))
    return Corpus(
        tokens=generator.integers(FIRST_WORD, vocab_size, lengths.sum()).astype(np.int32),
        sentence_offsets=np.concatenate([[0], np.cumsum(lengths)]),
        document_offsets=np.concatenate([[0], np.cumsum(sizes)]),
    )


def document_of(corpus: Corpus, token: int) -> int:
    """The document that a token belongs to."""
    sentence = np.searchsorted(corpus.sentence_offsets, token, side="right") - 1
    return int(np.searchsorted(corpus.document_offsets, sentence, side="right") - 1)


def cut_all(maker: Objective, corpus: Corpus) -> tuple[Examples, int]:
    """All examples of a corpus, and how many sentences begin none."""
    window = Window.of(corpus, 0, corpus.num_sentences, maker.lookahead)
    following, is_example = maker.following(window)
    begins, _ = walk(0, corpus.num_sentences, 0, following)
    left_out = np.count_nonzero(~is_example[begins])
    return maker.cut(window, begins[is_example[begins]]), left_out


def sentences(seed: int, count: int) -> list[str]:
    """Random sentences of the vocabulary's words."""
    generator = np.random.default_rng(seed)
    return [
        " ".join(generator.choice(WORDS[:-1], generator.integers(2, 9))) + "." for _ in range(count)
    ]
