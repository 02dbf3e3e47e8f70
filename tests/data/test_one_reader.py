"""One reader for labelled tables: templates, encodings, empty texts, lists, and hints that help."""

import re

import pytest

from bert_tf.config import as_json
from bert_tf.data.labelled import columns, tables
from bert_tf.data.labelled.records import Reading
from bert_tf.data.text import encodings
from bert_tf.tasks.classification import Config, Facts, prepare
from bert_tf.tasks.classification.examples import TableFormat, read_examples
from bert_tf.tasks.classification.labels import MULTI, SINGLE


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="train.tsv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content.encode(encoding))
        return str(path)

    return write_file


TICKETS = 'id,Subject,Body,Queue\n1,Login,"no way\nin",IT\n2,Invoice,,Money\n'


def read_train(path, reading=None, **settings):
    return read_examples(
        path,
        prepare.table_format(Config(**settings), reading=reading or Reading()),
        with_labels=True,
    )


def test_a_template_makes_one_text_of_several_columns(write):
    examples = read_train(
        write(TICKETS, "t.csv"), text_column="{Subject}: {Body}", label_column="Queue"
    )
    assert examples.texts == ["Login: no way\nin", "Invoice: "]
    assert examples.lines == [2, 4]


def test_a_template_of_empty_columns_is_an_empty_text(write):
    path = write("a,b,label\n,,x\nc,,y\n", "t.csv")
    with pytest.raises(ValueError, match="t.csv:2: column 'a' and 'b' is empty"):
        read_train(path, text_column="{a}: {b}")


def test_a_column_with_braces_in_its_name_is_no_template(write):
    path = write("{a}\tlabel\nx\t1\ny\t0\n")
    assert read_train(path, text_column="{a}").texts == ["x", "y"]


# (settings, content of the file, what the hint must lead to)
HINTS = {
    "a comma": (
        {"text_column": "Subject,Body", "label_column": "Queue"},
        TICKETS,
        "Login no way\nin",
    ),
    "no usual text": ({"label_column": "Queue"}, TICKETS, "1"),
    "no usual label": ({"text_column": "Subject"}, TICKETS, "Login"),
    "a pair alone": ({"text_pair_column": "Body", "label_column": "Queue"}, TICKETS, None),
    "an empty text": ({}, "text,label\n,a\nx,a\ny,b\n", "x"),
    "no header": ({}, "x,a\ny,b\n", "x"),
    "a list": ({}, "text,label\nx,\"['a', 'b']\"\ny,['a']\n", "x"),
}


@pytest.mark.parametrize("name", HINTS)
def test_following_a_hint_helps(write, name):
    """The flags of the message are given; then the file is read, or the next message differs."""
    settings, content, text = HINTS[name]
    path, settings = write(content, "t.csv"), dict(settings)
    with pytest.raises(ValueError) as error:
        read_train(path, **settings)
    flags = re.findall(r"--config\.task\.(\w+)=(\"\([^\"]*\"|'[^']*'|\w+)", str(error.value))
    if text is None:  # the message names a setting without a value
        assert "set --config.task.text_column as well" in str(error.value)
        flags = [("text_column", "Subject")]
    flag, value = flags[-1] if name == "no header" else flags[0]
    settings[flag] = as_json.parse_setting(Config, flag, value.strip("\"'"), flag)
    assert read_train(path, **settings).texts[0] == (text or "Login")


def test_the_second_flag_of_a_hint_makes_a_pair(write):
    path = write(TICKETS, "t.csv")
    with pytest.raises(ValueError) as error:
        read_train(path, text_column="Subject,Body")
    pair = re.search(
        r"text_column='(\w+)' --config.task.text_pair_column='(\w+)'", str(error.value)
    )
    examples = read_train(path, text_column=pair[1], text_pair_column=pair[2], label_column="Queue")
    assert examples.text_pairs == ["no way\nin", ""]


def test_an_empty_text_is_answered_but_not_learned_and_an_empty_second_one_is_a_text(write):
    path = write("sentence1,sentence2,label\na,,x\n,b,y\n", "t.csv")
    where = r"t.csv:3: column 'sentence1' is empty.*--config.task.skip_faulty_rows=true"
    with pytest.raises(ValueError, match=where):
        read_train(path)
    for with_labels in (None, False):
        examples = read_examples(path, labels=["x", "y"], with_labels=with_labels)
        assert (examples.texts, examples.text_pairs) == (["a", ""], ["", "b"])


def test_columns_of_training_are_read_from_other_files(write):
    train = read_train(write(TICKETS, "t.csv"), text_column="Subject", label_column="Queue")
    facts = Facts(
        labels=train.labels, text_column=train.columns.text, label_column=train.label_column
    )
    path = write("sentence,Subject,Queue\nno,Bill,Money\n", "dev.csv")
    assert prepare.read(path, Config(), facts).texts == ["Bill"]
    path = write("sentence,Queue\nBill,Money\n", "other.csv")  # found by its usual name
    assert prepare.read(path, Config(), facts).texts == ["Bill"]


@pytest.mark.parametrize("labels", ["x\t-1\ny\t-1\n", "x\t\ny\t\n"])
def test_a_column_without_labels_is_no_error_in_a_file_that_is_only_answered(write, labels):
    path = write("sentence\tlabel\n" + labels, "test.tsv")
    assert read_examples(path, labels=["0", "1"]).label_ids is None


def test_a_file_that_is_only_answered_has_labels_in_all_rows_or_in_none(write):
    path = write("sentence\tlabel\nx\t1\ny\t\n", "test.tsv")
    with pytest.raises(ValueError, match=r"test.tsv:3: column 'label'"):
        read_examples(path, labels=["0", "1"])


@pytest.mark.parametrize(
    "value", ["['a', 'b']", '["a", "b"]', "[ 'a' , 'b' ]", "a, b", "['a', 'b', '']"]
)
def test_lists_as_text_are_lists(write, value):
    quoted = value.replace('"', '""')
    path = write(f'text,labels\nx,"{quoted}"\ny,[]\nz,"b,c"\n', "t.csv")
    examples = read_train(path, problem_type=MULTI)
    assert examples.labels == ("a", "b", "c")
    assert examples.label_ids.tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 1]]


@pytest.mark.parametrize("value", ["['a' 'b']", "['a', 'b'", "[a, b]", "['a', ['b']]"])
def test_what_begins_as_a_list_and_is_none_is_refused(write, value):
    path = write(f'text,labels\nx,"{value}"\ny,"b,c"\n', "t.csv")
    with pytest.raises(ValueError, match=r"t.csv:2: column 'labels' is .* begins like a list"):
        read_train(path, problem_type=MULTI)


def test_pieces_of_lists_and_quotes_in_labels_are_warned_about(write, caplog):
    path = write("text\tlabels\nx\t'a;b'\ny\tc\n")
    read_train(path, problem_type=MULTI, label_separator=";")
    assert "brackets or quotes are part of the labels 'a, b'." in caplog.text


@pytest.mark.parametrize("problem_type", [SINGLE, MULTI])
def test_a_number_may_be_spelled_in_another_way_than_in_training(write, problem_type, caplog):
    path = write("text\tlabel\nx\t1.0\ny\t0.0\n", "dev.tsv")
    table = TableFormat(problem_type=problem_type)
    examples = read_examples(path, table, labels=["0", "1"], with_labels=True)
    expected = [1, 0] if problem_type == SINGLE else [[0, 1], [1, 0]]
    assert examples.label_ids.tolist() == expected
    assert "'1.0' is read as the label '1'" in caplog.text


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_a_file_of_another_encoding_is_read_when_it_is_told(write, encoding, name):
    between = "," if name == "t.csv" else "\t"
    path = write(f"text{between}label\r\nMöchte{between}ä\r\nÉté{between}b\r\n", name, encoding)
    examples = read_train(path, Reading(encoding=encoding))
    assert (examples.texts, examples.labels) == (["Möchte", "Été"], ("b", "ä"))
    assert examples.lines == [2, 3]


SENTENCES = {
    "cp1252": "Möchten Sie ein Café? Größe überall",
    "utf-16": "plain",
    "utf-16-le": "plain text",
    "shift_jis": "これは日本語です",
    "euc_jp": "これは日本語です",
    "euc_kr": "한국어 문장입니다",
    "gb18030": "这是一个中文的句子。",
    "cp1251": "Привет, мир",
}


@pytest.mark.parametrize("encoding", SENTENCES)
def test_a_file_that_is_not_utf8_is_refused_with_what_it_is(write, encoding):
    path = write(f"text\tlabel\n{SENTENCES[encoding]}\tx\nb\ty\n", encoding=encoding)
    with pytest.raises(
        ValueError, match=rf"train.tsv:\d: not UTF-8 .*--encoding={encoding}, "
    ) as error:
        read_train(path)
    flag = re.search(r"--encoding=([\w-]+),", str(error.value))[1]
    assert read_train(path, Reading(encoding=flag)).texts[0] == SENTENCES[encoding].strip()


@pytest.mark.parametrize("encoding", ["klingon", "base64", ""])
def test_an_encoding_that_does_not_exist_is_named(encoding):
    with pytest.raises(ValueError, match=f"--encoding={encoding}: no such encoding"):
        encodings.check(encoding)


def test_a_table_of_another_name_is_read_by_its_format(write):
    path = write("text\tlabel\nx\ta\ny\tb\n", "tickets.txt")
    with pytest.raises(
        ValueError, match="For another name, pass --input_format=tsv, csv, jsonl or parquet"
    ):
        read_train(path)
    assert read_train(path, Reading("tsv")).texts == ["x", "y"]


def test_columns_that_nobody_named_are_said_in_one_line(write, caplog):
    caplog.set_level("INFO", logger="absl")
    path = write("text\tlabel\nx\ta\ny\tb\n")
    read_train(path)
    assert f"{path}: texts from 'text', labels from 'label'" in caplog.text


def test_a_table_is_read_in_constant_memory(write):
    import tracemalloc

    path = write("text\tlabel\n" + "one more row of the table\tx\n" * 200_000)
    tracemalloc.start()
    count = sum(1 for _ in tables.iterate_table(path, columns=["text"]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 200_000 and peak < 6 << 20  # the file has 5.6 MB


def test_a_name_in_another_case_is_suggested(write):
    with pytest.raises(ValueError, match="column 'subject' is unknown.*Did you mean 'Subject'?"):
        read_train(write(TICKETS, "t.csv"), text_column="subject")


def test_settings_name_columns_once():
    assert columns.TextColumns("{a} {b}", "{b} {c}").names() == ["a", "b", "c"]


@pytest.mark.parametrize("settings", [{}, {"text_column": "text"}])
def test_another_separator_is_named(write, settings):
    with pytest.raises(ValueError, match="';' seems to separate the fields. Expected commas"):
        read_train(write("text;label\na;x\nb;y\n", "t.csv"), **settings)
    path = write("text\tlabel\na\tx\nb\ty\n", "t.csv")
    with pytest.raises(ValueError, match="Tabs separate the fields: pass --input_format=tsv"):
        read_train(path, **settings)
    assert read_train(path, Reading("tsv"), **settings).texts == ["a", "b"]
