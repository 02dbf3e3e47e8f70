"""Examples of running text, for masked LM without pairs: as many whole sentences as fit.

Liu et al., "RoBERTa" (2019), section 4.2: "doc-sentences" end at the end of a document;
"full-sentences" continue in the next document, after an extra separator.
"""

from typing import Any

import numpy as np

from bert_tf.data.examples.objective import Examples, Objective, Window
from bert_tf.data.ranges import ranges


class FullSentences(Objective):
    """No label. Every sentence is in exactly one example; if it is too long, it loses its end.

    Args:
      cross_documents: whether an example continues in the next document.
      settings: see `Objective`.
    """

    num_texts = 1

    def __init__(self, *, cross_documents: bool = True, **settings: Any):
        super().__init__(**settings)
        self.cross_documents = cross_documents

    def following(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """See `Objective.following`."""
        sentences = np.arange(window.first, window.last)
        return self._end(window, sentences), np.ones(len(sentences), bool)

    def cut(self, window: Window, begins: np.ndarray) -> Examples:
        """Cuts examples with one span for each document."""
        end = self._end(window, begins)
        first_document, last_document = window.documents_of(begins), window.documents_of(end - 1)
        counts = last_document - first_document + 1
        documents = ranges(first_document, counts)
        begin_sentence = np.maximum(window.document_offsets[documents], np.repeat(begins, counts))
        end_sentence = np.minimum(window.document_offsets[documents + 1], np.repeat(end, counts))
        token_begins = window.tokens_before(begin_sentence)
        lengths = window.tokens_before(end_sentence) - token_begins
        cut_tokens = np.maximum(window.tokens_before(end) - window.tokens_before(begins), 0)
        cut_tokens = np.where(counts == 1, np.maximum(cut_tokens - self.max_tokens, 0), 0)
        return Examples(
            layout=self.layout,
            between=self.layout.between_documents,
            begins=token_begins,
            lengths=np.minimum(lengths, self.max_tokens),
            is_second=np.zeros(len(lengths), bool),
            counts=counts,
            labels=np.zeros(len(begins), np.int32),
            cut_tokens=cut_tokens,
        )

    def _end(self, window: Window, sentences: np.ndarray) -> np.ndarray:
        """The end of the sentences that fit, with separators at every document border."""
        width = len(self.layout.between_documents)
        # Before the k-th border of sentences: the tokens, and the documents begun until then.
        borders = np.arange(window.first + 1, window.first + len(window.offsets))
        separators = width * window.documents_of(borders - 1) if self.cross_documents else 0
        filled = window.offsets[1:] + separators
        room = window.tokens_before(sentences) + self.targets(sentences)
        if self.cross_documents:
            room = room + width * window.documents_of(sentences)
        end = window.first + np.searchsorted(filled, room, side="right")
        if not self.cross_documents:
            end = np.minimum(end, window.document_offsets[window.documents_of(sentences) + 1])
        return np.maximum(end, sentences + 1)
