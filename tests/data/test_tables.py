"""Tables are read exactly, and every complaint names the file, the line and the column."""

import csv
import datetime
import decimal
import gzip
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data.labelled import tables


@pytest.fixture
def write(tmp_path):
    """Writes bytes or text under a name and returns the path."""

    def write_file(name, content):
        content = content.encode("utf-8") if isinstance(content, str) else content
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return str(path)

    return write_file


def _error(path, columns=("sentence", "label")):
    with pytest.raises(ValueError) as error:
        tables.read_table(path, columns=columns)
    assert str(error.value).startswith(path)
    return str(error.value).removeprefix(path)


_SAME_TABLE = {
    "a.tsv": "id\tsentence\tlabel\n1\tGood film.\tpos\n2\tBad, bad\tneg\n",
    "a.csv": 'id,sentence,label\n1,Good film.,pos\n2,"Bad, bad",neg\n',
    "a.jsonl": '{"id": 1, "sentence": "Good film.", "label": "pos"}\n'
    '{"label": "neg", "sentence": "Bad, bad"}\n',
}


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("name", _SAME_TABLE)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_every_format_gives_the_same_rows(write, name, suffix, mark, line_end):
    content = mark + _SAME_TABLE[name].replace("\n", line_end)
    rows = tables.read_table(write(name + suffix, content), columns=["label", "sentence"])
    assert [row.values for row in rows] == [("pos", "Good film."), ("neg", "Bad, bad")]
    assert [row.line for row in rows] == ([1, 2] if "jsonl" in name else [2, 3])


@pytest.mark.parametrize("name", _SAME_TABLE)
def test_column_names_are_read_without_the_byte_order_mark(write, name):
    path = write(name, "\ufeff" + _SAME_TABLE[name])
    assert tables.read_column_names(path) == ["id", "sentence", "label"]


def test_a_last_line_without_an_end_counts_and_blank_lines_may_follow_the_last(write):
    assert len(tables.read_table(write("a.tsv", "label\nx\ny"), columns=["label"])) == 2
    assert len(tables.read_table(write("b.tsv", "label\nx\ny\n\n\r\n"), columns=["label"])) == 2


def test_a_quote_in_a_tsv_is_a_character_like_any_other(write):
    path = write("a.tsv", 'sentence\tlabel\n"Stop\t0\nit" he said\t1\n')
    assert [row.values[0] for row in tables.read_table(path, columns=["sentence"])] == [
        '"Stop',
        'it" he said',
    ]


def test_a_quoted_csv_field_may_hold_commas_quotes_and_line_ends(write):
    path = write("a.csv", 'sentence,label\n"a, ""b""\n\nc",0\nd,1\n')
    assert tables.read_table(path, columns=["sentence"]) == [(2, ('a, "b"\n\nc',)), (5, ("d",))]


def test_only_a_line_feed_ends_a_line(write):
    path = write("a.tsv", "sentence\nnext\u2028line\x0bform\x0cfeed\x85\n")
    assert tables.read_table(path, columns=["sentence"])[0].values == (
        "next\u2028line\x0bform\x0cfeed\x85",
    )


def test_numbers_and_booleans_of_json_become_their_json_spelling(write):
    path = write("a.jsonl", '{"a": 1, "b": 0.5, "c": true, "d": [1]}\n')
    assert tables.read_table(path, columns=["a", "b", "c"])[0].values == ("1", "0.5", "true")


@pytest.fixture
def write_parquet(tmp_path):
    """Writes {column: (values, name of its type)} and returns the path."""
    import pyarrow
    from pyarrow import parquet

    def write_file(**columns):
        arrays = {n: pyarrow.array(*values) for n, values in columns.items()}
        path = str(tmp_path / "a.parquet")
        parquet.write_table(pyarrow.table(arrays), path)
        return path

    return write_file


def test_bytes_decimals_dates_and_floats_of_parquet_are_text_without_quotes(write_parquet):
    import pyarrow

    path = write_parquet(
        bytes=(["gréat".encode()], "binary"),
        decimal=([decimal.Decimal("3.50")], pyarrow.decimal128(9, 2)),
        zero=([decimal.Decimal(0)], pyarrow.decimal128(12, 10)),
        date=([datetime.date(2020, 1, 2)], "date32"),
        half=([0.5], "float32"),
    )
    columns = ["bytes", "decimal", "zero", "date", "half"]
    values = ("gréat", "3.50", "0.0000000000", "2020-01-02", "0.5")
    assert tables.read_table(path, columns=columns) == [(1, values)]


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ([b"caf\xe9"], "binary", ":1: column 'label' holds bytes that are not UTF-8 (byte 4 is"),
        ([0.0, float("nan")], "float64", ":2: column 'label' is nan, which counts as missing"),
        ([0, None], "int64", ":2: column 'label' is missing or null"),
        ([5], "duration[s]", ":1: column 'label' holds a timedelta. Expected text"),
    ],
)
def test_what_is_no_text_in_parquet_is_an_error_that_says_where(
    write_parquet, values, kind, message
):
    path = write_parquet(sentence=(["x"] * len(values), "string"), label=(values, kind))
    assert _error(path).startswith(message)


def test_what_is_missing_is_an_empty_list_where_lists_may_be_empty(write):
    path = write("a.jsonl", '{"labels": NaN}\n{"labels": null}\n{"labels": ["a", 1]}\n')
    rows = tables.read_table(path, columns=["labels"], lists=["labels"])
    assert [row.values[0] for row in rows] == ["", "", ["a", "1"]]


def test_rows_are_yielded_before_the_rest_is_read(write):
    path = write("a.tsv", b"sentence\n" + b"good\n" * 3 + b"\xff\n")
    rows = tables.iterate_table(path, columns=["sentence"])
    assert [next(rows).values for _ in range(3)] == [("good",)] * 3
    with pytest.raises(ValueError, match="a.tsv:5: not UTF-8"):
        next(rows)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", "", ": the file is empty"),
        ("a.csv.gz", "", ": the file is empty"),
        ("a.jsonl", "\n\n", ": the file is empty"),
        ("a.tsv", "sentence\tlabel\n", ": no rows below the header"),
        ("a.tsv", b"sentence\tlabel\nol\xe9\t1\n", ":2: not UTF-8 (byte 3 of the line is 0xe9)"),
        ("a.csv", "sentence,label\nx,1\n".encode("utf-16"), ":1: not UTF-8"),
        ("a.tsv", "sentence\tlabel\nx\t1\ny\n", ":3: 1 fields, but the header has 2"),
        ("a.csv", "sentence,label\nx,1,2\n", ":2: 3 fields, but the header has 2"),
        ("a.tsv", "sentence\tlabel\nx\t1\n\ny\t1\n", ":3: the line is empty"),
        ("a.jsonl", '{"sentence": "x", "label": 1}\n\n{"a": 1}\n', ":2: the line is empty"),
        ("a.tsv", "text\tlabel\nx\t1\n", ":1: column 'sentence' is unknown. The columns are: text"),
        (
            "a.tsv",
            "sentence\tlabel\rx\t1\r",
            ":1: found a carriage return (CR) without LF",
        ),
        ("a.csv", "sentence,label\rx,1\r", ":1: found a carriage return (CR) without LF"),
        ("a.csv", "sentence,label\nx\ry,1\n", ":2: found a carriage return (CR) without LF"),
        ("a.csv", "label,sentence,label\n1,2,3\n", ":1: column 'label' occurs more than once"),
        ("a.csv", 'sentence,label\na,0\n"b,1\nc,0\n', ":3: the record that begins here has"),
        ("a.csv", 'sentence,label\n"a"b,0\n', ":2: the record that begins here"),
        ("a.tsv", "sentence\tlabel\n \t1\n", ":2: column 'sentence' is empty"),
        ("a.csv", "sentence,label\nx,\n", ":2: column 'label' is empty"),
        ("a.jsonl", '{"sentence": "x", "label": 1}\n{"sentence"\n', ":2: not JSON"),
        ("a.jsonl", "[1]\n", ":1: found '[1]'. Expected one JSON object a line"),
        ("a.jsonl", "[" * 100_000, ":1: not JSON"),
        ("a.jsonl", "1" * 5000, ":1: not JSON"),
        ("a.jsonl", '{"sentence": null, "label": 1}', ":1: column 'sentence' is missing or null"),
        ("a.jsonl", '{"sentence": NaN, "label": 1}', ":1: column 'sentence' is nan, which counts"),
        ("a.jsonl", '{"sentence": "x", "label": -Infinity}', ":1: column 'label' is -inf, which"),
        ("a.jsonl", '{"sentence": "", "label": 1}', ":1: column 'sentence' is empty"),
        ("a.jsonl", '{"sentence": ["x"], "label": 1}', ":1: column 'sentence' holds a JSON list"),
        ("a.jsonl", '{"sentence": "\\ud800", "label": 1}', ":1: column 'sentence' holds half a"),
        ("a.txt", "sentence\tlabel\n", ": a table's name ends in .tsv, .csv"),
    ],
)
def test_bad_input_is_an_error_that_says_where(write, name, content, message):
    assert _error(write(name, content)).startswith(message)


def test_a_carriage_return_within_a_row_is_text(write):
    for name, row in (("a.tsv", "b\rc\tx"), ("a.csv", '"b\rc",x')):
        path = write(name, f"{'sentence,label'.replace(',', row[-2])}\n{row}\n")
        assert tables.read_table(path, columns=["sentence"])[0].values == ("b\rc",)


@pytest.mark.parametrize(
    ("columns", "hint"),
    [
        (["text"], """with --config.task.header="('sentence','label')"."""),
        (["l1, l2"], """For a setting with several names, write a tuple: "('l1','l2')"."""),
    ],
)
def test_an_unknown_column_is_an_error_that_says_how_columns_are_named(write, columns, hint):
    assert _error(write("a.tsv", "good film\tpos\nbad\tneg\n"), columns).endswith(hint)


def test_a_missing_file_a_folder_and_a_damaged_gzip_file_are_named(tmp_path):
    assert _error(str(tmp_path / "none.tsv")) == ": no such file."
    (tmp_path / "folder.tsv").mkdir()
    assert _error(str(tmp_path / "folder.tsv")).startswith(": cannot be read")
    whole = gzip.compress(b"sentence\tlabel\n" + bytes(range(97, 123)) * 100 + b"\t1\n")
    for name, content in (("half.tsv.gz", whole[: len(whole) // 2]), ("no.tsv.gz", b"sentence")):
        (tmp_path / name).write_bytes(content)
        assert _error(str(tmp_path / name)).startswith(": not a whole gzip file")


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.tuples(_TEXT, _TEXT), min_size=1, max_size=5))
def test_what_pythons_writers_write_is_read_back(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("tables")
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([("sentence", "label"), *rows])
    (folder / "a.csv").write_bytes(buffer.getvalue().encode("utf-8"))
    records = [json.dumps({"sentence": sentence, "label": label}) for sentence, label in rows]
    (folder / "a.jsonl").write_text("\n".join(records))
    for name in ("a.csv", "a.jsonl"):
        read = tables.read_table(str(folder / name), columns=["sentence", "label"])
        assert [row.values for row in read] == rows
