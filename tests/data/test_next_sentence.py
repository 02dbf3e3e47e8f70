"""Next-sentence examples: what every example is like, and that no sentence is lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data.corpus.flat_corpus import Corpus
from bert_tf.data.examples.next_sentence import NextSentence
from bert_tf.data.examples.objective import Examples, Window, rows_of_examples, truncate, walk
from tests.data.fake_tokenizer import LAYOUT, cut_all, document_of, random_corpus

VOCAB_SIZE = 1000
CLS, SEP = 2, 3

corpora = st.builds(
    random_corpus,
    st.integers(0, 2**31),
    st.lists(st.integers(1, 12), min_size=2, max_size=6),
    st.just(VOCAB_SIZE),
    st.integers(1, 40),
)


class Found:
    """All examples of a corpus; `spans` has A begin, A length, B begin, B length, label a row."""

    def __init__(self, examples):
        pairs = [examples.begins.reshape(-1, 2), examples.lengths.reshape(-1, 2)]
        self.spans = np.stack(
            [pairs[0][:, 0], pairs[1][:, 0], pairs[0][:, 1], pairs[1][:, 1], examples.labels], 1
        )
        self.cut_tokens = examples.cut_tokens


def objective(max_seq_length=32, short_seq_prob=0.1, seed=0):
    return NextSentence(
        layout=LAYOUT, max_seq_length=max_seq_length, short_seq_prob=short_seq_prob, seed=seed
    )


def create(corpus, *arguments):
    maker = objective(*arguments)
    maker.check(corpus)
    return Found(cut_all(maker, corpus)[0])


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


def truncate_token_by_token(a, b, max_tokens):
    """google-research/bert's truncate_seq_pair, told."""
    while a + b > max_tokens:
        a, b = (a - 1, b) if a > b else (a, b - 1)
    return a, b


@given(st.integers(1, 90), st.integers(1, 90), st.integers(2, 60))
def test_truncation_keeps_as_many_tokens_as_taking_one_at_a_time(a, b, max_tokens):
    kept = truncate(np.array([a]), np.array([b]), max_tokens)
    assert [int(n[0]) for n in kept] == list(truncate_token_by_token(a, b, max_tokens))


def test_tokens_are_cut_from_both_ends_alike():
    flips = np.tile([100, 3, 0], 4000)
    heads = objective().heads(np.arange(12_000), 1, flips)
    hundred = heads[::3]
    assert abs(hundred.mean() - 50) < 4 * 5 / np.sqrt(4000)
    assert abs(hundred.std() - 5) < 0.3
    shares = np.bincount(heads[1::3], minlength=4) / 4000
    np.testing.assert_allclose(shares, [1 / 8, 3 / 8, 3 / 8, 1 / 8], atol=0.03)
    assert not heads[2::3].any()


def test_half_of_the_examples_have_a_random_next_sentence():
    corpus = random_corpus(1, [4000, 4000], VOCAB_SIZE, max_length=10)
    labels = create(corpus, 128).spans[:, 4]
    assert len(labels) > 400
    assert abs(labels.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(labels))


def test_random_documents_are_uniform_over_all_others():
    corpus = random_corpus(1, [1000, 1, 300, 20], VOCAB_SIZE, max_length=40)
    spans = create(corpus, 16).spans
    from_first = spans[:, 0] < corpus.sentence_offsets[corpus.document_offsets[1]]
    others = [document_of(corpus, b) for b in spans[from_first & (spans[:, 4] == 1), 2]]
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


def test_an_example_depends_on_seed_and_first_sentence_only():
    corpus = random_corpus(1, [30, 40, 50], VOCAB_SIZE)
    maker, everything = objective(), create(corpus).spans
    following, _ = maker.following(Window.of(corpus, 0, corpus.num_sentences, maker.lookahead))
    begins, _ = walk(0, corpus.num_sentences, 0, following)
    for row in (0, 7, len(begins) - 1):
        begin = int(begins[row])
        window = Window.of(corpus, begin, begin + 1, maker.lookahead)
        assert maker.following(window)[0][0] == following[begin]
        np.testing.assert_array_equal(
            Found(maker.cut(window, begins[row : row + 1])).spans[0], everything[row]
        )
    assert not np.array_equal(everything[:9], create(corpus, 32, 0.1, 1).spans[:9])


def test_rows_are_cls_a_sep_b_sep():
    corpus = Corpus(np.arange(10, 30, dtype=np.int32), np.array([0, 20]), np.array([0, 1]))
    examples = Examples(
        layout=LAYOUT,
        between=LAYOUT.between,
        begins=np.array([0, 5, 8, 9]),
        lengths=np.array([2, 1, 1, 3]),
        is_second=np.array([False, True, False, True]),
        counts=np.array([2, 2]),
        labels=np.array([1, 0]),
        cut_tokens=np.zeros(2),
    )
    rows = rows_of_examples(corpus, examples)
    assert rows.input_ids.tolist() == [CLS, 10, 11, SEP, 15, SEP, CLS, 18, SEP, 19, 20, 21, SEP]
    assert rows.segment_ids.tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1]
    assert rows.offsets.tolist() == [0, 6, 13]
    assert rows.next_sentence_labels.tolist() == [[1], [0]]
    assert rows.example_lengths.tolist() == [[6], [7]]


def test_a_single_document_is_refused_with_advice():
    corpus = random_corpus(0, [5], VOCAB_SIZE)
    message = r"has 1 document\(s\) with text.*need at least 2.*blank line"
    with pytest.raises(ValueError, match=message):
        create(corpus)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((4, 0.1, 0), "max_seq_length is 4"), ((8, 1.5, 0), "1.5"), ((8, 0.1, -1), "seed is -1")],
)
def test_settings_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        create(random_corpus(0, [5, 5], VOCAB_SIZE), *arguments)
