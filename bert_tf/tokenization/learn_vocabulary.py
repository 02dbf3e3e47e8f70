"""Learns a WordPiece vocabulary from text: the same bytes on every run.

Pieces are merged as in byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909), as the trainer
of Hugging Face's `tokenizers` does too: the pair that occurs most often becomes a token, ties are
broken by the strings. Words come from the tokenizer's own normalisation and splitting.
"""

import collections
import concurrent.futures
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import progress
from bert_tf.tokenization.piece_merges import PieceMerges
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import CONTINUATION_PREFIX, SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.words import normalize, word_borders

_CHARACTERS_AT_A_TIME = 1_000_000
_WORDS_AT_A_TIME = 100_000


def count_words(texts: Iterable[str], do_lower_case: bool) -> collections.Counter[str]:
    """Counts words as the `Tokenizer` sees them: normalised, split at spaces and punctuation.

    Args:
      texts: any number of texts, read once; two megabytes of them are held at a time.
      do_lower_case: as the `Tokenizer` will be set.

    Returns:
      the number of occurrences of each word.
    """

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def find_words(texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        normalized = normalize(texts, do_lower_case=do_lower_case)
        joined = tf.strings.reduce_join(normalized, separator=" ")
        starts, ends = word_borders(joined[tf.newaxis])
        return joined, starts.values, ends.values

    counts = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(1) as graph:  # it runs while Python counts
        found = collections.deque()
        for batch in _batches(texts):
            found.append(graph.submit(find_words, tf.constant(batch)))
            if len(found) > 1:
                _count(counts, *found.popleft().result())
        for last in found:
            _count(counts, *last.result())
    return collections.Counter({word.decode("utf-8"): count for word, count in counts.items()})


def _count(
    counts: collections.Counter, joined: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor
) -> None:
    """Adds the words of a text; `starts` and `ends` are their borders in it, in bytes."""
    borders = map(slice, starts.numpy().tolist(), ends.numpy().tolist())
    counts.update(map(joined.numpy().__getitem__, borders))


def learn_vocabulary(
    word_counts: Mapping[str, int],
    vocab_size: int,
    *,
    min_frequency: int = 2,
    limit_alphabet: int = 1000,
) -> Vocabulary:
    """Learns a vocabulary: special tokens first, then the alphabet, then merges as they were made.

    Args:
      word_counts: how often each word occurs (`count_words`).
      vocab_size: the number of tokens wanted. Less come out, with a warning, if the corpus has no
        more pairs of `min_frequency`.
      min_frequency: pairs that occur less often do not become tokens.
      limit_alphabet: the number of different characters, the most frequent ones. Words with other
        characters will be [UNK] and are left out.

    Returns:
      the vocabulary, with [PAD] as id 0.

    Raises:
      ValueError: no words, or `vocab_size` too small for the special tokens and the alphabet.
    """
    alphabet = _most_frequent_characters(word_counts, limit_alphabet)
    words = sorted(word for word in word_counts if word and alphabet.issuperset(word))
    if not words:
        raise ValueError("there are no words to learn a vocabulary from; is the input empty?")
    tokens = [*SPECIAL_TOKENS, *_alphabet_tokens(words, alphabet)]
    if len(tokens) > vocab_size:
        raise ValueError(
            f"vocab_size is {vocab_size}, but the special tokens and the alphabet alone are "
            f"{len(tokens)} tokens; raise vocab_size or lower limit_alphabet ({limit_alphabet})"
        )
    pieces = PieceMerges(words, np.array([word_counts[word] for word in words]), tokens)
    with progress.bar(total=vocab_size, unit="tokens", description="learning vocabulary") as bar:
        bar.update(len(tokens))
        while len(tokens) < vocab_size and pieces.merge_best_pair(min_frequency):
            bar.update(1)
    if len(tokens) < vocab_size:
        logging.warning(
            "the text gives only %d tokens, not %d: no other pair of pieces occurs %d times or "
            "more. Use more text, or a smaller vocab_size.",
            len(tokens),
            vocab_size,
            min_frequency,
        )
    return Vocabulary(tokens, source="learnt vocabulary")


def measure_coverage(tokenizer: Tokenizer, word_counts: Mapping[str, int]) -> dict[str, float]:
    """How well a vocabulary fits counted words (normalised as this tokenizer normalises).

    Returns:
      `tokens_per_word`, and `unknown_share`, the share of words that are [UNK]; both count a word
      as often as it occurs.
    """
    words = list(word_counts)
    num_tokens = num_unknown = 0
    for i in range(0, len(words), _WORDS_AT_A_TIME):
        ids = tokenizer.tokenize(words[i : i + _WORDS_AT_A_TIME])
        counts = np.array([word_counts[word] for word in words[i : i + _WORDS_AT_A_TIME]])
        is_unknown = tf.reduce_any(ids == tokenizer.vocabulary.unk_id, axis=-1).numpy()
        num_tokens += int(counts @ ids.row_lengths().numpy())
        num_unknown += int(counts @ is_unknown)
    num_words = max(sum(word_counts.values()), 1)
    return {"tokens_per_word": num_tokens / num_words, "unknown_share": num_unknown / num_words}


def _most_frequent_characters(word_counts: Mapping[str, int], limit: int) -> set[str]:
    counts = collections.Counter()
    for word, count in word_counts.items():
        for character in word:
            counts[character] += count
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    if len(ranked) > limit:
        logging.info("%d of %d characters are rare and left out", len(ranked) - limit, len(ranked))
    return set(ranked[:limit])


def _alphabet_tokens(words: list[str], alphabet: set[str]) -> list[str]:
    """Every character as a word's beginning, and as a continuation if it was seen inside a word."""
    inside = set().union(*(word[1:] for word in words))
    return [*sorted(alphabet), *(CONTINUATION_PREFIX + c for c in sorted(inside))]


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch, size = [], 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _CHARACTERS_AT_A_TIME:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
