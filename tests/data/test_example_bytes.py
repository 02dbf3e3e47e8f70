"""The bytes written by hand are those of the protobuf library."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data.ranges import offsets_of, ranges
from bert_tf.data.records.example_bytes import serialize_rows


def by_protobuf(lists):
    example = tf.train.Example()
    for name, values in lists.items():
        example.features.feature[name].int64_list.value.extend(values)
    return example.SerializeToString(deterministic=True)


numbers = st.one_of(st.integers(0, 300), st.integers(0, 2**28 - 1))
# Long enough for lengths of one, two and three bytes.
lists = st.one_of(
    st.lists(numbers, min_size=1, max_size=80),
    st.integers(5000, 9000).map(lambda n: list(range(n))),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(lists, lists), min_size=1, max_size=5), st.sampled_from("bcxyz"))
def test_bytes_equal_those_of_the_protobuf_library(rows, first_name):
    names = [first_name, "a_long_name_of_a_feature"]
    features = {}
    for column, name in enumerate(names):
        values = np.array([v for row in rows for v in row[column]], np.int32)
        features[name] = (values, offsets_of([len(row[column]) for row in rows]))
    expected = [by_protobuf(dict(zip(names, row, strict=True))) for row in rows]
    assert list(serialize_rows(features)) == expected


def test_floats_become_a_float_list():
    values = np.array([1, 0, 0.25, -3e-9, 1e30, 7], np.float32)
    features = {"b": (np.arange(4), np.array([0, 1, 4])), "w": (values, np.array([0, 4, 6]))}
    for row, (begin, end) in zip(serialize_rows(features), [(0, 4), (4, 6)], strict=True):
        example = tf.train.Example()
        example.features.feature["b"].int64_list.value.extend([0] if begin == 0 else [1, 2, 3])
        example.features.feature["w"].float_list.value.extend(values[begin:end].tolist())
        assert row == example.SerializeToString(deterministic=True)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 9)), max_size=20))
def test_ranges_are_the_ranges_laid_end_to_end(pairs):
    begins, lengths = np.array(pairs, np.int64).reshape(-1, 2).T
    expected = [i for begin, length in pairs for i in range(begin, begin + length)]
    assert ranges(begins, lengths).tolist() == expected
