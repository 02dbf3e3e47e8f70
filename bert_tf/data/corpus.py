"""Documents -> one flat array of tokens, with the borders of sentences and documents.

The form in which examples are cut: three arrays that can as well be memory-mapped files.
"""

import collections
import concurrent.futures
import dataclasses
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf

from bert_tf import progress

_SENTENCES_PER_BATCH = 4096


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Tokens of a corpus in order. Every sentence has a token, every document a sentence.

    Attributes:
        tokens: int32 [T].
        sentence_offsets: int64 [sentences + 1], into `tokens`.
        document_offsets: int64 [documents + 1], into the sentences.
        skipped_documents, skipped_sentences: how many held no token and were left out.
    """

    tokens: np.ndarray
    sentence_offsets: np.ndarray
    document_offsets: np.ndarray
    skipped_documents: int = 0
    skipped_sentences: int = 0

    @property
    def num_documents(self) -> int:
        """Documents with at least one token."""
        return len(self.document_offsets) - 1

    @property
    def num_sentences(self) -> int:
        """Sentences with at least one token."""
        return len(self.sentence_offsets) - 1


def tokenize_documents(
    documents: Iterable[list[str]], tokenize: Callable, num_workers: int = 1
) -> Corpus:
    """Tokenizes documents; the result does not depend on `num_workers`.

    Args:
        documents: lists of sentences, as `documents.read_documents` yields them.
        tokenize: string [N] -> int32 RaggedTensor [N, None], the `Tokenizer.tokenize` method.
        num_workers: threads (the work is done in TensorFlow ops, which run beside each other).
    """
    tokens, lengths, document_sizes = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)], []

    def tokenize_batch(sentences: list[str]) -> tuple[np.ndarray, np.ndarray]:
        ragged = tokenize(tf.constant(sentences, tf.string))
        return ragged.values.numpy().astype(np.int32), ragged.row_lengths().numpy()

    batches = _sentence_batches(documents, document_sizes)
    with progress.bar(unit="sentences", description="tokenizing") as bar:
        for values, row_lengths in map_in_order(tokenize_batch, batches, num_workers):
            tokens.append(values)
            lengths.append(row_lengths)
            bar.update(len(row_lengths))
    return _corpus(np.concatenate(tokens), np.concatenate(lengths), np.asarray(document_sizes))


def _sentence_batches(
    documents: Iterable[list[str]], document_sizes: list[int]
) -> Iterator[list[str]]:
    """Yields sentences in batches across document borders; notes the size of every document."""
    batch = []
    for document in documents:
        document_sizes.append(len(document))
        batch += document
        while len(batch) >= _SENTENCES_PER_BATCH:
            yield batch[:_SENTENCES_PER_BATCH]
            batch = batch[_SENTENCES_PER_BATCH:]
    if batch:
        yield batch


def _corpus(tokens: np.ndarray, lengths: np.ndarray, document_sizes: np.ndarray) -> Corpus:
    """Leaves out sentences without tokens, then documents without sentences."""
    document_of_sentence = np.repeat(np.arange(len(document_sizes)), document_sizes)
    kept = lengths > 0
    sizes = np.bincount(document_of_sentence[kept], minlength=len(document_sizes))
    return Corpus(
        tokens=tokens,
        sentence_offsets=_offsets(lengths[kept]),
        document_offsets=_offsets(sizes[sizes > 0]),
        skipped_documents=int(np.sum(sizes == 0)),
        skipped_sentences=int(np.sum(~kept)),
    )


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def map_in_order(function: Callable, items: Iterable, num_workers: int) -> Iterator:
    """`map` in threads: results in the order of the items, only a few items ahead in memory."""
    with concurrent.futures.ThreadPoolExecutor(num_workers) as pool:
        pending = collections.deque()
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > 2 * num_workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
