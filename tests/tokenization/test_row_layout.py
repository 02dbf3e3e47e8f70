"""Rows in other layouts than BERT's: two separators between texts, no segments, other padding."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.corpus.flat_corpus import Corpus
from bert_tf.data.examples.objective import Examples, rows_of_examples
from bert_tf.tokenization.model_inputs import lay_out, truncate
from bert_tf.tokenization.row_layout import RowLayout

BERT = RowLayout(before=(101,), between=(102,), after=(102,), pad=0)
ROBERTA = RowLayout(before=(0,), between=(2, 2), after=(2,), pad=1, second_segment=0)
WIDE = RowLayout(before=(5, 6), between=(7, 8, 9), after=(7, 4), pad=3)
FIRST, SECOND = [[11, 12, 13], [], [14]], [[21], [22, 23], []]


def ragged(rows):
    return tf.ragged.constant(rows, tf.int32, ragged_rank=1)


def expected(layout, first, second=None):
    """Ids and segments of a row, written out by hand."""
    ids = [*layout.before, *first]
    segments = [0] * len(ids)
    if second is not None:
        ids += [*layout.between, *second, *layout.after]
        segments += [0] * len(layout.between)
        segments += [layout.second_segment] * (len(second) + len(layout.after))
        return ids, segments
    return [*ids, *layout.after], segments + [0] * len(layout.after)


@pytest.mark.parametrize("layout", [BERT, ROBERTA, WIDE])
@pytest.mark.parametrize("second", [None, SECOND])
@pytest.mark.parametrize("width", [None, 16])
def test_texts_stand_between_the_ids_of_the_layout(layout, second, width):
    texts = ragged(FIRST), None if second is None else ragged(second)
    kept = truncate(*texts, room=100)[:2]
    found = lay_out(*texts, kept, layout, width)
    rows = [
        expected(layout, *pair) for pair in zip(FIRST, *([second] if second else []), strict=True)
    ]
    size = width or max(len(ids) for ids, _ in rows)
    for name, fill, part in (("input_ids", layout.pad, 0), ("segment_ids", 0, 1)):
        wanted = [row[part] + [fill] * (size - len(row[part])) for row in rows]
        assert found[name].numpy().tolist() == wanted
    wanted = [[1] * len(ids) + [0] * (size - len(ids)) for ids, _ in rows]
    assert found["input_mask"].numpy().tolist() == wanted


def test_the_room_is_what_the_special_tokens_leave():
    assert [ROBERTA.room(10, texts) for texts in (1, 2)] == [8, 6]
    assert [WIDE.num_special_tokens(texts) for texts in (1, 2)] == [4, 7]
    assert (WIDE.first_begin, WIDE.second_begin(10)) == (2, 15)
    assert WIDE.special_ids == (4, 5, 6, 7, 8, 9)
    with pytest.raises(ValueError, match=r"max_seq_length is 5; 2 text\(s\) with 4 special .* 6"):
        ROBERTA.room(5, 2)
    with pytest.raises(ValueError, match=r"RowLayout.between is empty"):
        RowLayout((1,), (), (2,), 0)


@pytest.mark.parametrize("layout", [BERT, ROBERTA, WIDE])
def test_rows_of_a_corpus_have_the_same_layout_as_rows_of_texts(layout):
    corpus = Corpus(np.arange(10, 30, dtype=np.int32), np.array([0, 20]), np.array([0, 1]))
    pairs = Examples(
        layout=layout,
        between=layout.between,
        begins=np.array([0, 5, 8, 9]),
        lengths=np.array([2, 1, 1, 3]),
        is_second=np.array([False, True, False, True]),
        counts=np.array([2, 2]),
        labels=np.array([1, 0]),
        cut_tokens=np.zeros(2),
    )
    rows = rows_of_examples(corpus, pairs)
    wanted = [expected(layout, [10, 11], [15]), expected(layout, [18], [19, 20, 21])]
    assert rows.input_ids.tolist() == wanted[0][0] + wanted[1][0]
    assert rows.segment_ids.tolist() == wanted[0][1] + wanted[1][1]
    assert np.diff(rows.offsets).tolist() == [len(ids) for ids, _ in wanted]
    assert pairs.row_lengths.tolist() == rows.example_lengths[:, 0].tolist()


def test_documents_of_running_text_stand_apart_as_at_the_end_of_a_row():
    corpus = Corpus(np.arange(10, 16, dtype=np.int32), np.array([0, 6]), np.array([0, 1]))
    text = Examples(
        layout=WIDE,
        between=WIDE.between_documents,
        begins=np.array([0, 2, 5]),
        lengths=np.array([2, 3, 1]),
        is_second=np.zeros(3, bool),
        counts=np.array([2, 1]),
        labels=np.zeros(2, np.int32),
        cut_tokens=np.zeros(2),
    )
    rows = rows_of_examples(corpus, text)
    assert rows.input_ids.tolist() == [5, 6, 10, 11, 7, 4, 12, 13, 14, 7, 4, 5, 6, 15, 7, 4]
    assert not rows.segment_ids.any()
