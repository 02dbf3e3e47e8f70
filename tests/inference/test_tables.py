"""predict.py on tables: the columns of training are read, all others come back with the answer."""

import csv
import gzip
import io
import json

import pytest

from bert_tf import model_folder
from bert_tf.data.labelled.records import Reading
from bert_tf.inference import answer_formats, answerers, rows, stream
from bert_tf.tasks.classification import Facts
from tests.export.models import make
from tests.scripts.test_bad_input import call

ROWS = [
    {"id": "7", "Subject": "the hen", "Body": 'sees "the", cow\nagain 🙂', "label": "x"},
    {"id": "8", "Subject": "", "Body": "", "label": ""},
    {"id": "9", "Subject": "b", "Body": "", "label": "no"},
]
TEXTS = ['the hen: sees "the", cow\nagain 🙂', "", "b: "]


def make_tickets():
    task, model = make()
    facts = Facts(labels=task.facts.labels, text_column="{Subject}: {Body}")
    return task.with_facts(facts), model


@pytest.fixture(scope="module")
def answerer():
    return answerers.of_model(*make_tickets())


def write(folder, kind):
    """The same rows as a table of each kind."""
    path = folder / f"tickets.{kind}"
    if kind.startswith("csv"):
        buffer = io.StringIO(newline="")
        writer = csv.DictWriter(buffer, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
        content = buffer.getvalue().encode()
        path.write_bytes(gzip.compress(content) if kind.endswith(".gz") else content)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    return str(path)


def lines_of(path, answerer, reading=None, **given):
    return list(rows.read(path, answerer.task, reading or Reading(), given))


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "jsonl", "parquet"])
def test_a_table_is_read_by_the_columns_of_training_and_all_columns_come_back(
    answerer, kind, tmp_path
):
    lines = lines_of(write(tmp_path, kind), answerer)
    assert [line.texts for line in lines] == [(text,) for text in TEXTS]
    assert [dict(line.given) for line in lines] == ROWS
    answers = stream.answer_window(answerer, lines, 2, "x")
    assert [answer["id"] for answer in answers] == ["7", "8", "9"]
    assert answers[0]["given_label"] == "x" and answers[0]["label"] in ("no", "yes", "maybe")
    plain = stream.answer_window(answerer, [stream.Line(1, TEXTS[0])], 1, "x")[0]
    assert answers[0]["probabilities"] == pytest.approx(plain["probabilities"], abs=1e-5)


def test_the_header_of_a_tsv_is_no_text(answerer, tmp_path):
    (tmp_path / "head.tsv").write_text("sentence\tlabel\ngood one\t1\nbad\t0\n")
    lines = lines_of(str(tmp_path / "head.tsv"), answerer)  # usual names, where the file has others
    assert [(line.number, line.texts) for line in lines] == [(2, ("good one",)), (3, ("bad",))]


def test_a_table_of_another_name_or_from_standard_input_is_read_by_its_format(
    answerer, tmp_path, monkeypatch
):
    content = b"Subject,Body\na,b\n"
    (tmp_path / "t.txt").write_bytes(content)
    path = str(tmp_path / "t.txt")
    assert [line.text for line in lines_of(path, answerer)] == ["Subject,Body", "a,b"]
    assert lines_of(path, answerer, Reading("csv"))[0].texts == ("a: b",)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert lines_of(None, answerer, Reading("csv"))[0].texts == ("a: b",)


def test_a_table_may_be_read_as_lines(answerer, tmp_path):
    (tmp_path / "t.tsv").write_text("one\ttext\n")
    assert lines_of(str(tmp_path / "t.tsv"), answerer, Reading("lines"))[0].text == "one\ttext"


def test_pairs_and_questions_are_read_from_tables(tmp_path):
    pair = answerers.of_model(*make(text_pairs=True))
    (tmp_path / "p.csv").write_text("id,premise,hypothesis\n1,a,\n2,,b\n")
    lines = lines_of(str(tmp_path / "p.csv"), pair)
    assert [line.texts for line in lines] == [("a", ""), ("", "b")]
    assert len(stream.answer_window(pair, lines, 8, "x")) == 2
    (tmp_path / "p.csv").write_text("id,one,two\n1,a,b\n")
    with pytest.raises(ValueError, match="text_pair_column='one'|text_column='id'"):
        lines_of(str(tmp_path / "p.csv"), pair)
    question = answerers.of_model(*make("question_answering"))
    (tmp_path / "q.csv").write_text("id,question,context\n4,the hen,the cow sees the hen\n")
    (line,) = lines_of(str(tmp_path / "q.csv"), question)
    assert line.texts == ("the hen", "the cow sees the hen") and dict(line.given) == {
        "id": "4",
        "question": "the hen",
    }


def test_a_model_without_settings_of_columns_is_told_them_all_the_same(tmp_path):
    pretrained = answerers.of_model(*make("pretraining"))
    (tmp_path / "t.csv").write_text("7,the [MASK]\n")
    (line,) = lines_of(
        str(tmp_path / "t.csv"), pretrained, header="('id','words')", text_column="words"
    )
    assert line.texts == ("the [MASK]",)


BAD = {
    "no column": (
        "t.csv",
        "a,b\n1,2\n",
        "t.csv:1: no column has a usual name.*--input_format=lines",
    ),
    "a list": ("t.jsonl", '{"text": ["a"]}\n', "t.jsonl:1: column 'text' holds a JSON list"),
    "ragged": ("t.csv", "text,id\na,1\nb\n", "t.csv:3: 1 fields, but the header has 2"),
    "half a pair": ("t.jsonl", '{"text": "a", "k": "\\udc00"}\n', "t.jsonl:1: half a surrogate"),
    "no rows": ("t.tsv", "text\n", "t.tsv: no rows below the header"),
    "encoding": ("t.csv", "text\nÄrger".encode("cp1252"), "t.csv:2: not UTF-8.*--encoding=cp1252"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_is_an_error_that_says_where(answerer, name, tmp_path):
    file, content, message = BAD[name]
    (tmp_path / file).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ValueError, match=message):
        lines_of(str(tmp_path / file), answerer)


def test_rows_are_answered_before_the_rest_is_read(answerer, tmp_path):
    (tmp_path / "t.tsv").write_bytes(b"text\n" + b"good\n" * 3 + b"\xff\n")
    read = rows.read(str(tmp_path / "t.tsv"), answerer.task, Reading())
    assert [next(read).texts for _ in range(3)] == [("good",)] * 3


def test_answers_as_a_table_are_read_back():
    answers = [
        {"id": "1", "text": 'a, "b"\nc', "label": None, "probabilities": {"x": 0.5, "y": 0.25}},
        {"id": "2", "text": "", "label": "x", "probabilities": {"x": 1.0, "y": 0.0}},
    ]
    lines = answer_formats.AnswerFormat("csv").lines(answers, [2, 4])
    read = list(csv.reader(io.StringIO("\n".join(lines), newline="")))
    assert read[0] == ["id", "text", "label", "probabilities.x", "probabilities.y"]
    assert read[1:] == [["1", 'a, "b"\nc', "", "0.5", "0.25"], ["2", "", "x", "1.0", "0.0"]]
    further = answer_formats.AnswerFormat("csv", with_header=False).lines(answers, [2, 4])
    assert "\n".join(lines).endswith("\n".join(further)) and len(further) == 2


def test_what_a_table_cannot_hold_is_named():
    with pytest.raises(ValueError, match="line 3 .* 'text' contains a tab or a line end.*=csv"):
        answer_formats.AnswerFormat("tsv").lines([{"text": "a\tb"}], [3])
    with pytest.raises(ValueError, match="line 4 .* has 'k', which the first lacks"):
        answer_formats.AnswerFormat("csv").lines([{"a": 1}, {"a": 1, "k": 2}], [3, 4])


def test_the_script_answers_a_table_with_a_table(tmp_path):
    task, model = make_tickets()
    model_folder.save(str(tmp_path / "model"), task, model, {})
    output = tmp_path / "answered.csv"
    code, error = call(
        "predict", model=tmp_path / "model", input=write(tmp_path, "csv"), output=output
    )
    assert code == 0, error
    with open(output, newline="") as file:
        answered = list(csv.DictReader(file))
    assert [row["id"] for row in answered] == ["7", "8", "9"]
    assert answered[0]["Body"] == ROWS[0]["Body"]
    assert {"given_label", "label", "probabilities.no"} < set(answered[0])
