"""Turns chunks of text into tokens, for the builder and the workers of a cluster."""

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from bert_tf.data.corpus import unknown_words
from bert_tf.data.corpus.excluded import ExcludedSentences
from bert_tf.data.corpus.flat_corpus import TokenizedChunk, tokenize_chunk
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.text import sources
from bert_tf.tokenization.tokenizer import Tokenizer


def make_chunk_tokenizer(
    tokenizer: Tokenizer,
    wanted: Manifest,
    excluded: Sequence[str] = (),
    *,
    skip_bad_records: bool = False,
) -> Callable[[sources.Chunk], TokenizedChunk]:
    """Returns the function chunk -> tokens of a data set. Several threads can call it.

    Args:
      tokenizer: the tokenizer of the data set.
      wanted: the settings of the data set.
      excluded: files of held-out text; their sentences are left out.
      skip_bad_records: see `documents.parse`, which also lists the errors.
    """
    # One graph: op by op, Python's lock would keep the threads from running in parallel.
    signature = [tf.TensorSpec([None], tf.string)]
    return functools.partial(
        tokenize_chunk,
        tokenize=tf.function(tokenizer.tokenize, input_signature=signature, autograph=False),
        unk_id=tokenizer.unk_id,
        token_type=wanted.token_type,
        skip_bad_records=skip_bad_records,
        is_excluded=ExcludedSentences(excluded, tokenizer).contain if excluded else None,
        find_unknown=functools.partial(unknown_words.find_unknown, tokenizer=tokenizer),
        # Running text is never truncated: the rest goes into the next example.
        longest=None if wanted.has_labels else tokenizer.layout.room(wanted.max_seq_length, 1),
    )
