"""Next-sentence examples: what every example is like, and that no sentence is lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data import next_sentence
from bert_tf.data.corpus import Corpus, map_in_order, tokenize_documents
from tests.data.fake_tokenizer import VOCABULARY, random_corpus, tokenizer

VOCAB_SIZE = 1000
CLS, SEP = 2, 3

corpora = st.builds(
    random_corpus,
    st.integers(0, 2**31),
    st.lists(st.integers(1, 12), min_size=2, max_size=6),
    st.just(VOCAB_SIZE),
    st.integers(1, 40),
)


def create(corpus, max_seq_length=32, short_seq_prob=0.1, seed=0, **arguments):
    return next_sentence.create_examples(
        corpus,
        max_seq_length=max_seq_length,
        short_seq_prob=short_seq_prob,
        seed=seed,
        **arguments,
    )


def document_of(corpus, token):
    sentence = np.searchsorted(corpus.sentence_offsets, token, side="right") - 1
    return int(np.searchsorted(corpus.document_offsets, sentence, side="right") - 1)


@settings(deadline=None)
@given(corpora, st.integers(5, 64), st.sampled_from([0.0, 0.1, 1.0]))
def test_examples_fit_and_their_next_sentences_are_what_the_label_says(corpus, length, short):
    for a, a_length, b, b_length, label in create(corpus, length, short).spans.tolist():
        assert a_length >= 1 and b_length >= 1 and a_length + b_length + 3 <= length
        a_document = document_of(corpus, a)
        assert document_of(corpus, a + a_length - 1) == a_document
        b_document = document_of(corpus, b)
        assert document_of(corpus, b + b_length - 1) == b_document
        assert (b_document == a_document) == (label == 0)
        if label == 0:
            assert b >= a + a_length


@settings(deadline=None)
@given(corpora, st.sampled_from([0.0, 0.1, 1.0]))
def test_every_token_is_used_once_when_nothing_needs_to_be_cut(corpus, short):
    max_seq_length = 3 + 2 * len(corpus.tokens)
    used = np.zeros(len(corpus.tokens), int)
    examples = create(corpus, max_seq_length, short)
    assert not examples.cut_tokens.any()
    for a, a_length, b, b_length, label in examples.spans.tolist():
        used[a : a + a_length] += 1
        if label == 0:
            used[b : b + b_length] += 1
    np.testing.assert_array_equal(used, 1)


@settings(deadline=None)
@given(corpora)
def test_every_sentence_is_used_once_and_every_cut_token_is_counted(corpus):
    examples = create(corpus, 24)
    touched = np.zeros(corpus.num_sentences, int)
    kept = 0
    for a, a_length, b, b_length, label in examples.spans.tolist():
        own = [(a, a_length)] + [(b, b_length)] * (label == 0)
        kept += sum(length for _, length in own)
        for begin, length in own:
            ends = begin, begin + length - 1
            first, last = np.searchsorted(corpus.sentence_offsets, ends, side="right") - 1
            touched[first : last + 1] += 1
    assert touched.max() <= 1
    assert kept + examples.cut_tokens.sum() >= len(corpus.tokens)


def truncate_token_by_token(a, b, max_tokens, is_front):
    """google-research/bert's truncate_seq_pair, told."""
    while len(a) + len(b) > max_tokens:
        longer = a if len(a) > len(b) else b
        longer.pop(0 if is_front() else -1)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(2, 60))
def test_truncation_keeps_as_many_tokens_as_taking_one_at_a_time(a_length, b_length, max_tokens):
    a, b = list(range(a_length)), list(range(b_length))
    truncate_token_by_token(a, b, max_tokens, lambda: True)
    draws = next_sentence._Draws(0, 0)
    kept = next_sentence._truncate(0, a_length, 100, 100 + b_length, max_tokens, draws)
    assert (kept[1], kept[3]) == (len(a), len(b))
    assert 0 <= kept[0] <= a_length - kept[1] and 0 <= kept[2] - 100 <= b_length - kept[3]


def test_tokens_are_cut_from_both_ends_alike():
    draws = next_sentence._Draws(0, 0)
    heads = np.array([draws.heads(100) for _ in range(4000)])
    assert abs(heads.mean() - 50) < 4 * 5 / np.sqrt(4000)
    assert abs(heads.std() - 5) < 0.3


def test_half_of_the_examples_have_a_random_next_sentence():
    corpus = random_corpus(1, [4000, 4000], VOCAB_SIZE, max_length=10)
    labels = create(corpus, 128).spans[:, 4]
    assert len(labels) > 400
    assert abs(labels.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(labels))


def test_random_documents_are_uniform_over_all_others():
    corpus = random_corpus(1, [1000, 1, 300, 20], VOCAB_SIZE, max_length=40)
    spans = create(corpus, 16, documents=[0]).spans
    others = [document_of(corpus, b) for b in spans[spans[:, 4] == 1, 2]]
    counts = np.bincount(others, minlength=4)
    assert counts[0] == 0
    expected = len(others) / 3
    assert np.abs(counts[1:] - expected).max() < 4 * np.sqrt(expected)


def test_the_share_of_short_examples_is_the_one_asked_for():
    corpus = random_corpus(1, [30_000, 30_000], VOCAB_SIZE, max_length=1)
    for probability in (0.0, 0.3):
        spans = create(corpus, 128, probability).spans
        short = spans[:, 1] + spans[:, 3] < 100
        expected = probability * (98 / 124)
        at_document_ends = 0.01
        assert abs(short.mean() - expected) < 4 * np.sqrt(expected / len(spans)) + at_document_ends


def test_examples_of_a_document_depend_on_seed_and_document_only():
    corpus = random_corpus(1, [30, 40, 50], VOCAB_SIZE)
    everything = create(corpus).spans
    one = create(corpus, documents=[1]).spans
    first = corpus.sentence_offsets[corpus.document_offsets[1]]
    last = corpus.sentence_offsets[corpus.document_offsets[2]]
    inside = (everything[:, 0] >= first) & (everything[:, 0] < last)
    np.testing.assert_array_equal(one, everything[inside])
    assert not np.array_equal(one, create(corpus, seed=1, documents=[1]).spans)


def test_rows_are_cls_a_sep_b_sep():
    corpus = Corpus(np.arange(10, 30, dtype=np.int32), np.array([0, 20]), np.array([0, 1]))
    spans = np.array([[0, 2, 5, 1, 1], [8, 1, 9, 3, 0]])
    rows = next_sentence.rows_of_examples(corpus, spans, CLS, SEP)
    assert rows.input_ids.tolist() == [CLS, 10, 11, SEP, 15, SEP, CLS, 18, SEP, 19, 20, 21, SEP]
    assert rows.segment_ids.tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1]
    assert rows.offsets.tolist() == [0, 6, 13]
    assert rows.next_sentence_labels.tolist() == [[1], [0]]
    assert rows.example_lengths.tolist() == [[6], [7]]


def test_a_single_document_is_refused_with_advice():
    corpus = random_corpus(0, [5], VOCAB_SIZE)
    with pytest.raises(ValueError, match=r"holds 1 document\(s\).*need at least 2.*blank line"):
        create(corpus)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((4, 0.1, 0), "max_seq_length is 4"), ((8, 1.5, 0), "1.5"), ((8, 0.1, -1), "seed is -1")],
)
def test_settings_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        create(random_corpus(0, [5, 5], VOCAB_SIZE), *arguments)


def test_tokenizing_leaves_out_and_counts_what_is_empty():
    documents = [["rain falls", "\u200b", "sun"], [], ["\u200b"], ["wind"]]
    corpus = tokenize_documents(iter(documents), tokenizer().tokenize)
    words = [VOCABULARY.tokens[i] for i in corpus.tokens]
    assert words == ["rain", "falls", "sun", "wind"]
    assert corpus.sentence_offsets.tolist() == [0, 2, 3, 4]
    assert corpus.document_offsets.tolist() == [0, 2, 3]
    assert (corpus.skipped_documents, corpus.skipped_sentences) == (2, 2)


def test_results_of_threads_come_in_order_and_input_is_read_only_a_little_ahead():
    taken = []
    items = (taken.append(i) or i for i in range(100))
    results = map_in_order(lambda x: x * x, items, 3)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(taken) < 15
    assert list(results) == [x * x for x in range(5, 100)]
