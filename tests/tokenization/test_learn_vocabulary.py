"""The vocabulary learner against a slow one, its determinism, and the counting of words."""

import collections
import os
import subprocess
import sys
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.tokenization import learn_vocabulary, piece_merges
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from tests.tokenization import reference_tokenizer as reference

WORD_COUNTS = {"low": 5, "lower": 2, "newest": 6, "widest": 3, ",": 9}


def merged_the_slow_way(word_counts: dict[str, int], vocab_size: int, min_frequency: int) -> list:
    """Counts every pair anew for every merge."""
    spelled = {word: [word[0], *("##" + c for c in word[1:])] for word in word_counts}
    first = sorted({c for word in word_counts for c in word})
    inside = sorted({"##" + c for word in word_counts for c in word[1:]})
    tokens = [*SPECIAL_TOKENS, *first, *inside]
    while len(tokens) < vocab_size:
        counts = collections.Counter()
        for word, pieces in spelled.items():
            for pair in zip(pieces, pieces[1:], strict=False):
                counts[pair] += word_counts[word]
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < min_frequency:
            break
        token = best[0] + best[1][2:]
        for word, pieces in spelled.items():
            spelled[word] = replaced(pieces, best, token)
        if token not in tokens:
            tokens.append(token)
    return tokens


def replaced(pieces: list[str], pair: tuple[str, str], token: str) -> list[str]:
    result = []
    for piece in pieces:
        if result and result[-1] is not None and (result[-1], piece) == pair:
            result[-1:] = [token, None]  # None: the next piece must not pair with the old one
        else:
            if result and result[-1] is None:
                result.pop()
            result.append(piece)
    return [piece for piece in result if piece is not None]


@given(
    word_counts=st.dictionaries(
        st.text("ab,", min_size=1, max_size=12), st.integers(1, 5), min_size=1, max_size=25
    ),
    vocab_size=st.integers(11, 60),
    min_frequency=st.integers(1, 4),
    many_places=st.sampled_from([0, 3, 64]),
)
@settings(max_examples=300, deadline=None)
def test_merges_equal_those_of_recounting_every_time(
    word_counts, vocab_size, min_frequency, many_places
):
    with mock.patch.object(piece_merges, "_MANY_PLACES", many_places):  # NumPy, both, the loop
        learnt = learn_vocabulary.learn_vocabulary(
            word_counts, vocab_size, min_frequency=min_frequency
        )
    assert list(learnt.tokens) == merged_the_slow_way(word_counts, vocab_size, min_frequency)


def test_special_tokens_come_first_then_the_alphabet_then_merges():
    tokens = learn_vocabulary.learn_vocabulary(WORD_COUNTS, 27).tokens
    assert tokens[:5] == SPECIAL_TOKENS
    assert tokens[5:16] == (",", "d", "e", "i", "l", "n", "o", "r", "s", "t", "w")
    assert tokens[16:24] == ("##d", "##e", "##i", "##o", "##r", "##s", "##t", "##w")
    assert tokens[24:] == ("##es", "##est", "##ow")  # 9, 9 and 7 times, ties by string


def test_a_small_corpus_gives_less_with_a_warning(caplog):
    with caplog.at_level("WARNING", logger="absl"):
        vocabulary = learn_vocabulary.learn_vocabulary(WORD_COUNTS, 1000)
    assert len(vocabulary) < 60
    assert f"only {len(vocabulary)} tokens, not 1000" in caplog.text


def test_rare_characters_are_left_out_together_with_their_words():
    vocabulary = learn_vocabulary.learn_vocabulary(
        {"aa": 9, "ab": 9, "az": 1}, 20, limit_alphabet=2
    )
    assert "##z" not in vocabulary and "z" not in vocabulary and "az" not in vocabulary
    assert "ab" in vocabulary


def test_a_size_below_the_alphabet_and_an_empty_corpus_are_errors():
    with pytest.raises(ValueError, match="vocab_size is 20.*alphabet alone are 24 tokens"):
        learn_vocabulary.learn_vocabulary(WORD_COUNTS, 20)
    with pytest.raises(ValueError, match="no words"):
        learn_vocabulary.learn_vocabulary({}, 20)


def test_two_processes_learn_the_same_bytes():
    program = (
        "from bert_tf.tokenization import learn_vocabulary as learner; import pydoc_data.topics;"
        "texts = list(pydoc_data.topics.topics.values())[:20];"
        "counts = learner.count_words(texts, True);"
        "print(learner.learn_vocabulary(counts, 700).sha256)"
    )
    hashes = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        result = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True
        )
        hashes.add(result.stdout.strip() or result.stderr)
    assert len(hashes) == 1
    assert len(hashes.pop()) == 64


@pytest.mark.parametrize("do_lower_case", [True, False])
def test_words_are_counted_as_the_tokenizer_splits_them(monkeypatch, do_lower_case):
    monkeypatch.setattr(learn_vocabulary, "_CHARACTERS_AT_A_TIME", 30)  # several batches
    texts = ["Héllo, wörld! héllo", "", "中文 ΑΣ\u00a0ΑΣ", "don't\nstop", "x" * 300, "…\u200b"]
    expected = collections.Counter()
    for text in texts:
        expected.update(reference.words_of(text, do_lower_case=do_lower_case))
    assert learn_vocabulary.count_words(iter(texts), do_lower_case) == expected
    assert learn_vocabulary.count_words([], do_lower_case) == {}


def test_coverage_counts_tokens_and_unknown_words():
    counts = {"low": 5, "newest": 6, "q": 1}
    vocabulary = learn_vocabulary.learn_vocabulary({"low": 5, "newest": 6}, 1000)
    coverage = learn_vocabulary.measure_coverage(WordPieceTokenizer(vocabulary), counts)
    assert coverage == {"tokens_per_word": 1.0, "unknown_share": 1 / 12}
