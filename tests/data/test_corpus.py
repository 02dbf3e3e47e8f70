"""The corpus on disk: what is left out is counted, pieces and kills leave no trace."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data.corpus.flat_corpus import (
    Corpus,
    CorpusWriter,
    TokenFile,
    map_in_order,
    tokenize_chunk,
)
from bert_tf.data.text import sources
from bert_tf.data.text.sources import read_chunks
from tests.data.fake_tokenizer import VOCABULARY, sentences, tokenizer


def write(folder, files, input_format="auto", stop_after=None):
    """Tokenizes files into a folder; breaks off after some chunks."""
    with CorpusWriter(str(folder)) as writer:
        chunks = read_chunks(files, input_format, writer.state["following"])
        for number, chunk in enumerate(chunks):
            if number == stop_after:
                return None
            writer.append(tokenize_chunk(chunk, tokenizer().tokenize, VOCABULARY.unk_id))
        return writer.state


def arrays(folder):
    return [(folder / name).read_bytes() for name in ("tokens", "sentences", "documents")]


def test_what_holds_no_token_is_left_out_and_counted(tmp_path):
    documents = ["rain falls\n\u200b\nsun", "", "\u200b", "wind"]
    records = [json.dumps({"text": text.replace("\n", "\n\n")}) for text in documents]
    (tmp_path / "a.jsonl").write_text("\n".join(records))
    state = write(tmp_path / "corpus", [str(tmp_path / "a.jsonl")])
    corpus = Corpus.open(str(tmp_path / "corpus"), np.int32)
    tokens = corpus.take_tokens(np.array([0]), np.array([4]))
    assert [VOCABULARY.tokens[i] for i in tokens] == ["rain", "falls", "sun", "wind"]
    assert corpus.sentence_offsets.tolist() == [0, 2, 3, 4]
    assert corpus.document_offsets.tolist() == [0, 2, 3]
    assert (state["documents_skipped"], state["sentences_skipped"]) == (2, 2)


def test_blank_lines_and_the_ends_of_files_end_documents(tmp_path):
    (tmp_path / "a.txt").write_text("\n\nrain\nsun\n\n\n \nwind")
    (tmp_path / "b.txt").write_text("snow\n\n\u200b\n\nsun\n\n")
    state = write(tmp_path / "corpus", [str(tmp_path / name) for name in ("a.txt", "b.txt")])
    corpus = Corpus.open(str(tmp_path / "corpus"), np.int32)
    assert corpus.document_offsets.tolist() == [0, 2, 3, 4, 5]
    assert (state["documents_skipped"], state["sentences_skipped"]) == (1, 1)


@pytest.mark.parametrize("input_format", ["lines", "prose"])
@pytest.mark.parametrize("chunk_bytes", [1, 40, 300])
def test_chunks_and_stops_between_them_leave_no_trace(
    tmp_path, monkeypatch, chunk_bytes, input_format
):
    for name in ("a.txt", "b.txt"):
        paragraphs = ["\n".join(sentences(seed, 5)) for seed in range(6)]
        (tmp_path / name).write_text("\n\n".join(paragraphs) + "\n \n\n")
    files = [str(tmp_path / name) for name in ("a.txt", "b.txt")]
    whole = write(tmp_path / "whole", files, input_format)
    monkeypatch.setattr(sources, "CHUNK_BYTES", chunk_bytes)
    for stop_after in (0, 1, 2):
        assert write(tmp_path / "pieces", files, input_format, stop_after) is None
    with open(tmp_path / "pieces" / "tokens", "ab") as file:
        file.write(b"half a chunk")
    with open(tmp_path / "pieces" / "journal.jsonl", "ab") as file:
        file.write(b'{"half a li')
    pieces = write(tmp_path / "pieces", files, input_format)
    assert arrays(tmp_path / "pieces") == arrays(tmp_path / "whole")
    counts = ("documents", "sentences", "tokens", "documents_skipped", "sentences_skipped")
    assert [pieces[name] for name in counts] == [whole[name] for name in counts]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 19_000), st.integers(0, 900)), max_size=12))
def test_stretches_of_a_file_are_those_of_the_array(tmp_path_factory, stretches):
    tokens = np.arange(20_000, dtype=np.uint16)
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.tofile(path)
    begins, lengths = np.array(stretches, np.int64).reshape(-1, 2).T
    expected = Corpus(tokens, None, None).take_tokens(begins, lengths)
    np.testing.assert_array_equal(TokenFile(str(path), np.uint16).take(begins, lengths), expected)


def test_results_of_threads_come_in_order_and_input_is_read_only_a_little_ahead():
    taken = []
    items = (taken.append(i) or i for i in range(100))
    results = map_in_order(lambda x: x * x, items, 3)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(taken) < 15
    assert list(results) == [x * x for x in range(5, 100)]
