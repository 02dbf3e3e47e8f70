"""Text as it comes: long lines, files that change, blank lines everywhere, repetition, CR."""

import gzip
import itertools
import logging

import numpy as np
import pytest

from bert_tf.data.building import findings, work_folder
from bert_tf.data.corpus.flat_corpus import Corpus, _split_long
from bert_tf.data.text import documents, lines, sources
from tests.data.fake_tokenizer import WORDS, build_data


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(sources, "LONGEST_LINE", 100)
    monkeypatch.setattr(sources, "CHUNK_BYTES", 64)


@pytest.mark.parametrize("kind", ["lines", "prose"])
@pytest.mark.parametrize("word", ["wort ", "日本語", "é\u0001", "a  \u00a0 "])
def test_a_long_line_is_read_in_pieces_of_one_document(small_pieces, tmp_path, kind, word):
    text = word * 200
    (tmp_path / "a.txt").write_text(f"first\n{text}\nlast\n")
    chunks = list(sources.read_chunks([str(tmp_path / "a.txt")], kind))
    assert max(len(piece.content) for chunk in chunks for piece in chunk.pieces) < 300
    (found,) = documents.read_documents(str(tmp_path / "a.txt"), kind)
    assert "".join("".join(found).split()) == "".join(f"first{text}last".split())
    assert len(found) > 3 or kind == "prose"


def test_a_line_of_json_that_never_ends_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "LONGEST_RECORD", 1000)
    (tmp_path / "a.jsonl").write_text('{"text": "' + "x" * 5000)
    monkeypatch.setattr(sources, "CHUNK_BYTES", 64)
    monkeypatch.setattr(sources, "LONGEST_LINE", 100)
    with pytest.raises(ValueError, match=r"a\.jsonl: a line has over 1,000 bytes"):
        list(documents.read_documents(str(tmp_path / "a.jsonl")))


def test_a_small_file_that_unpacks_to_much_is_not_read_whole(monkeypatch, tmp_path):
    monkeypatch.setattr(lines, "LONGEST_LINE", 1 << 16)
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"one\n" + bytes(1 << 24)))
    read = lines.read_lines(str(path))
    assert next(read) == (1, "one\n")
    with pytest.raises(ValueError, match=r"a\.txt\.gz:2: the line is longer than"):
        next(read)


def test_sentences_become_parts_and_documents_keep_their_ends():
    lengths, ends = _split_long(np.array([3, 0, 10, 4]), np.array([2, 4]), 4)
    assert lengths.tolist() == [3, 0, 4, 4, 2, 4] and ends.tolist() == [2, 6]


def test_running_text_is_never_cut_away(tmp_path):
    (tmp_path / "a.txt").write_text("the rain falls on the hill . " * 400)
    made = build_data(
        str(tmp_path / "a.txt"),
        tmp_path / "out",
        max_seq_length=32,
        objective="none",
        shard_size=64,
    )
    counts = made.counts
    assert counts["tokens_truncated"] == 0
    assert counts["row_tokens"] - 2 * counts["examples"] == counts["tokens"] > 2000


def test_text_that_would_mostly_be_cut_away_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("the rain falls on the hill . " * 400 + "\n\nthe sun\n")
    settings = {"max_seq_length": 32, "shard_size": 64}
    with pytest.raises(ValueError, match="of all .* tokens would be cut away.*--allow_truncation"):
        build_data(str(tmp_path / "a.txt"), tmp_path / "out", **settings)
    build_data(str(tmp_path / "a.txt"), tmp_path / "out", **settings, may_truncate=True)


def different(count):
    """So many different sentences."""
    words = itertools.product(("rain", "sun", "wind", "snow"), ("falls", "shines"), WORDS)
    return [" ".join(three) for three in itertools.islice(words, count)]


def build_with_warnings(caplog, tmp_path, text, **settings):
    (tmp_path / "a.txt").write_bytes(text.encode())
    caplog.set_level(logging.WARNING)
    build_data(
        str(tmp_path / "a.txt"),
        tmp_path / "out",
        **{"max_seq_length": 32, "shard_size": 64} | settings,
    )
    return caplog.text


def test_a_blank_line_behind_every_sentence_is_named(caplog, tmp_path):
    text = "\n\n".join(different(60)) + "\n"
    told = build_with_warnings(caplog, tmp_path, text)
    assert "label 'random next'" in told and "Is there a blank line after every sentence?" in told


def test_repeated_lines_are_counted(caplog, tmp_path):
    text = "".join(line + "\n" * (1 + (i % 7 == 0)) for i, line in enumerate(different(20) * 3))
    assert "67% of the lines repeat other lines" in build_with_warnings(caplog, tmp_path, text)


def test_lines_that_end_in_cr_are_named(caplog, tmp_path):
    text = "".join(f"{line}\r" for line in different(40)) + "\nthe town\n\nthe hill\n"
    documents._told_of.clear()
    told = build_with_warnings(caplog, tmp_path, text, may_truncate=True)
    assert "the lines seem to end in CR alone" in told and "tr '" in told


def test_the_share_of_repetitions_is_estimated_in_constant_memory(monkeypatch):
    monkeypatch.setattr(findings, "_MOST_HASHES", 256)
    random = np.random.default_rng(0)
    tokens = random.integers(0, 50, 3000).astype(np.int32)  # sentences of two tokens
    pairs = tokens.reshape(-1, 2)
    corpus = Corpus(tokens, np.arange(0, 3001, 2), np.array([0, 1500]))
    exact = 1 - len(np.unique(pairs, axis=0)) / len(pairs)
    assert abs(findings.repeated_share(corpus) - exact) < 0.08


def test_input_that_changes_while_it_is_read_is_an_error(monkeypatch, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("the sun on\n\nthe hill\n" * 5)
    real = work_folder.describe_input

    def describe(name):
        found = real(name)
        path.write_text("the sun on\n\nthe hill\n" * 6)  # somebody appends
        return found

    monkeypatch.setattr(work_folder, "describe_input", describe)
    with pytest.raises(ValueError, match=r"a\.txt changed while it was read .from 105 to 126"):
        build_data(str(path), tmp_path / "out", max_seq_length=32)
    monkeypatch.setattr(work_folder, "describe_input", real)
    build_data(str(path), tmp_path / "out", max_seq_length=32)


def test_other_settings_than_those_of_a_stopped_run_are_said(monkeypatch, tmp_path, caplog):
    (tmp_path / "a.txt").write_text("the sun on\n\nthe hill\n" * 5)
    caplog.set_level(logging.WARNING)

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(findings, "check_lengths", stop)
        with pytest.raises(KeyboardInterrupt):
            build_data(str(tmp_path / "a.txt"), tmp_path / "out", max_seq_length=32)
    build_data(str(tmp_path / "a.txt"), tmp_path / "out", max_seq_length=24)
    assert "max_seq_length was 32, now 24" in caplog.text
