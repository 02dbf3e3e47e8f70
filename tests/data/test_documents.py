"""Documents: the three formats, their tolerances and their errors."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data.text import documents, lines


@pytest.fixture
def write(tmp_path):
    def write_file(name, content):
        data = content if isinstance(content, bytes) else content.encode("utf-8")
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return str(path)

    return write_file


LINES = "One cat.\nTwo cats.\n\n\nA second document.\n"
LINES_DOCUMENTS = [["One cat.", "Two cats."], ["A second document."]]


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.TXT"])
def test_lines_are_sentences_and_blank_lines_end_documents(write, name):
    assert list(documents.read_documents([write(name, LINES)])) == LINES_DOCUMENTS


def test_byte_order_mark_and_crlf_are_tolerated(write):
    path = write("a.txt", b"\xef\xbb\xbf" + LINES.replace("\n", "\r\n").encode())
    assert list(documents.read_documents(path)) == LINES_DOCUMENTS


def test_prose_is_one_document_whose_sentences_do_not_cross_paragraphs(write):
    path = write("a.md", "It rains. Mr. Smith sees\nthe rain. Then\n \nA heading\n\nDone.")
    expected = ["It rains.", "Mr. Smith sees the rain.", "Then", "A heading", "Done."]
    assert list(documents.read_documents([path], "prose")) == [expected]
    assert list(documents.read_texts([path], "prose")) == [
        "It rains. Mr. Smith sees\nthe rain. Then",
        "A heading",
        "Done.",
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_json_record_is_a_document_and_a_blank_one_is_empty(write, name):
    texts = ["It rains. It pours.\r\n\r\nThe end", " ", "é"]
    path = write(name, "\n\n".join(json.dumps({"text": text, "title": "x"}) for text in texts))
    assert list(documents.read_documents([path])) == [
        ["It rains.", "It pours.", "The end"],
        [],
        ["é"],
    ]
    assert list(documents.read_texts([path])) == ["It rains. It pours.\n\nThe end", "é"]


def test_a_line_longer_than_a_block_stays_whole(write, monkeypatch):
    monkeypatch.setattr(lines, "_BYTES_PER_READ", 7)
    assert list(documents.read_documents([write("a.txt", LINES)])) == LINES_DOCUMENTS


def test_globs_are_sorted_within_a_pattern_and_a_file_is_listed_once(write, tmp_path):
    for name in ["b.txt", "a.txt", "c.jsonl"]:
        write(name, "x")
    found = documents.expand_globs([f"{tmp_path}/c*", f"{tmp_path}/*.txt", f"{tmp_path}/a.*"])
    assert [path.rpartition("/")[2] for path in found] == ["c.jsonl", "a.txt", "b.txt"]


def test_a_name_with_glob_characters_is_found_literally(write):
    path = write("a[1].txt", "x")
    assert documents.expand_globs(path) == [path]


@pytest.mark.parametrize(
    ("name", "content", "input_format", "message"),
    [
        ("a.txt", b"", "auto", "a.txt: the file is empty"),
        ("a.txt", b" \n\n", "auto", "only blank lines"),
        ("a.txt", b"good\nb\xff\n", "auto", "a.txt:2: not UTF-8"),
        ("a.txt", "text".encode("utf-16"), "auto", "a.txt:1: not UTF-8"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', "auto", "a.jsonl:2: not JSON"),
        (
            "a.jsonl",
            b'{"title": "a"}\n',
            "auto",
            r"a.jsonl:1: .*\['title'\]; expected .*'text'",
        ),
        ("a.jsonl", b'{"text": 3}\n', "auto", "expected a JSON object with a string field 'text'"),
        ("a.jsonl", b'["text"]\n', "auto", "found no JSON object"),
        ("a.jsonl", b'{"text": "\\ud800"}\n', "auto", "a.jsonl:1: 'text' is not valid Unicode"),
        ("a.md", b"text", "auto", "a.md: the name does not tell the format"),
        ("a.txt", b"text", "words", "input_format is 'words'"),
    ],
)
def test_bad_input_is_named_with_file_and_line(write, name, content, input_format, message):
    path = write(name, content)
    with pytest.raises(ValueError, match=message):
        list(documents.read_documents([path], input_format))


def test_a_damaged_gzip_file_is_named(write, tmp_path):
    whole = (tmp_path / write("a.txt.gz", LINES)).read_bytes()
    for damaged in [whole[:-9], b"plain text"]:
        (tmp_path / "b.txt.gz").write_bytes(damaged)
        with pytest.raises(ValueError, match="b.txt.gz: not a whole gzip"):
            list(documents.read_documents(str(tmp_path / "b.txt.gz")))


def test_a_pattern_without_match_and_a_folder_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"no file matches '.*nothing/\*\.txt'"):
        documents.expand_globs([f"{tmp_path}/nothing/*.txt"])
    with pytest.raises(ValueError, match="is a folder"):
        documents.expand_globs([str(tmp_path)])
    with pytest.raises(ValueError, match="no input was given"):
        documents.expand_globs([])


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_splitting_loses_nothing_but_white_space(text):
    characters = "".join("".join(documents.split_sentences(text)).split())
    assert characters == "".join(text.split())
