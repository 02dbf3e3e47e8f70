"""Sentences that the training data must not contain, because models are evaluated on them."""

import itertools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from bert_tf.data.corpus.token_hashes import hash_stretches
from bert_tf.data.text import documents
from bert_tf.tokenization.tokenizer import Tokenizer

_TEXTS_PER_BATCH = 4096


class ExcludedSentences:
    """The sentences of some files, as hashes of their tokens (8 bytes each in memory).

    Two sentences are equal if their tokens are equal. Letter case, accents and spaces do not matter
    if the tokenizer does not keep them.

    Args:
      files: from `documents.expand_globs`. Excludes the sentences in their text and also each whole
        line (or record), because a line of one corpus can be two sentences of another.
      tokenizer: the tokenizer of the corpus.

    Raises:
      ValueError: as in `documents.read_documents`.
    """

    def __init__(self, files: Sequence[str], tokenizer: Tokenizer):
        found = [np.zeros(0, np.uint64)]
        texts = documents.read_texts(files)
        while batch := list(itertools.islice(texts, _TEXTS_PER_BATCH)):
            batch += [s for text in batch for s in documents.split_sentences(text)]
            ragged = tokenizer.tokenize(tf.constant(batch))
            lengths = ragged.row_lengths().numpy()
            found.append(np.unique(hash_stretches(ragged.values.numpy(), lengths[lengths > 0])))
        self._hashes = np.unique(np.concatenate(found))

    def contain(self, tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Bool [N]: which of the N concatenated sentences must be left out."""
        is_excluded = np.zeros(len(lengths), bool)
        if len(self._hashes):
            hashes = hash_stretches(tokens, lengths[lengths > 0])
            places = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
            is_excluded[lengths > 0] = self._hashes[places] == hashes
        return is_excluded
