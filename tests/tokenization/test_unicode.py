"""Normalisation over all of Unicode 14, both ways to it, and the tables it reads."""

import random
import unicodedata

import pytest
import tensorflow as tf

from bert_tf.tokenization import code_points, unicode_tables
from bert_tf.tokenization.words import is_plain, normalize, word_borders
from tests.tokenization import reference_tokenizer as reference
from tests.tokenization import unicode_golden

BLOCKS = unicode_golden.blocks()
CHARACTERS = [character for block in BLOCKS.values() for character in block]


def words_in(normalized: tf.Tensor) -> list[list[str]]:
    starts, ends = (borders.to_list() for borders in word_borders(normalized))
    return [
        [text[a:b].decode() for a, b in zip(starts[i], ends[i], strict=True)]
        for i, text in enumerate(normalized.numpy())
    ]


def by_code_points(texts: list[str], do_lower_case: bool) -> tf.Tensor:
    normalized = code_points.normalize_code_points(
        tf.constant(texts, tf.string), do_lower_case=do_lower_case
    )
    return tf.strings.unicode_encode(normalized.points, "UTF-8")


def words_by_code_points(texts: list[str], do_lower_case: bool) -> list[list[str]]:
    return words_in(by_code_points(texts, do_lower_case))


def test_all_of_unicode_14_is_covered():
    assert len(CHARACTERS) == 144_697 + 65 + 1  # graphic and format, controls, one private use
    assert unicode_golden.hashes().keys() == BLOCKS.keys()


@pytest.mark.parametrize("do_lower_case", [True, False])
def test_every_character_of_unicode_14_in_every_context_gives_the_words_of_the_reference(
    do_lower_case,
):
    golden = {block: pair[not do_lower_case] for block, pair in unicode_golden.hashes().items()}
    texts = [unicode_golden.text_of(characters) for characters in BLOCKS.values()]
    words = words_by_code_points(texts, do_lower_case)
    hashes = dict(zip(BLOCKS, map(unicode_golden.hash_of, words), strict=True))
    differing = [f"U+{block:X}" for block in BLOCKS if hashes[block] != golden[block]]
    assert differing == []


@pytest.mark.parametrize("do_lower_case", [True, False])
def test_the_fast_way_gives_the_same_for_every_character(do_lower_case):
    # A character a text: the fast way is taken by the texts in which nothing changes.
    texts = [f"a{character}b" for character in CHARACTERS]
    fast = normalize(tf.constant(texts), do_lower_case=do_lower_case)
    fast = tf.strings.regex_replace(fast, r"[\t\r\n]", " ")
    is_equal = (fast == by_code_points(texts, do_lower_case)).numpy()
    assert [text for i, text in enumerate(texts) if not is_equal[i]] == []


@pytest.mark.parametrize("do_lower_case", [True, False])
def test_mixtures_of_rare_characters_equal_the_reference(do_lower_case):
    known = CHARACTERS if unicode_golden.PYTHON_HAS_UNICODE_14 else old_characters()
    is_known = set(known).__contains__
    special = [
        character
        for name in ("DROPPED", "SPACES", "CASE_IGNORABLE", "NON_STARTERS", "COMBINING_CLASSES")
        for character in characters_of(getattr(unicode_tables, name))
        if is_known(character)
    ]
    draw = random.Random(0)
    texts = []
    for _ in range(1500):
        pools = draw.choices([special, known, "ΣΣσAaİ中", "aB .-"], [4, 2, 2, 1], k=24)
        texts.append("".join(draw.choice(pool) for pool in pools))
    words = words_by_code_points(texts, do_lower_case)
    for i, text in enumerate(texts):
        assert words[i] == reference.words_of(text, do_lower_case=do_lower_case), ascii(text)


def characters_of(items: str) -> list[str]:
    points = []
    for item in items.split():
        first, _, last = item.replace("=", ">").split(">")[0].partition("-")
        points += range(int(first, 16), int(last or first, 16) + 1)
    return [chr(point) for point in points]


def old_characters() -> list[str]:
    """Those of Unicode 3.2, which Pythons with another Unicode know alike."""
    return [c for c in CHARACTERS if unicodedata.ucd_3_2_0.category(c) != "Cn"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ⱯꞨ𞤀ꟵꟉ", "ɐꞩ𞤢ꟶꟊ"),  # capitals that are newer than Unicode 3.2
        ("ΑΣ ΑΣ.Α Α.Σ Σ ΑΣ\u00adΑ", "ας ασ . α α . ς σ ασα"),
        ("ΑΣ中Σ", "ας 中 σ"),
        ("İIıi", "iiıi"),
        ("①Ａｂ！ﬁ…½", "①ａｂ ！ ﬁ … ½"),  # compatibility characters stay
        ("👩\u200d💻👍🏽❤\ufe0f🇩🇪", "👩💻👍🏽❤🇩🇪"),
        ("a\u2e5bb\u2e5d", "a ⹛ b ⹝"),  # punctuation of Unicode 14
        ("각가", "\u1100\u1161\u11a8\u1100\u1161"),
        ("x\u302e\U00016ff0y", "x\U00016ff0\u302ey"),
    ],
)
def test_what_happens_to_rare_characters(text, expected):
    (words,) = words_by_code_points([text], True)
    assert " ".join(words) == expected
    assert words_in(normalize(tf.constant([text]), do_lower_case=True)) == [words]


def test_the_final_sigma_does_not_look_into_the_next_text():
    texts = ["ΑΣ", "Α", "", "Σ", "\u00ad", "Σ", "Α", "Σ\u00ad", ""]
    words = words_by_code_points(texts, True)
    assert words == [["ας"], ["α"], [], ["σ"], [], ["σ"], ["α"], ["σ"], []]


def test_marks_are_not_sorted_into_the_next_text():
    texts = ["a\u302e", "\U00016ff0\u302e", "\u302e\U00016ff0", "\u302e\u00ad\U00016ff0"]
    words = [["a\u302e"]] + [["\U00016ff0\u302e"]] * 3
    assert words_by_code_points(texts, True) == words
    assert words_by_code_points([*texts, "\u302e\u034f\U00016ff0"], True)[-1] == [
        "\u302e\U00016ff0"  # the joiner between them is removed later
    ]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("A b\tc\r\n~", True),
        ("", True),
        ("x" * 20 + " " + "x" * 20, True),
        ("x" * 21, False),
        ("a\x0bb", False),
        ("a\x7fb", False),
        ("é", False),
        (b"a\xff", False),
    ],
)
def test_plain_text_is_printable_ascii_with_short_words(text, plain):
    assert is_plain(tf.constant([text]), 20).numpy().tolist() == [plain]
