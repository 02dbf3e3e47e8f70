"""Sentence order and full sentences: what every example is like, and that no token is lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data.corpus.flat_corpus import Corpus
from bert_tf.data.examples.full_sentences import FullSentences
from bert_tf.data.examples.objective import rows_of_examples
from bert_tf.data.examples.sentence_order import SentenceOrder
from bert_tf.tokenization.row_layout import RowLayout
from tests.data.fake_tokenizer import LAYOUT, cut_all, document_of, random_corpus

CLS, SEP = 2, 3

corpora = st.builds(
    random_corpus,
    st.integers(0, 2**31),
    st.lists(st.integers(1, 12), min_size=1, max_size=6),
    st.just(1000),
    st.integers(1, 40),
)

layouts = st.sampled_from([LAYOUT, RowLayout((CLS, 8), (SEP, SEP, 9), (SEP, 9), pad=1)])


@settings(deadline=None)
@given(corpora, st.integers(10, 64), st.sampled_from([0.0, 0.1, 1.0]), layouts)
def test_both_segments_are_of_one_document_in_the_order_the_label_says(
    corpus, length, short, layout
):
    maker = SentenceOrder(layout=layout, max_seq_length=length, short_seq_prob=short, seed=1)
    examples, left_out = cut_all(maker, corpus)
    begins, lengths = examples.begins.reshape(-1, 2), examples.lengths.reshape(-1, 2)
    num_special = layout.num_special_tokens(2)
    assert (lengths >= 1).all() and (lengths.sum(axis=1) + num_special <= length).all()
    for (a, b), (a_length, b_length), label in zip(begins, lengths, examples.labels, strict=True):
        assert document_of(corpus, a) == document_of(corpus, b + b_length - 1)
        assert b + b_length <= a if label else a + a_length <= b
    kept = lengths.sum() + examples.cut_tokens.sum() + left_out
    assert kept == len(corpus.tokens)


def test_half_of_the_pairs_are_swapped():
    corpus = random_corpus(1, [4000, 4000], 1000, max_length=10)
    maker = SentenceOrder(layout=LAYOUT, max_seq_length=64, short_seq_prob=0.1, seed=0)
    labels = cut_all(maker, corpus)[0].labels
    assert len(labels) > 400
    assert abs(labels.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(labels))


@settings(deadline=None)
@given(corpora, st.integers(6, 64), st.booleans(), layouts)
def test_full_sentences_follow_each_other_and_fill_their_rows(corpus, length, cross, layout):
    maker = FullSentences(
        layout=layout, max_seq_length=length, short_seq_prob=0.0, seed=1, cross_documents=cross
    )
    examples, _ = cut_all(maker, corpus)
    rows = rows_of_examples(corpus, examples)
    row_lengths = np.diff(rows.offsets)
    assert row_lengths.max() <= length
    assert not rows.segment_ids.any() and not rows.next_sentence_labels.any()
    assert examples.lengths.sum() + examples.cut_tokens.sum() == len(corpus.tokens)
    first = np.cumsum(examples.counts) - examples.counts
    documents = [document_of(corpus, token) for token in examples.begins]
    assert sorted(documents) == documents
    if not cross:
        assert (examples.counts == 1).all()
    # A row is ended only by a sentence that does not fit, or by the end of its document.
    sentences = np.searchsorted(corpus.sentence_offsets, examples.begins[first])
    for row, sentence in enumerate(sentences[1:]):
        next_tokens = np.diff(corpus.sentence_offsets)[sentence]
        begins_document = sentence in corpus.document_offsets
        if begins_document and not cross:
            continue
        between = len(layout.between_documents) * begins_document
        assert row_lengths[row] + next_tokens + between > length


def test_a_separator_stands_between_documents():
    corpus = Corpus(np.arange(10, 16), np.array([0, 2, 3, 6]), np.array([0, 2, 3]))
    for cross, expected in [
        (True, [[CLS, 10, 11, 12, SEP, 13, 14, 15, SEP]]),
        (False, [[CLS, 10, 11, 12, SEP], [CLS, 13, 14, 15, SEP]]),
    ]:
        maker = FullSentences(
            layout=LAYOUT, max_seq_length=9, short_seq_prob=0.0, seed=0, cross_documents=cross
        )
        rows = rows_of_examples(corpus, cut_all(maker, corpus)[0])
        found = np.split(rows.input_ids, rows.offsets[1:-1])
        assert [row.tolist() for row in found] == expected


@pytest.mark.parametrize("kind", [SentenceOrder, FullSentences])
def test_settings_out_of_range_are_refused(kind):
    with pytest.raises(ValueError, match="max_seq_length is 3"):
        kind(layout=LAYOUT, max_seq_length=3, short_seq_prob=0.0, seed=0)
    with pytest.raises(ValueError, match="no text that becomes tokens"):
        kind(layout=LAYOUT, max_seq_length=8, short_seq_prob=0.0, seed=0).check(
            Corpus(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(1, np.int64))
        )
