"""Chunks of text into tokens, as the builder and the workers of a cluster do it."""

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
    """The function chunk -> tokens of a data set; several threads may call it.

    Args:
      tokenizer: of the data set.
      wanted: its settings.
      excluded: files of held-out text, whose sentences are left out.
      skip_bad_records: see `documents.parse`, also for the errors.
    """
    # As one function: op by op, Python's lock would keep the threads from running together.
    signature = [tf.TensorSpec([None], tf.string)]
    return functools.partial(
        tokenize_chunk,
        tokenize=tf.function(tokenizer.tokenize, input_signature=signature, autograph=False),
        unk_id=tokenizer.unk_id,
        token_type=wanted.token_type,
        skip_bad_records=skip_bad_records,
        is_excluded=ExcludedSentences(excluded, tokenizer).contain if excluded else None,
        find_unknown=functools.partial(unknown_words.find_unknown, tokenizer=tokenizer),
        # Running text is never cut away: what does not fit goes on in the next example.
        longest=None if wanted.has_labels else tokenizer.layout.room(wanted.max_seq_length, 1),
    )
