"""Next-sentence examples: pairs of texts A and B; half of the Bs follow A in the text.

It is the algorithm of google-research/bert (create_pretraining_data.py), with two differences:

* The other document is drawn uniformly from all others of the corpus, as in the paper; the original
  draws from the same file.
* Each example draws whether it is short. The original draws once per document, so a book could
  become thousands of two-token examples.
"""

import numpy as np

from bert_tf.data import hashing
from bert_tf.data.corpus.flat_corpus import Corpus
from bert_tf.data.examples.objective import Examples, Objective, Window, truncate


class NextSentence(Objective):
    """Label 1: B is from another document; 0: B follows A.

    Every sentence is in exactly one example, in A or in the B that follows it. A pair that is too
    long loses tokens of the longer text, from a random end.
    """

    label_name = "examples_random_next"

    def check(self, corpus: Corpus) -> None:
        """Raises ValueError for a single document, because B must come from another."""
        if corpus.num_documents < 2:
            raise ValueError(
                f"the input has {corpus.num_documents} document(s) with text; next-sentence "
                "examples need at least 2, because half of the second sentences come from another "
                "document. Give more files, separate documents by a blank line (lines format) or "
                "write one document per line (jsonl format)"
            )

    def following(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """The next example begins after A if B is random, otherwise after B."""
        sentences = np.arange(window.first, window.last)
        _, a_end, end, is_random = self._ends(window, sentences)
        return np.where(is_random, a_end, end), np.ones(len(sentences), bool)

    def cut(self, window: Window, begins: np.ndarray) -> Examples:
        """See `Objective.cut`."""
        target, a_end, end, is_random = self._ends(window, begins)
        token = window.tokens_before
        a_begin, b_begin = token(begins), token(a_end)
        a_length, b_length = b_begin - a_begin, token(end) - b_begin
        b_begin[is_random], b_length[is_random] = self._random_stretches(
            window,
            begins[is_random],
            (target - a_length)[is_random],
        )
        a_kept, b_kept = truncate(a_length, b_length, self.max_tokens)
        a_begin += self.heads(begins, hashing.STREAM_CUT_FIRST, a_length - a_kept)
        b_begin += self.heads(begins, hashing.STREAM_CUT_SECOND, b_length - b_kept)
        num_examples = len(begins)
        return Examples(
            layout=self.layout,
            between=self.layout.between,
            begins=np.stack([a_begin, b_begin], axis=1).reshape(-1),
            lengths=np.stack([a_kept, b_kept], axis=1).reshape(-1),
            is_second=np.tile([False, True], num_examples),
            counts=np.full(num_examples, 2),
            labels=is_random.astype(np.int32),
            cut_tokens=a_length + b_length - a_kept - b_kept,
        )

    def _ends(
        self, window: Window, sentences: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Target length in tokens, end of A, end of A with the text after it, is B random."""
        target = self.targets(sentences)
        end = window.end_of(sentences, target)
        num_splits = end - sentences - 1
        a_end = sentences + 1 + self.below(sentences, hashing.STREAM_SPLIT, num_splits)
        is_random = self.chance(sentences, hashing.STREAM_LABEL, 0.5) | (a_end == end)
        return target, a_end, end, is_random

    def _random_stretches(
        self, window: Window, sentences: np.ndarray, num_tokens: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws sentences of another document, with at least `num_tokens` tokens if it has them.

        Returns where they begin in the tokens, and their number of tokens.
        """
        corpus = window.corpus
        own = window.documents_of(sentences) + window.first_document
        other = self._below_any(sentences, corpus.num_documents - 1)
        other += other >= own  # uniform over all documents but this one
        first, end = corpus.document_offsets[other], corpus.document_offsets[other + 1]
        begin = first + self.below(sentences, hashing.STREAM_OTHER_SENTENCE, end - first)
        offsets = corpus.sentence_offsets
        begin_token = offsets[begin]
        found = np.searchsorted(offsets, begin_token + num_tokens, side="left")
        return begin_token, offsets[np.clip(found, begin + 1, end)] - begin_token

    def _below_any(self, sentences: np.ndarray, limit: int) -> np.ndarray:
        """Uniform over 0..limit-1, for a limit of up to 2**53."""
        high = self.draw(sentences, hashing.STREAM_OTHER_DOCUMENT).astype(np.int64)
        low = self.draw(sentences, hashing.STREAM_OTHER_DOCUMENT_LOW).astype(np.int64)
        share = ((high << 21) | (low >> 11)) * 2.0**-53
        return (share * limit).astype(np.int64)
