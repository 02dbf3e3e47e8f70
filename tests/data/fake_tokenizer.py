"""A small tokenizer and corpora for the tests of pretraining data, written by hand."""

import numpy as np

from bert_tf.data.corpus.flat_corpus import Corpus
from bert_tf.data.examples.objective import Examples, Objective, Window, walk
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

WORDS = ["rain", "sun", "wind", "snow", "falls", "shines", "on", "the", "hill", "town", "."]
PIECES = ["##s", "##y", "##ing", "##fall"]
VOCABULARY = Vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *PIECES])
FIRST_WORD = 5


def tokenizer() -> Tokenizer:
    return WordPieceTokenizer(VOCABULARY)


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
