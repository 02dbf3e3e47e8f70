"""Sentence-order examples: pairs of consecutive texts; half of the pairs are swapped.

Lan et al., "ALBERT" (2019), section 3.1. Both texts are from one document, so a model can learn
only the order. (If a document has only one sentence left, Google's code takes B from another
document; here that sentence is cut in two.)
"""

import numpy as np

from bert_tf.data import hashing
from bert_tf.data.examples.objective import Examples, Objective, Window, truncate


class SentenceOrder(Objective):
    """Label 1: the two segments are swapped; 0: they are in the order of the text.

    Every sentence is in exactly one example. The exception is a single last sentence of one token:
    it cannot be cut in two and is left out.
    """

    label_name = "examples_swapped"

    def following(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """See `Objective.following`."""
        sentences = np.arange(window.first, window.last)
        end = self._end(window, sentences)
        num_tokens = window.tokens_before(end) - window.tokens_before(sentences)
        return end, num_tokens > 1

    def cut(self, window: Window, begins: np.ndarray) -> Examples:
        """See `Objective.cut`."""
        end = self._end(window, begins)
        first, stop = window.tokens_before(begins), window.tokens_before(end)
        middle = self._middle(window, begins, end)
        lengths = np.stack([middle - first, stop - middle])
        kept = np.stack(truncate(*lengths, self.max_tokens))
        starts = np.stack([first, middle])
        starts[0] += self.heads(begins, hashing.STREAM_CUT_FIRST, lengths[0] - kept[0])
        starts[1] += self.heads(begins, hashing.STREAM_CUT_SECOND, lengths[1] - kept[1])
        is_swapped = self.chance(begins, hashing.STREAM_LABEL, 0.5)
        starts[:, is_swapped] = starts[::-1, is_swapped]
        cut_tokens = (lengths - kept).sum(axis=0)
        kept[:, is_swapped] = kept[::-1, is_swapped]
        return Examples(
            layout=self.layout,
            between=self.layout.between,
            begins=starts.T.reshape(-1),
            lengths=kept.T.reshape(-1),
            is_second=np.tile([False, True], len(begins)),
            counts=np.full(len(begins), 2),
            labels=is_swapped.astype(np.int32),
            cut_tokens=cut_tokens,
        )

    def _end(self, window: Window, sentences: np.ndarray) -> np.ndarray:
        """The end of the example: after at least two sentences, if the document has them."""
        end = window.end_of(sentences, self.targets(sentences))
        document_end = window.document_offsets[window.documents_of(sentences) + 1]
        return np.minimum(np.maximum(end, sentences + 2), document_end)

    def _middle(self, window: Window, begins: np.ndarray, end: np.ndarray) -> np.ndarray:
        """The token at which the second segment begins: at a border of sentences if possible."""
        is_single = end - begins == 1
        first, stop = window.tokens_before(begins), window.tokens_before(end)
        choices = np.where(is_single, stop - first, end - begins) - 1
        chosen = 1 + self.below(begins, hashing.STREAM_SPLIT, choices)
        border = window.tokens_before(np.where(is_single, begins, begins + chosen))
        return np.where(is_single, first + chosen, border)
