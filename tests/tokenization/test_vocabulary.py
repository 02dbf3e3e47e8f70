"""The vocabulary file: what is read is what is written, and what is wrong is said."""

import hashlib

import numpy as np
import pytest

from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

TOKENS = (*SPECIAL_TOKENS, "the", "##s", "é", "[unused1]")


def write(path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def lines(*tokens: str) -> bytes:
    return "".join(token + "\n" for token in tokens).encode("utf-8")


def test_ids_are_line_numbers(tmp_path):
    vocabulary = Vocabulary.from_file(write(tmp_path / "vocab.txt", lines("x", *SPECIAL_TOKENS)))
    assert vocabulary.tokens == ("x", *SPECIAL_TOKENS)
    ids = (vocabulary.pad_id, vocabulary.unk_id, vocabulary.cls_id, vocabulary.sep_id)
    assert (*ids, vocabulary.mask_id) == vocabulary.special_ids == (1, 2, 3, 4, 5)
    assert len(vocabulary) == 6
    assert vocabulary.id_of("x") == 0


def test_saved_vocabulary_reads_back_equal_and_leaves_no_other_file(tmp_path):
    vocabulary = Vocabulary(TOKENS)
    vocabulary.save(str(tmp_path / "vocab.txt"))
    assert Vocabulary.from_file(str(tmp_path / "vocab.txt")) == vocabulary
    assert [path.name for path in tmp_path.iterdir()] == ["vocab.txt"]


def test_sha256_is_that_of_the_canonical_file(tmp_path):
    vocabulary = Vocabulary.from_file(write(tmp_path / "a", lines(*TOKENS)))
    assert vocabulary.sha256 == hashlib.sha256(lines(*TOKENS)).hexdigest()


@pytest.mark.parametrize("content", [lines(*TOKENS)[:-1], lines(*TOKENS).replace(b"\n", b"\r\n")])
def test_last_line_end_and_windows_line_ends_do_not_change_the_vocabulary(tmp_path, content):
    assert Vocabulary.from_file(write(tmp_path / "a", content)) == Vocabulary(TOKENS)


def test_white_space_around_a_token_is_cut_off_but_not_a_token_of_white_space(tmp_path):
    odd = (*SPECIAL_TOKENS, " x ", "y\t", "\u2028", "##\u2028", "\xa0", "a\x85b")
    read = Vocabulary.from_file(write(tmp_path / "a", lines(*odd)))
    assert read.tokens == (*SPECIAL_TOKENS, "x", "y", "\u2028", "##\u2028", "\xa0", "a\x85b")


def test_a_byte_order_mark_and_empty_lines_at_the_end_are_passed_over(tmp_path):
    content = b"\xef\xbb\xbf" + lines(*TOKENS) + b"\n\r\n"
    assert Vocabulary.from_file(write(tmp_path / "a", content)).tokens == TOKENS


def test_an_empty_line_and_a_nul_are_ids_that_no_text_reaches(tmp_path):
    tokens = (*SPECIAL_TOKENS, "the", "", "s", "", "a\0", "##\0b", "x y")
    vocabulary = Vocabulary.from_file(write(tmp_path / "a", lines(*tokens)))
    assert vocabulary.tokens == tokens
    ids = WordPieceTokenizer(vocabulary).tokenize(["the s a\0 xy"]).to_list()[0]
    assert ids == [5, 7, 1, 1]
    vocabulary.save(str(tmp_path / "b"))
    assert Vocabulary.from_file(str(tmp_path / "b")) == vocabulary


def test_continuations_are_known_and_read_only():
    is_continuation = Vocabulary(TOKENS).is_continuation
    assert is_continuation.dtype == np.bool_
    assert is_continuation.tolist() == [token == "##s" for token in TOKENS]
    with pytest.raises(ValueError, match="read-only"):
        is_continuation[0] = True


@pytest.mark.parametrize(
    ("token", "cased"),
    [("The", True), ("##S", True), ("É", True), ("the", False), ("<S>", False), ("[CLS]x", False)],
)
def test_upper_case_pieces_make_a_vocabulary_look_cased_but_markers_do_not(token, cased):
    assert Vocabulary((*SPECIAL_TOKENS, token)).looks_cased is cased


@pytest.mark.parametrize("missing", SPECIAL_TOKENS)
def test_a_missing_special_token_is_named(tmp_path, missing):
    path = write(tmp_path / "vocab.txt", lines(*(t for t in TOKENS if t != missing)))
    with pytest.raises(ValueError, match=rf"vocab\.txt: .*missing: \[{missing[1:-1]}\]$"):
        Vocabulary.from_file(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (lines(*TOKENS) + b"the\n", "line 10: token 'the' is already on line 6"),
        (lines(*TOKENS) + b"x\xff\n", r"line 10: not UTF-8 \(b'x\\xff'\)"),
    ],
)
def test_a_malformed_file_is_an_error_with_name_and_line(tmp_path, content, message):
    with pytest.raises(ValueError, match=rf"vocab\.txt.*{message}"):
        Vocabulary.from_file(write(tmp_path / "vocab.txt", content))


def test_a_missing_file_and_a_folder_are_errors(tmp_path):
    for path in (tmp_path / "nowhere.txt", tmp_path):
        with pytest.raises(ValueError, match="no such vocabulary file"):
            Vocabulary.from_file(str(path))


def test_a_token_with_a_line_break_is_refused_before_it_spoils_a_file():
    with pytest.raises(ValueError, match="line break"):
        Vocabulary((*TOKENS, "a\nb"))
