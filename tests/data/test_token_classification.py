"""Files of tagged words: reading, complaints, rows."""

import re

import numpy as np
import pytest

from bert_tf.config import as_json
from bert_tf.tasks.token_classification import Config, Facts, prepare
from bert_tf.tasks.token_classification.columns import read_sentences
from bert_tf.tasks.token_classification.rows import encode_tagged
from bert_tf.tasks.token_classification.tagged_files import TagFormat, read_tagged
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

CONLL = """-DOCSTART- -X- O O

Anna NNP I-NP I-PER
Bo NNP I-NP B-PER
in IN I-PP O

Rome NNP I-NP I-LOC

-DOCSTART- -X-

nothing NN I-NP O
"""
TOKENIZER = WordPieceTokenizer(
    Vocabulary([*SPECIAL_TOKENS, "anna", "bo", "in", "rome", "no", "##thing", "##s"])
)


@pytest.fixture
def write(tmp_path):
    def write(text, name="tags.txt"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_sentences_documents_and_lines_are_read(write):
    sentences = read_sentences(write(CONLL))
    assert [s.words for s in sentences] == [["Anna", "Bo", "in"], ["Rome"], ["nothing"]]
    assert [s.tags for s in sentences] == [["I-PER", "B-PER", "O"], ["I-LOC"], ["O"]]
    assert [s.lines for s in sentences] == [[3, 4, 5], [7], [11]]
    assert [s.document for s in sentences] == [0, 0, 1]


@pytest.mark.parametrize(
    "text",
    [
        "a\tO\nb c\tB-X\n",
        "\ufeffa\tO\r\nb c\tB-X\r\n\r\n\r\n",
        "# id = 1\na\tO\nb c\tB-X",
        "# newdoc\n# 1\n\n# id = 1\na\tO\nb c\tB-X\n",
        "# newdoc\n1\ta\tO\n2\tb c\tB-X\n\n# newpar\n",
        "1\ta\tO\n2\tb c\tB-X\n",
    ],
)
def test_tabs_marks_comments_and_columns_do_not_matter(write, text):
    column = 2 if "1\ta" in text else None
    (sentence,) = read_sentences(write(text), word_column=column)
    assert (sentence.words, sentence.tags) == (["a", "b c"], ["O", "B-X"])


def test_a_hash_is_a_word_if_it_has_a_tag(write):
    first, second = read_sentences(write("# O\na O\n\n# X O O\n# O\n"))
    assert (first.words, second.words) == (["#", "a"], ["#"])
    (only,) = read_sentences(write("# 1 of 1\n# O\n"))
    assert only.words == ["#"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a O\nb\n", ":2: one column .*as --test_data"),
        ("a O\n\nb x O\n", ":3: 3 columns, but the rows before have 2"),
        ("a\tO\nb\t\n", ":2: column 2 is empty"),
        ("\n\n", ": no words"),
        ("a O\n\n-DOCSTART- O\n\nb O\n", ":1: a sentence before the first"),
        (b"a O\n\xe9 O\n", ":2: not UTF-8"),
        ("a B-X\nb B-X\nc O\nd I-X\n", ":4: the tag 'I-X' stands after 'O', .* in iob2"),
        ("a B-X\nb E-X\n\nc B-X\n\n", ":4: a sentence ends after 'B-X', .* in bioes"),
        ("a B-X\n\nb 0\n", ":3: the tag '0' of 'b' is neither 'O' nor B-, .*tag_scheme=plain"),
        ("a B-X\nb o\n", ":2: the tag 'o' of 'b' is neither 'O' nor"),
        ("a B-X\nb L-X\n", ":2: the tag 'L-X' of 'b' is neither .* BILOU.s L- and U-"),
        ("# 1\na B-X\nb O\n", ":1: the tag '1' of '#' is neither 'O' nor"),
        ("a O\nb O\n", ": every word has the tag 'O'"),
    ],
)
def test_bad_files_are_named_with_their_line(write, text, message):
    with pytest.raises(ValueError, match=message) as error:
        read_tagged(write(text), TagFormat(strict=True))
    assert "\n" not in str(error.value) and "tags.txt" in str(error.value)


def test_faulty_tags_are_read_as_others_read_them_and_counted(write, caplog):
    sentences, labels, scheme = read_tagged(write("a B-X\nb B-X\nc O\nd I-X\n\nb B-X\n"))
    assert "1 of 2 sentences have invalid tags" in caplog.text
    assert "tags.txt:4: the tag 'I-X' stands after 'O'" in caplog.text
    assert (sentences[0].tags, scheme) == (["B-X", "B-X", "O", "B-X"], "iob2")
    assert labels == ("O", "B-X", "I-X")


def test_what_is_no_tag_of_an_entity_is_not_repaired_but_may_be_plain(write):
    path = write("a B-X\nb 0\n")
    for scheme in ("auto", "iob2"):
        with pytest.raises(ValueError, match=":2: the tag '0' of 'b' is neither"):
            read_tagged(path, TagFormat(scheme=scheme))
    assert read_tagged(path, TagFormat(scheme="plain"))[1:] == (("0", "B-X"), "plain")
    assert read_tagged(path, labels=("0", "B-X"))[2] == "plain"  # as the model that it trained


def test_a_tag_that_training_did_not_have_is_named(write):
    with pytest.raises(ValueError, match=r":2: the tag 'B-Y' was not seen .* O, B-X, I-X"):
        read_tagged(write("a B-X\nb B-Y\n"), labels=("O", "B-X", "I-X"))


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "bioes"])
def test_tags_are_written_in_the_scheme_of_the_labels(write, scheme):
    sentences, labels, _ = read_tagged(write(CONLL), model_scheme=scheme)
    first = {"iob1": ["I-PER", "B-PER"], "iob2": ["B-PER"] * 2, "bioes": ["S-PER"] * 2}
    assert sentences[0].tags == [*first[scheme], "O"]
    assert len(labels) == {"iob1": 5, "iob2": 5, "bioes": 9}[scheme]
    again, _, found = read_tagged(write(CONLL), labels=labels)
    assert again == sentences or scheme == "iob1"
    assert found == ("iob2" if scheme == "iob1" else scheme)


def test_parts_of_speech_are_plain(write):
    sentences, labels, scheme = read_tagged(write(CONLL), TagFormat(tag_column="2"))
    assert (labels, scheme) == (("IN", "NN", "NNP"), "plain")
    assert sentences[0].tags == ["NNP", "NNP", "IN"]


def encode(sentences, labels, length, stride, **options):
    return encode_tagged(
        "file", sentences, labels, TOKENIZER, max_seq_length=length, stride=stride, **options
    )


@pytest.mark.parametrize("context", [False, True])
@pytest.mark.parametrize(("length", "stride"), [(3, 1), (5, 2), (16, 8)])
def test_every_word_is_predicted_once_at_its_first_token(write, context, length, stride):
    text = CONLL.replace("nothing NN", "nothings NN").replace("in IN", "\u200b IN")
    sentences, labels, _ = read_tagged(write(text))
    data = encode(sentences, labels, length, stride, document_context=context)
    ids = data.arrays["input_ids"][data.word_rows, data.word_positions]
    tokens = [TOKENIZER.vocabulary.tokens[i] for i in ids]
    tokens = [t if isinstance(t, str) else t.decode() for t in tokens]
    assert tokens == ["anna", "bo", "[UNK]", "rome", "no"]
    assert data.arrays["label_weights"].sum() == 5
    tags = data.arrays["label_ids"][data.word_rows, data.word_positions]
    assert [labels[tag] for tag in tags] == [tag for s in sentences for tag in s.tags]
    assert np.all(data.arrays["label_weights"][data.word_rows, data.word_positions] == 1)


def test_document_context_shows_the_neighbours_and_stays_in_the_document(write):
    sentences, labels, _ = read_tagged(write(CONLL))
    alone = encode(sentences, labels, 16, 8)
    together = encode(sentences, labels, 16, 8, document_context=True)
    assert alone.arrays["input_mask"].sum(axis=1).tolist() == [5, 3, 4]
    assert together.arrays["input_mask"].sum(axis=1).tolist() == [6, 4]


def test_document_context_needs_documents(write):
    sentences, labels, _ = read_tagged(write("a B-X\nb O\n"))
    with pytest.raises(ValueError, match="no -DOCSTART- lines.*document_context=false"):
        encode(sentences, labels, 16, 8, document_context=True)


@pytest.mark.parametrize("length", [1, 2])
def test_a_row_without_room_is_refused(write, length):
    sentences, labels, _ = read_tagged(write(CONLL))
    with pytest.raises(ValueError, match=f"a row of {length} tokens has no room for a word"):
        encode(sentences, labels, length, 8)


RECORDS = """{"id": 1, "tokens": ["Anna", "sleeps"], "ner_tags": ["B-PER", "O"]}
{"id": 2, "tokens": ["in", "New", "York"], "ner_tags": ["O", "B-LOC", "I-LOC"]}
"""
NAMES = ("O", "B-PER", "B-LOC", "I-LOC")


def test_sentences_as_json_lines_are_read(write):
    sentences, labels, scheme = read_tagged(write(RECORDS, "tags.jsonl"))
    assert [s.words for s in sentences] == [["Anna", "sleeps"], ["in", "New", "York"]]
    assert [s.tags for s in sentences] == [["B-PER", "O"], ["O", "B-LOC", "I-LOC"]]
    assert (sentences[1].lines, scheme) == ([2] * 3, "iob2")
    assert labels == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


def test_tags_that_are_numbers_have_the_names_that_the_settings_give(write, tmp_path):
    import pyarrow
    from pyarrow import parquet

    rows = [
        {"tokens": ["Anna", "sleeps"], "ner_tags": [1, 0]},
        {"tokens": ["in", "New", "York"], "ner_tags": [0, 2, 3]},
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "tags.parquet")
    expected = read_tagged(write(RECORDS, "tags.jsonl"))
    assert read_tagged(str(tmp_path / "tags.parquet"), TagFormat(tag_names=NAMES)) == expected
    with pytest.raises(ValueError, match="tags.parquet:1: the tags are numbers.*tag_names="):
        read_tagged(str(tmp_path / "tags.parquet"))
    with pytest.raises(ValueError, match="tags.parquet:2: 'ner_tags' holds 3. .* from 0 to 2"):
        read_tagged(str(tmp_path / "tags.parquet"), TagFormat(tag_names=NAMES[:3]))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ('{"tokens": ["a", "b"], "ner_tags": ["O"]}', "2 words .tokens., but 1 tags"),
        ('{"tokens": "a b", "ner_tags": ["O"]}', "'tokens' is 'a b'. Expected a list"),
        ('{"tokens": ["a", ""], "ner_tags": ["O", "O"]}', "'tokens' holds ''. Expected words"),
        ('{"tokens": ["a"], "ner_tags": [null]}', "'ner_tags' holds None. Expected tags"),
        ('{"tokens": ["a"], "x": ["O"]}', "no list of tags .*: tokens, x. .*label_column=KEY"),
        ('{"text": "a", "tags": ["O"]}', "no list of words .*: text, tags. .*text_column=KEY"),
    ],
)
def test_bad_records_are_named_with_their_line(write, record, message):
    with pytest.raises(ValueError, match=f"tags.jsonl:1: {message}"):
        read_tagged(write(record, "tags.jsonl"))


@pytest.mark.parametrize("name", ["tags.jsonl", "tags.txt"])
def test_words_alone_are_read_where_no_tags_are_needed(write, name):
    path = write('{"tokens": ["a", "b"]}' if name == "tags.jsonl" else "a\nb\n", name)
    sentences, labels, _ = read_tagged(path, TagFormat(needs_tags=False), labels=("O", "B-X"))
    assert (sentences[0].words, sentences[0].tags) == (["a", "b"], [])
    data = encode(sentences, labels, 16, 8)
    assert data.arrays["label_weights"].sum() == 2


def test_an_underscore_separates_as_a_hyphen_does(write):
    sentences, labels, scheme = read_tagged(write("a B_PER\nb I_PER\nc O\n\nd B_LOC\n"))
    assert sentences[0].tags == ["B-PER", "I-PER", "O"] and scheme == "iob2"
    assert labels == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    path = write("a B-PER\nb I-PER\nc O\n", "dev.txt")  # for a model of others
    sentences, _, _ = read_tagged(path, labels=("B_PER", "I_PER", "O"))
    data = encode(sentences, ("B_PER", "I_PER", "O"), 16, 8)
    assert data.arrays["label_ids"][0, 1:4].tolist() == [0, 1, 2]


def test_plain_tags_beside_o_are_said(write, caplog):
    assert read_tagged(write("a PER\nb O\n"))[2] == "plain"
    assert "the tags are PLAIN (O, PER)" in caplog.text


def test_a_line_of_nothing_but_a_byte_order_mark_is_a_blank_one(write, caplog):
    sentences = read_sentences(write("a\tO\n\ufeff\nb\tB-X\n"))
    assert [s.words for s in sentences] == [["a"], ["b"]]
    assert "1 lines have only U+FEFF and are read as blank lines, first: line 2" in caplog.text


def test_a_prefix_of_every_word_is_left_out_when_it_is_named(write, caplog):
    path = write("en:Anna\tB-X\nen:sleeps\tO\n")
    assert read_tagged(path)[0][0].words == ["en:Anna", "en:sleeps"]
    assert "pass --config.task.word_prefix=en:" in caplog.text
    assert read_tagged(path, TagFormat(word_prefix="en:"))[0][0].words == ["Anna", "sleeps"]
    with pytest.raises(ValueError, match=":1: the word is 'en:Anna'; expected 'de:'"):
        read_tagged(path, TagFormat(word_prefix="de:"))


# (settings, name of the file, its content)
HINTS = {
    "numbers": ({}, "n.jsonl", '{"tokens": ["a", "b"], "ner_tags": [1, 2]}'),
    "no entity's tag": ({}, "t.txt", "a B-X\nb NN\n"),
    "strict": ({"strict_tags": True, "file_tag_scheme": "iob2"}, "t.txt", "a O\nb I-X\n"),
}


@pytest.mark.parametrize("name", HINTS)
def test_following_a_hint_about_tags_helps(write, name):
    settings, file, content = HINTS[name]
    path = write(content, file)
    with pytest.raises(ValueError) as error:
        prepare.read(path, Config(**settings), Facts())
    flag, value = re.search(r"--config\.task\.(\w+)=(\"[^\"]*\"|\w+)", str(error.value)).groups()
    value = as_json.parse_setting(Config, flag, value.strip('"'), flag)
    assert prepare.read(path, Config(**settings | {flag: value}), Facts())[0][0].words == ["a", "b"]
