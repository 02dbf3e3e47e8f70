"""Compressed files, Parquet and TensorFlow Datasets give the same text as plain files."""

import bz2
import gzip
import json
import lzma
import sys
import types

import pyarrow
import pytest
import tensorflow as tf
from pyarrow import parquet

from bert_tf.data.text import documents, sources
from bert_tf.data.text.sources import Position, read_chunks

TEXTS = ["It rains. It pours.\r\n\r\nThe end", " ", "The sun é shines.", "Snow falls."]
DOCUMENTS = [
    ["It rains.", "It pours.", "The end"],
    [],
    ["The sun é shines."],
    ["Snow falls."],
]
JSON = "\n".join(json.dumps({"text": text}) for text in TEXTS).encode()


def zstd(data):
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}


@pytest.mark.parametrize("extension", PACKERS)
def test_compressed_files_are_read_and_damaged_ones_named(tmp_path, extension):
    path = tmp_path / f"a.jsonl.{extension}"
    packed = PACKERS[extension](JSON)
    path.write_bytes(packed)
    assert list(documents.read_documents(str(path))) == DOCUMENTS
    for damaged in (packed[:-12], b"plain text"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"a.jsonl.{extension}: not a whole"):
            list(documents.read_documents(str(path)))


def write_parquet(path, texts, column="text"):
    table = pyarrow.table({"title": ["x"] * len(texts), column: texts})
    parquet.write_table(table, path, row_group_size=3)


def test_parquet_is_read_row_group_by_row_group(tmp_path):
    write_parquet(tmp_path / "a.parquet", TEXTS)
    assert list(documents.read_documents(str(tmp_path / "a.parquet"))) == DOCUMENTS
    assert len(list(documents.read_texts(str(tmp_path / "a.parquet")))) == 3


@pytest.mark.parametrize(
    ("texts", "column", "message"),
    [
        (["a", None], "text", "a.parquet, record 2: the text is missing"),
        (
            ["a"],
            "body",
            r"a.parquet: the columns are \['title', 'body'\]; expected a column 'text'",
        ),
        ([1, 2], "text", "the column 'text' holds int64; expected text"),
        ([], "text", "a.parquet: .*text"),
    ],
)
def test_bad_tables_are_named(tmp_path, texts, column, message):
    write_parquet(tmp_path / "a.parquet", texts, column)
    with pytest.raises(ValueError, match=message):
        list(documents.read_documents(str(tmp_path / "a.parquet")))


def test_a_file_that_is_no_parquet_is_named(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"text")
    with pytest.raises(ValueError, match="a.parquet: cannot be read as Parquet"):
        list(documents.read_documents(str(tmp_path / "a.parquet")))


@pytest.fixture
def tfds(monkeypatch):
    """A stand-in for tensorflow-datasets: one data set of `TEXTS`."""

    def load(name, *, split, with_info, shuffle_files, read_config):
        assert (with_info, shuffle_files) == (True, False)
        if (name, split) != ("books", "train"):
            raise KeyError(f"{name} {split}")
        split_info = types.SimpleNamespace(num_examples=len(TEXTS))
        info = types.SimpleNamespace(full_name="books/1.0.0", splits={"train": split_info})
        return tf.data.Dataset.from_tensor_slices({"text": TEXTS}), info

    module = types.SimpleNamespace(load=load, ReadConfig=types.SimpleNamespace)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)


def test_tensorflow_datasets_are_named_with_their_split(tfds):
    assert list(documents.read_documents("tfds:books/train")) == DOCUMENTS
    with pytest.raises(ValueError, match="tfds:films/train: cannot be loaded"):
        list(documents.read_documents("tfds:films/train"))
    with pytest.raises(ValueError, match="tfds:books: expected tfds:name/split"):
        list(documents.read_documents("tfds:books"))


def test_without_tensorflow_datasets_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ValueError, match=r"pip install 'bert-tf\[tfds\]'"):
        list(documents.read_documents("tfds:books/train"))


def test_reading_goes_on_at_any_position(tmp_path, monkeypatch, tfds):
    monkeypatch.setattr(sources, "CHUNK_BYTES", 20)
    monkeypatch.setattr(sources, "_RECORDS_PER_PIECE", 1)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(JSON))
    write_parquet(tmp_path / "b.parquet", TEXTS)
    files = [str(tmp_path / "a.jsonl.gz"), "tfds:books/train", str(tmp_path / "b.parquet")]
    chunks = list(read_chunks(files))
    assert len(chunks) > 6 and chunks[-1].following == Position(3)
    for number, chunk in enumerate(chunks[:-1], start=1):
        rest = list(read_chunks(files, start=chunk.following))
        assert rest[0].pieces[0].line == chunks[number].pieces[0].line
        assert joined(rest) == joined(chunks[number:])
        assert sum(c.file_bytes for c in rest) <= sum(c.file_bytes for c in chunks)


def joined(chunks):
    """The lines and records of every file; where pieces are cut is not important."""
    found = {}
    for piece in (piece for chunk in chunks for piece in chunk.pieces):
        is_text = isinstance(piece.content, bytes)
        found.setdefault(piece.path, []).extend(
            piece.content.splitlines(keepends=True) if is_text else piece.content
        )
    return found
