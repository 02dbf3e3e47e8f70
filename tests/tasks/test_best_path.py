"""The best tags of long texts are those of the plain algorithm, whatever the rows."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.tasks.token_classification import best_path
from bert_tf.tasks.token_classification import tags as tag_lib
from bert_tf.tasks.token_classification.tag_decoder import TagDecoder

LENGTHS = [0, 1, 97, 0, 3, 30, 31, 29, 0]


def plainly(scores_WL, decoder):
    """Viterbi's algorithm, word by word in exact numbers; of equal sums the first tag."""
    path = decoder._best_path
    sums_L, before = path._start_L, []
    for score_L in np.round(scores_WL.astype(np.float64) * 2**20) / 2**20:
        sums_LL = sums_L[:, None] + path._between_LL
        before.append(sums_LL.argmax(0))
        sums_L = sums_LL.max(0) + score_L
    tags = [(sums_L + path._end_L).argmax()]
    for before_L in before[:0:-1]:
        tags.append(before_L[tags[-1]])
    return tags[::-1] if len(scores_WL) else []


@pytest.mark.parametrize(
    ("scheme", "labels"),
    [
        ("iob2", tag_lib.all_tags(["A", "B"], "iob2")),
        ("bioes", tag_lib.all_tags(["A", "B"], "bioes")),
        ("plain", ("X", "Y")),
    ],
)
@pytest.mark.parametrize("shortest_row", [1, 7, 128])
def test_rows_change_no_tag(monkeypatch, scheme, labels, shortest_row):
    monkeypatch.setattr(best_path, "_SHORTEST_ROW", shortest_row)
    decoder = TagDecoder(list(labels), scheme)
    best = tf.function(
        decoder.best,
        autograph=False,
        input_signature=[
            tf.TensorSpec([None, len(labels)], tf.float32),
            tf.TensorSpec([None], tf.int32),
        ],
    )
    generator = np.random.default_rng(0)
    for round_to in (None, 0):  # whole numbers: many sums are equal
        scores_XL = generator.normal(size=(sum(LENGTHS), len(labels))).astype(np.float32)
        scores_XL = scores_XL if round_to is None else np.round(scores_XL, round_to)
        found_X = best(scores_XL, LENGTHS).numpy()
        ends = np.cumsum(LENGTHS)[:-1]
        expected = [plainly(part, decoder) for part in np.split(scores_XL, ends)]
        assert [part.tolist() for part in np.split(found_X, ends)] == expected
    assert best(scores_XL[:0], LENGTHS[:1]).shape == [0]
    assert best(scores_XL[:0], LENGTHS[:0]).shape == [0]


def test_rows_get_longer_where_a_step_would_need_too_much_memory(monkeypatch):
    decoder = TagDecoder(list(tag_lib.all_tags("ABC", "iob2")), "iob2")
    monkeypatch.setattr(best_path, "_SHORTEST_ROW", 1)
    usual = decoder._best_path._rows(tf.constant([10_000])).words.shape
    monkeypatch.setattr(best_path, "_LARGEST_STEP", 10 * 4 * 7 * 4)
    bounded = decoder._best_path._rows(tf.constant([10_000])).words.shape
    assert (usual, bounded) == ((100, 100), (1000, 10))
