"""The tokenizer: Google's rules case by case, and against an independent version by hypothesis."""

import json
import re
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from bert_tf.tokenization.words import normalize, word_borders
from tests.tokenization import reference_tokenizer as reference
from tests.tokenization import unicode_golden

LETTERS = "abcdefghijklmnopqrstuvwxyzäéß"
TOKENS = (
    *SPECIAL_TOKENS,
    *("un", "##aff", "##able", "want", "##want", "##ed", "wa", "runn", "##ing", "low", "##est"),
    *LETTERS,
    *("##" + letter for letter in LETTERS),
    *"ABCÄÉ,.!?'#[]$-+^«。",
    *("中", "##中", "文", "😀", "ς", "σ", "##σ", "##ς", "##ο", "ᄀ", "##ᅡ"),
)
# All characters of Unicode 14, where this Python knows them (`test_unicode.py` is exhaustive on all
# Pythons), else those of Unicode 3.2, on which all agree.
ASSIGNED = [
    character
    for block in unicode_golden.blocks().values()
    for character in block
    if unicode_golden.PYTHON_HAS_UNICODE_14 or unicodedata.ucd_3_2_0.category(character) != "Cn"
]
CHARACTERS = st.one_of(
    st.sampled_from(LETTERS + "ABCÄÉ  "),
    st.characters(min_codepoint=0, max_codepoint=0x7F),
    st.sampled_from(
        "İIıΣσςΟο'\u0301\u0308\u0345\u00ad\u200d\ufeff\u00a0\u2028\u3000\0\ufffd😀中文豈가。«…½ﬁǅẞ"
    ),
    st.sampled_from(
        ["👩\u200d💻", "❤\ufe0f", "🇩🇪", "\u302e\U00016ff0", "Ａ！", "x" * 200, "é" * 201]
    ),
    st.sampled_from(ASSIGNED),
)
TEXTS = st.lists(st.lists(CHARACTERS, max_size=40).map("".join), max_size=6)


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def tokenizer(request) -> Tokenizer:
    return WordPieceTokenizer(Vocabulary(TOKENS), do_lower_case=request.param)


@pytest.fixture(scope="module")
def uncased() -> Tokenizer:
    return WordPieceTokenizer(Vocabulary(TOKENS))


@pytest.fixture(scope="module")
def cased() -> Tokenizer:
    return WordPieceTokenizer(Vocabulary(TOKENS), do_lower_case=False)


def tokens(tokenizer: Tokenizer, text: str | bytes, **options) -> list[str]:
    ids = tokenizer.tokenize(tf.constant([text]), **options)
    return [token.decode("utf-8") for token in tokenizer.tokens_of(ids).to_list()[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("UNwantéd,running", "un ##want ##ed , runn ##ing"),
        ("unaffable lowest", "un ##aff ##able low ##est"),
        (" \ta \n\r b\u00a0c\u3000d\u2028e ", "a b c d e"),
        ("a\0b\ufffdc\u200dd\x07", "a ##b ##c ##d"),
        ("中文a中", "中 文 a 中"),
        ("don't!?", "d ##o ##n ' t ! ?"),
        ("a$b+c^", "a $ b + c ^"),
        ("«a»。", "« a [UNK] 。"),
        ("😀 😁a", "😀 [UNK]"),
        ("ΣΟΣ ΣΟΣΟ, ΣΣ", "σ ##ο ##ς σ ##ο ##σ ##ο , σ ##ς"),
        ("가", "ᄀ ##ᅡ"),
        ("İ ß", "i ß"),
        ("aΩ b", "[UNK] b"),
        ("##ed", "# # e ##d"),
        ("[MASK]", "[ m ##a ##s ##k ]"),
        ("", ""),
        (" \u200b\t", ""),
    ],
)
def test_uncased_rules(uncased, text, expected):
    assert " ".join(tokens(uncased, text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unÄ É", "[UNK] É"),
        ("A,äb", "A , ä ##b"),
        ("e\u0301", "[UNK]"),
        ("中A文", "中 A 文"),
        ("가", "[UNK]"),
        ("[MASK]", "[ [UNK] ]"),
    ],
)
def test_cased_rules(cased, text, expected):
    assert " ".join(tokens(cased, text)) == expected


@pytest.mark.parametrize("letter", ["a", "ä", "中a", "😀"])
@pytest.mark.parametrize("length", [199, 200, 201, 801])
def test_words_of_more_than_200_characters_are_unknown_however_many_bytes(cased, letter, length):
    # An ideograph is a word of its own and takes no part in the length of the word beside it.
    word = letter[:-1] + letter[-1] * length
    result = tokens(cased, f"b {word} b")
    expected = reference.tokens_of(f"b {word} b", TOKENS, do_lower_case=False)
    assert result == expected
    assert ("[UNK]" in result) == (length > 200 or letter == "😀")


def test_the_limit_counts_characters_after_accents_are_removed(uncased):
    assert tokens(uncased, "a\u0301" * 200) == ["a"] + ["##a"] * 199
    assert tokens(uncased, "a\u0301" * 201 + " a") == ["[UNK]", "a"]


@pytest.mark.parametrize(
    "text", [b"a\xffb", b"\xe2\x82a b", b"a\xed\xa0\x80b", b"a\xf0\x9f", b"\xc0\xafa"]
)
def test_bytes_that_are_not_utf8_are_dropped(tokenizer, text):
    expected = text.decode("utf-8", errors="ignore")
    assert tokens(tokenizer, text) == tokens(tokenizer, expected)


def test_kept_special_tokens_become_their_ids(tokenizer):
    text = "a[MASK]b [SEP], [mask] [PAD][UNK] un[CLS]"
    result = tokens(tokenizer, text, keep_special_tokens=True)
    assert result[:5] == ["a", "[MASK]", "b", "[SEP]", ","]
    assert result[-4:] == ["[PAD]", "[UNK]", "un", "[CLS]"]
    assert "[MASK]" not in tokens(tokenizer, text)


def test_noncharacters_in_text_are_not_taken_for_special_tokens(tokenizer):
    for code_point in range(0xFDD0, 0xFDF0):
        text = f"a {chr(code_point)} b"
        for keep in (True, False):
            result = tokens(tokenizer, text, keep_special_tokens=keep)
            assert result == ["a", "[UNK]", "b"]


@given(texts=TEXTS, do_lower_case=st.booleans())
@settings(max_examples=300, deadline=None)
def test_words_equal_those_of_the_reference(texts, do_lower_case):
    normalized = normalize(tf.constant(texts, tf.string), do_lower_case=do_lower_case)
    starts, ends = (borders.to_list() for borders in word_borders(normalized))
    for i, text in enumerate(texts):
        content = normalized.numpy()[i]
        words = [content[a:b].decode() for a, b in zip(starts[i], ends[i], strict=True)]
        assert words == reference.words_of(text, do_lower_case=do_lower_case)


@given(texts=TEXTS, limit=st.sampled_from([3, 200]), keep=st.booleans(), lower=st.booleans())
@settings(max_examples=200, deadline=None)
def test_tokens_equal_those_of_the_reference(texts, limit, keep, lower):
    tokenizer = tokenizer_with_limit(limit, lower)
    ids = tokenizer.tokenize(tf.constant(texts, tf.string), keep_special_tokens=keep)
    assert ids.dtype == tf.int32
    for text, row in zip(texts, tokenizer.tokens_of(ids).to_list(), strict=True):
        expected = reference.tokens_of(text, TOKENS, do_lower_case=lower, longest=limit)
        if keep:  # hypothesis writes special tokens too: it takes strings out of the source
            expected = between_special_tokens(text, do_lower_case=lower, longest=limit)
        assert [token.decode() for token in row] == expected


@given(texts=TEXTS, limit=st.sampled_from([3, 200]), lower=st.booleans())
@settings(max_examples=200, deadline=None)
def test_offsets_equal_those_of_the_reference(texts, limit, lower):
    tokenizer = tokenizer_with_limit(limit, lower)
    ids, starts, ends = tokenizer.tokenize_with_offsets(tf.constant(texts, tf.string))
    assert [ids.dtype, starts.dtype, ends.dtype] == [tf.int32] * 3
    found = [rows.to_list() for rows in (tokenizer.tokens_of(ids), starts, ends)]
    for i, text in enumerate(texts):
        spans = reference.spans_of(text, TOKENS, do_lower_case=lower, longest=limit)
        assert [(t.decode(), a, b) for t, a, b in zip(*(f[i] for f in found), strict=True)] == spans


@given(
    texts=st.lists(
        st.one_of(st.binary(max_size=30), st.lists(CHARACTERS).map("".join)), max_size=4
    ),
    keep=st.booleans(),
    lower=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_ids_are_the_same_with_and_without_offsets(texts, keep, lower):
    tokenizer = tokenizer_with_limit(200, lower)
    texts = tf.constant(texts, tf.string)
    ids, starts, ends = tokenizer.tokenize_with_offsets(texts, keep_special_tokens=keep)
    assert ids.to_list() == tokenizer.tokenize(texts, keep_special_tokens=keep).to_list()
    assert tf.reduce_all(starts.values < ends.values)
    for text, row in zip(texts.numpy(), ends.to_list(), strict=True):
        assert all(end <= len(text.decode("utf-8", errors="replace")) for end in row)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Un WANTED!", [("un", "Un"), ("want", "WANT"), ("##ed", "ED"), ("!", "!")]),
        (
            "\u00a0É\u200b, é\u0301\u0323b",
            [("e", "É"), (",", ","), ("e", "é\u0301\u0323"), ("##b", "b")],
        ),
        ("\u0301a\u00adb\u00ad", [("a", "a"), ("##b", "b")]),
        ("wan\u00adt", [("want", "wan\u00adt")]),
        ("İ가 😁é", [("[UNK]", "İ가"), ("[UNK]", "😁é")]),
        ("가", [("ᄀ", "가"), ("##ᅡ", "가")]),
        (
            "中文。" + "é" * 201 + " a",
            [("中", "中"), ("文", "文"), ("。", "。"), ("[UNK]", "é" * 201), ("a", "a")],
        ),
        (b"\xffa\xe2\x82b\xf0\x9f", [("a", "a"), ("##b", "b")]),
        ("", []),
    ],
)
def test_a_span_is_what_the_token_was_made_of(uncased, text, expected):
    ids, starts, ends = (rows.to_list()[0] for rows in uncased.tokenize_with_offsets([text]))
    text = text if isinstance(text, str) else text.decode("utf-8", errors="replace")
    spans = [text[a:b] for a, b in zip(starts, ends, strict=True)]
    assert list(zip([TOKENS[i] for i in ids], spans, strict=True)) == expected


@pytest.mark.parametrize("accent", ["", "é"])
def test_a_kept_special_token_has_its_own_span(tokenizer, accent):
    text = f"{accent} a[MASK]b \U0000fdd0[UNK][PAD]\u0301 [CLS]."
    result = tokenizer.tokenize_with_offsets([text], keep_special_tokens=True)
    ids, starts, ends = (rows.to_list()[0] for rows in result)
    spans = [text[a:b] for a, b in zip(starts, ends, strict=True)]
    assert [span for span in spans if span in SPECIAL_TOKENS] == [
        "[MASK]",
        "[UNK]",
        "[PAD]",
        "[CLS]",
    ]
    assert all(TOKENS[i] == span for i, span in zip(ids, spans, strict=True) if len(span) > 3)


@given(texts=TEXTS, lower=st.booleans())
@settings(max_examples=50, deadline=None)
def test_word_ids_number_the_words_of_each_text(texts, lower):
    tokenizer = tokenizer_with_limit(200, lower)
    word_ids = tokenizer.word_ids(tokenizer.tokenize(tf.constant(texts, tf.string)))
    assert word_ids.dtype == tf.int32
    for text, row in zip(texts, word_ids.to_list(), strict=True):
        words = reference.words_of(text, do_lower_case=lower)
        pieces = [reference.pieces_of(word, TOKENS, 200) for word in words]
        assert row == [i for i, word in enumerate(pieces) for _ in word]


@given(parts=st.lists(st.one_of(st.text("ab ,[", max_size=5), st.sampled_from(SPECIAL_TOKENS))))
@settings(max_examples=100, deadline=None)
def test_kept_special_tokens_equal_tokenizing_what_is_between_them(parts):
    result = tokens(tokenizer_with_limit(200, True), "".join(parts), keep_special_tokens=True)
    assert result == between_special_tokens("".join(parts), do_lower_case=True)


def between_special_tokens(text: str, **options) -> list[str]:
    pattern = "(" + "|".join(map(re.escape, SPECIAL_TOKENS)) + ")"
    result = []
    for part in re.split(pattern, text):
        is_special = part in SPECIAL_TOKENS
        result += [part] if is_special else reference.tokens_of(part, TOKENS, **options)
    return result


_TOKENIZERS: dict[tuple[int, bool], Tokenizer] = {}


def tokenizer_with_limit(limit: int, do_lower_case: bool) -> Tokenizer:
    key = (limit, do_lower_case)
    if key not in _TOKENIZERS:
        _TOKENIZERS[key] = WordPieceTokenizer(
            Vocabulary(TOKENS), do_lower_case=do_lower_case, max_input_chars_per_word=limit
        )
    return _TOKENIZERS[key]


WORD_LISTS = st.lists(st.sampled_from(["a", "un", "want", "!"]), max_size=12)


@given(
    rows=st.lists(st.tuples(WORD_LISTS, WORD_LISTS), max_size=4),
    pairs=st.booleans(),
    max_seq_length=st.integers(5, 24),
    pad=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_layout_and_truncation_equal_those_of_the_reference(rows, pairs, max_seq_length, pad):
    tokenizer = tokenizer_with_limit(200, True)
    texts = tf.constant([" ".join(first) for first, _ in rows], tf.string)
    text_pairs = tf.constant([" ".join(second) for _, second in rows], tf.string)
    inputs = tokenizer.encode(
        texts, text_pairs if pairs else None, max_seq_length=max_seq_length, pad=pad
    )
    expected = [laid_out(a, b if pairs else None, max_seq_length) for a, b in rows]
    width = max_seq_length if pad else max((len(row[0]) for row in expected), default=0)
    for i, (row_tokens, segments, num_truncated) in enumerate(expected):
        padding = width - len(row_tokens)
        ids = [TOKENS.index(token) for token in row_tokens]
        assert inputs["input_ids"][i].numpy().tolist() == ids + [0] * padding
        assert inputs["input_mask"][i].numpy().tolist() == [1] * len(ids) + [0] * padding
        assert inputs["segment_ids"][i].numpy().tolist() == segments + [0] * padding
        assert inputs["num_truncated_tokens"][i] == num_truncated
    assert all(tensor.dtype == tf.int32 for tensor in inputs.values())
    if rows:
        assert inputs["input_ids"].shape == (len(rows), width)


def laid_out(first: list, second: list | None, max_seq_length: int) -> tuple[list, list, int]:
    if second is None:
        kept = first[: max_seq_length - 2]
        return ["[CLS]", *kept, "[SEP]"], [0] * (len(kept) + 2), len(first) - len(kept)
    kept, kept_second = list(first), list(second)
    reference.truncate_pair(kept, kept_second, max_seq_length - 3)
    num_truncated = len(first) + len(second) - len(kept) - len(kept_second)
    row = ["[CLS]", *kept, "[SEP]", *kept_second, "[SEP]"]
    return row, [0] * (len(kept) + 2) + [1] * (len(kept_second) + 1), num_truncated


def test_encode_refuses_a_length_without_room(uncased):
    assert uncased.encode(["a"], max_seq_length=3)["input_ids"].shape == (1, 3)
    with pytest.raises(ValueError, match="max_seq_length is 2.*at least 3"):
        uncased.encode(["a"], max_seq_length=2)
    with pytest.raises(ValueError, match="max_seq_length is 4.*at least 5"):
        uncased.encode(["a"], ["b"], max_seq_length=4)


def test_encode_refuses_another_number_of_pairs(uncased):
    with pytest.raises(ValueError, match="2 texts, but 1 text_pairs"):
        uncased.encode(["a", "b"], ["c"], max_seq_length=9)


def test_a_matrix_of_texts_is_refused(uncased):
    with pytest.raises(ValueError, match="expected a text or a vector of them"):
        uncased.tokenize([["a"]])


def test_a_pipeline_gives_the_same_as_eager_with_static_shapes(tokenizer):
    texts = ["un äff,able", "", "a" * 201, "中 b [MASK]"]
    eager = tokenizer.encode(texts, texts[::-1], max_seq_length=12)
    dataset = tf.data.Dataset.from_tensor_slices((texts, texts[::-1]))
    dataset = dataset.batch(2, drop_remainder=True)
    dataset = dataset.map(lambda a, b: tokenizer.encode(a, b, max_seq_length=12))
    assert dataset.element_spec["input_ids"].shape == (2, 12)
    assert dataset.element_spec["num_truncated_tokens"].shape == (2,)
    batches = list(dataset.as_numpy_iterator())
    for name, tensor in eager.items():
        assert np.array_equal(np.concatenate([batch[name] for batch in batches]), tensor)


def test_decode_joins_pieces_and_leaves_special_tokens_out(uncased):
    inputs = uncased.encode(["Unwanted, unaffable", "", "中文 σοΣ"], ["a"] * 3, max_seq_length=16)
    decoded = [text.decode() for text in uncased.decode(inputs["input_ids"]).numpy()]
    assert decoded == ["unwanted , unaffable a", "a", "中 文 σος a"]
    ragged = uncased.tokenize(["runn", "running low"])
    assert uncased.decode(ragged).numpy().tolist() == [b"runn", b"running low"]


def test_saved_tokenizer_loads_equal(tmp_path, tokenizer):
    changed = WordPieceTokenizer(
        tokenizer.vocabulary,
        do_lower_case=tokenizer.do_lower_case,
        max_input_chars_per_word=100,
    )
    changed.save(str(tmp_path / "model"))
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == [
        "tokenizer_config.json",
        "vocab.txt",
    ]
    for path in (tmp_path / "model", tmp_path / "model" / "vocab.txt"):
        loaded = Tokenizer.from_folder(str(path))
        assert loaded.vocabulary == changed.vocabulary
        assert loaded.do_lower_case == changed.do_lower_case
        assert loaded.max_input_chars_per_word == 100


def test_special_tokens_alone_are_no_vocabulary():
    with pytest.raises(ValueError, match="these 5 tokens are no vocabulary of WordPiece"):
        WordPieceTokenizer(Vocabulary(SPECIAL_TOKENS))


@pytest.mark.parametrize(("extra", "lower"), [((), True), (("The",), False)])
def test_case_is_inferred_from_a_bare_vocabulary(tmp_path, caplog, extra, lower):
    Vocabulary((*SPECIAL_TOKENS, "the", *extra)).save(str(tmp_path / "vocab.txt"))
    with caplog.at_level("INFO", logger="absl"):
        tokenizer = Tokenizer.from_folder(str(tmp_path / "vocab.txt"))
    assert tokenizer.do_lower_case is lower
    assert f"do_lower_case={lower}, inferred" in caplog.text


def test_an_argument_overrides_the_saved_case_with_a_warning(tmp_path, caplog, uncased):
    uncased.save(str(tmp_path))
    with caplog.at_level("WARNING", logger="absl"):
        tokenizer = Tokenizer.from_folder(str(tmp_path), do_lower_case=False)
    assert tokenizer.do_lower_case is False
    assert "saved with do_lower_case=True" in caplog.text


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (json.dumps({"format_version": 3}), "format_version 3.*newer bert_tf"),
        ("{", "not JSON"),
        ("[]", "expected a JSON object"),
        (json.dumps({"do_lower_case": "no"}), "do_lower_case is 'no'; expected true or false"),
        (json.dumps({"max_input_chars_per_word": 0}), "max_input_chars_per_word is 0"),
        (json.dumps({"format_version": "1"}), "format_version is '1'; expected a whole number"),
    ],
)
def test_a_malformed_config_is_an_error_that_names_the_file(tmp_path, uncased, config, message):
    uncased.save(str(tmp_path))
    (tmp_path / "tokenizer_config.json").write_text(config)
    with pytest.raises(ValueError, match=rf"tokenizer_config\.json.*{message}"):
        Tokenizer.from_folder(str(tmp_path))


def test_a_folder_without_vocabulary_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"vocab\.txt: no such vocabulary file"):
        Tokenizer.from_folder(str(tmp_path))
