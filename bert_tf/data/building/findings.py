"""Warns of unusual text or examples while the data set is built, even without a report.

Each warning says what was found, the most frequent cause, and what to do.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from absl import logging

from bert_tf.data.corpus.flat_corpus import Corpus
from bert_tf.data.corpus.token_hashes import hash_stretches
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.report.checks import one_label_hint

_REPEATED = 0.1  # share of the lines
_ONE_LABEL = 0.9  # share of the examples
_CUT_AWAY = 0.25  # share of truncated tokens; more is a warning
MOST_CUT_AWAY = 0.5  # share of truncated tokens; more is an error
_MOST_HASHES = 1 << 20  # kept at a time
_SENTENCES_PER_READ = 1 << 16


def check_lengths(open_corpus: Callable[[], Corpus], room: int, may_truncate: bool) -> None:
    """Refuses text if examples cannot hold most of it.

    Args:
      open_corpus: opens the tokens of the text.
      room: the most tokens of one sentence in an example.
      may_truncate: the user allows it.

    Raises:
      ValueError: more than half of the tokens come after the first `room` tokens of their sentence.
    """
    offsets = open_corpus().sentence_offsets
    cut = longest = 0
    for begin in range(0, len(offsets) - 1, _SENTENCES_PER_READ):
        lengths = np.diff(offsets[begin : begin + _SENTENCES_PER_READ + 1])
        cut += int(np.maximum(lengths - room, 0).sum())
        longest = max(longest, int(lengths.max()))
    total = int(offsets[-1])
    if cut > MOST_CUT_AWAY * total and not may_truncate:
        raise ValueError(
            f"{cut / total:.0%} of all {total:,} tokens would be cut away: an example holds {room} "
            f"tokens of a sentence, the longest has {longest:,}. Put every sentence on its own "
            "line, or pass --input_format=prose, which finds sentences, or --objective=none, which "
            "cuts nothing away, or --allow_truncation"
        )


def warn(manifest: Manifest, open_corpus: Callable[[], Corpus]) -> None:
    """Logs a warning for everything unusual in a new data set.

    Args:
      manifest: the manifest of the data set, with counts.
      open_corpus: opens the tokens of its text.
    """
    for sentence in (*_of_counts(manifest), *_of_repetition(open_corpus)):
        logging.warning("%s", sentence)


def _of_counts(manifest: Manifest) -> Iterator[str]:
    counts = manifest.counts
    per_document = counts["sentences"] / max(counts["documents"], 1)
    for name, label in (("examples_random_next", "random next"), ("examples_swapped", "swapped")):
        share = counts.get(name, 0) / max(counts["examples"], 1)
        if name in counts and not 1 - _ONE_LABEL <= share <= _ONE_LABEL:
            yield (
                f"{share:.1%} of the examples have the label {label!r}, so the head for pairs "
                f"learns nothing: {one_label_hint(per_document)}"
            )
    share = counts["tokens_truncated"] / max(counts["tokens"] * manifest.dupe_factor, 1)
    if share > _CUT_AWAY:
        yield (
            f"{share:.0%} of the tokens were cut away, because examples were longer than "
            f"--max_seq_length={manifest.max_seq_length}: is every sentence on its own line?"
        )


def _of_repetition(open_corpus: Callable[[], Corpus]) -> Iterator[str]:
    share = repeated_share(open_corpus())
    if share > _REPEATED:
        yield (
            f"{share:.0%} of the lines repeat other lines: --deduplicate=exact "
            "--deduplicate_unit=sentence removes them"
        )


def repeated_share(corpus: Corpus) -> float:
    """The share of sentences whose tokens equal those of an earlier sentence.

    Exact for up to `_MOST_HASHES` different sentences. For more, it is measured on a sample: the
    sentences whose hash ends in a number of zero bits. Equal sentences have equal hashes, so the
    sample has all or none of them.
    """
    kept, seen, bits = np.zeros(0, np.uint64), np.zeros(0, np.int64), np.uint64(0)
    for begin in range(0, corpus.num_sentences, _SENTENCES_PER_READ):
        offsets = np.asarray(corpus.sentence_offsets[begin : begin + _SENTENCES_PER_READ + 1])
        lengths = np.diff(offsets)
        tokens = corpus.take_tokens(offsets[:1], offsets[-1:] - offsets[:1])
        new = hash_stretches(tokens, lengths)
        new = new[new & bits == 0]
        kept, inverse = np.unique(np.concatenate([kept, new]), return_inverse=True)
        seen = np.bincount(
            inverse, np.concatenate([seen, np.ones(len(new), np.int64)]), len(kept)
        ).astype(np.int64)
        while len(kept) > _MOST_HASHES:
            bits = bits << np.uint64(1) | np.uint64(1)
            seen, kept = seen[kept & bits == 0], kept[kept & bits == 0]
    return 1 - len(kept) / max(int(seen.sum()), 1)


def check_unchanged(before: list[Mapping], now: list[Mapping]) -> None:
    """Raises ValueError if files of the input changed after the build began.

    Args:
      before, now: entries of the manifest, with `file`, `bytes` and `sha256`.
    """
    for old, new in zip(before, now, strict=True):
        if old != new:
            raise ValueError(
                f"{old['file']} changed while it was read (from {old['bytes']:,} to "
                f"{new['bytes']:,} bytes, or other content). Run the command again when no program "
                "writes to the file"
            )
