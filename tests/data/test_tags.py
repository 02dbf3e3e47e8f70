"""Schemes of tags: what is valid, which entities they spell, one in another."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.tasks.token_classification import tags as lib


@st.composite
def entities(draw):
    """(number of words, entities of it)."""
    found, place = [], 0
    for kind, gap, length in draw(
        st.lists(
            st.tuples(st.sampled_from(["A", "B-C"]), st.integers(0, 2), st.integers(1, 3)),
            max_size=4,
        )
    ):
        found.append((kind, place + gap, place + gap + length))
        place += gap + length
    return place + draw(st.integers(0, 2)), found


def spell(length, found):
    tags = ["O"] * length
    for kind, begin, end in found:
        tags[begin:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - begin - 1)
    return tags


@given(entities(), st.sampled_from(["iob1", "iob2", "bioes"]), st.sampled_from(["iob1", "bioes"]))
def test_every_scheme_spells_the_same_entities(case, scheme, other):
    length, found = case
    tags = lib.convert(spell(length, found), scheme)
    assert lib.first_fault(tags, scheme) is None
    assert lib.spans(tags) == found
    assert lib.convert(lib.convert(tags, other), scheme) == tags


@pytest.mark.parametrize(
    ("scheme", "tags", "fault"),
    [
        ("iob2", "O I-A", 1),
        ("iob2", "I-A", 0),
        ("iob2", "B-A I-B", 1),
        ("iob2", "B-A E-A", 1),
        ("iob2", "B-A B-A I-A O", None),
        ("iob1", "O I-A B-A I-B B-A", None),
        ("iob1", "S-A", 0),
        ("bioes", "S-A B-A I-A E-A O", None),
        ("bioes", "B-A O", 1),
        ("bioes", "O B-A", 2),
        ("bioes", "B-A E-B", 1),
        ("bioes", "E-A", 0),
        ("bioes", "B-A S-A", 1),
        ("plain", "NN I-A X", None),
    ],
)
def test_the_first_fault_is_found(scheme, tags, fault):
    assert lib.first_fault(tags.split(), scheme) == fault


def test_faulty_tags_are_read_as_conlleval_reads_them():
    tags = ["I-A", "I-B", "B-B", "E-B", "I-B", "S-B", "O", "E-A"]
    kinds = [("A", 0, 1), ("B", 1, 2), ("B", 2, 4), ("B", 4, 5), ("B", 5, 6), ("A", 7, 8)]
    assert lib.spans(tags) == kinds


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (["O I-A I-A", "I-A B-A"], "iob1"),
        (["B-A I-A", "I-A", "B-A"], "iob2"),
        (["O S-A"], "bioes"),
        (["B-A E-A"], "bioes"),
        (["NN O VB"], "plain"),
        (["B-A L-A", "0 U-A"], "iob2"),
        (["0 I-A I-A"], "iob1"),
        (["O O"], "plain"),
    ],
)
def test_the_scheme_of_a_file_is_found(tags, scheme):
    assert lib.detect_scheme([sentence.split() for sentence in tags]) == scheme


def test_the_scheme_of_labels_is_found():
    for scheme in ("iob2", "bioes"):
        assert lib.scheme_of_labels(lib.all_tags(["A", "B"], scheme)) == scheme
    assert lib.scheme_of_labels(("O", "I-A", "I-B", "B-B")) == "iob1"
    assert lib.scheme_of_labels(("LABEL_0", "LABEL_1")) == "plain"


def test_all_tags_are_all_that_valid_sequences_use():
    for scheme in ("iob2", "bioes"):
        labels = lib.all_tags(["A"], scheme)
        used = {
            tag
            for tags in itertools.product(labels, repeat=3)
            if lib.first_fault(tags, scheme) is None
            for tag in tags
        }
        assert used == set(labels)


def test_special_tokens_among_the_labels_are_no_entities():
    labels = ["[PAD]", "O", "B_PER", "I_PER", "[CLS]", "</s>"]
    assert lib.scheme_of_labels(labels) == "iob2"
    assert lib.spans(["[CLS]", "B_PER", "I_PER", "O", "[SEP]"]) == [("PER", 1, 3)]
    assert not lib.may_follow("[CLS]", "I_PER", "iob2")
    assert not lib.is_outside("B-[x]") and not lib.is_outside("PER")
