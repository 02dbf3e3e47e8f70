"""Turns chunks of text into tokens, for the builder and the workers of a cluster."""

import functools
from collections.abc import Callable, Sequence

from bert_tf.data.corpus import unknown_words
from bert_tf.data.corpus.excluded import ExcludedSentences
from bert_tf.data.corpus.flat_corpus import TokenizedChunk, tokenize_chunk
from bert_tf.data.masks import word_borders
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
    borders = (wanted.static_masks or {}).get("word_borders", word_borders.NONE)
    is_excluded = ExcludedSentences(excluded, tokenizer).contain if excluded else None
    if is_excluded and borders != word_borders.NONE:
        contain = is_excluded

        def is_excluded(tokens, lengths):
            return contain(tokens % len(tokenizer), lengths)

    return functools.partial(
        tokenize_chunk,
        tokenize=word_borders.tokenize_function(tokenizer, borders),
        unk_id=tokenizer.unk_id,
        token_type=wanted.token_type,
        skip_bad_records=skip_bad_records,
        is_excluded=is_excluded,
        find_unknown=functools.partial(unknown_words.find_unknown, tokenizer=tokenizer),
        # Running text is never truncated: the rest goes into the next example.
        longest=None if wanted.has_labels else tokenizer.layout.room(wanted.max_seq_length, 1),
    )
