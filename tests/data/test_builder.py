"""The builder: the same bytes every time, nothing half written, what is there is left alone."""

import dataclasses
import json
import pathlib

import pytest

from bert_tf.data import builder, corpus, records
from bert_tf.tokenization.vocabulary import Vocabulary
from bert_tf.tokenization.wordpiece import Tokenizer
from tests.data.fake_tokenizer import VOCABULARY, sentences, tokenizer


@pytest.fixture
def text(tmp_path):
    """Two files with 5 documents together."""
    for name, sizes in {"a.txt": [60, 70], "b.txt": [40, 80, 90]}.items():
        parts = ["\n".join(sentences(size, size)) for size in sizes]
        (tmp_path / name).write_text("\n\n".join(parts))
    return str(tmp_path / "*.txt")


def build(text, folder, **changes):
    settings = {"max_seq_length": 32, "shard_size": 10} | changes
    return builder.create_pretraining_data(text, tokenizer(), str(folder), **settings)


def content(folder):
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}


def test_two_runs_and_any_number_of_threads_give_the_same_bytes(text, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "_SENTENCES_PER_BATCH", 37)
    build(text, tmp_path / "one")
    build(text, tmp_path / "two")
    build(text, tmp_path / "three", num_workers=3)
    assert content(tmp_path / "one") == content(tmp_path / "two") == content(tmp_path / "three")
    build(text, tmp_path / "four", seed=1)
    assert content(tmp_path / "one") != content(tmp_path / "four")


def test_a_folder_holds_full_shards_the_manifest_and_the_tokenizer(text, tmp_path):
    manifest = build(text, tmp_path / "data")
    names = [shard["file"] for shard in manifest.shards]
    assert set(content(tmp_path / "data")) == {
        *names,
        "manifest.json",
        "vocab.txt",
        "tokenizer_config.json",
    }
    assert names[1] == f"shard-00001-of-{len(names):05d}.tfrecord"
    assert set(manifest.shard_rows[:-1]) == {10} and sum(manifest.shard_rows) == manifest.rows
    assert records.Manifest.load(str(tmp_path / "data")) == manifest
    for shard in manifest.shards:
        path = str(tmp_path / "data" / shard["file"])
        assert records.file_sha256(path) == shard["sha256"]
    assert not (tmp_path / "data.incomplete").exists()


def test_counts_agree_with_the_text_and_the_shards(text, tmp_path):
    manifest = build(text, tmp_path / "data")
    counts = manifest.counts
    assert (counts["documents"], counts["sentences"]) == (5, 340)
    assert counts["sentences_skipped"] == counts["documents_skipped"] == 0
    assert counts["tokens_unknown"] == 0
    tables = [
        records.read_shard(str(tmp_path / "data"), manifest, shard, len(VOCABULARY))
        for shard in range(len(manifest.shards))
    ]
    joined = records.concatenate(tables)
    assert len(joined) == counts["examples"] == manifest.rows
    assert len(joined.input_ids) == counts["row_tokens"]
    assert joined.next_sentence_labels.sum() == counts["examples_random_next"]


def test_running_again_leaves_a_complete_data_set_alone(text, tmp_path, monkeypatch):
    manifest = build(text, tmp_path / "data")
    before = content(tmp_path / "data")
    monkeypatch.setattr(builder, "tokenize_documents", None)  # would fail if it were called
    assert build(text, tmp_path / "data") == manifest
    assert content(tmp_path / "data") == before


def test_another_data_set_is_not_overwritten(text, tmp_path):
    build(text, tmp_path / "data")
    before = content(tmp_path / "data")
    with pytest.raises(ValueError, match="another data set.*seed is 0 there, 1 here"):
        build(text, tmp_path / "data", seed=1)
    (tmp_path / "a.txt").write_text("The rain.\n\nThe sun.")
    with pytest.raises(ValueError, match="another data set.*inputs differ"):
        build(text, tmp_path / "data")
    assert content(tmp_path / "data") == before


def test_a_damaged_shard_of_a_complete_data_set_is_named(text, tmp_path):
    manifest = build(text, tmp_path / "data")
    (tmp_path / "data" / manifest.shards[0]["file"]).write_bytes(b"x")
    with pytest.raises(ValueError, match="shard-00000-of-.* is missing or damaged"):
        build(text, tmp_path / "data")


def test_a_folder_with_other_files_is_refused_and_one_with_the_vocabulary_is_not(text, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("x")
    with pytest.raises(ValueError, match="holds other files .thesis.tex"):
        build(text, tmp_path / "other")
    tokenizer().save(str(tmp_path / "vocabulary"))
    build(text, tmp_path / "vocabulary")
    build(text, tmp_path / "fresh")
    assert content(tmp_path / "vocabulary") == content(tmp_path / "fresh")
    longer = Tokenizer(Vocabulary([*VOCABULARY.tokens, "more"]))
    longer.save(str(tmp_path / "another"))
    with pytest.raises(ValueError, match="holds another vocabulary"):
        build(text, tmp_path / "another")


def test_the_remains_of_a_killed_run_are_replaced(text, tmp_path):
    manifest = build(text, tmp_path / "whole")
    build(text, tmp_path / "data")
    (tmp_path / "data" / "manifest.json").unlink()
    (tmp_path / "data" / manifest.shards[0]["file"]).write_bytes(b"half")
    (tmp_path / "data" / "shard-00000-of-00099.tfrecord").write_bytes(b"stale")
    (tmp_path / "data.incomplete").mkdir()
    build(text, tmp_path / "data")
    assert content(tmp_path / "data") == content(tmp_path / "whole")


@pytest.mark.parametrize("failing", ["good\n\nb\xff".encode("latin-1"), b"One document.\n"])
def test_bad_input_leaves_nothing_behind(tmp_path, failing):
    (tmp_path / "a.txt").write_bytes(failing)
    with pytest.raises(ValueError):
        build(str(tmp_path / "a.txt"), tmp_path / "data")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_failure_while_writing_leaves_nothing_behind(text, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(records, "file_sha256", lambda path: "0")
    monkeypatch.setattr(builder, "_publish", fail)
    with pytest.raises(OSError, match="disk full"):
        build(text, tmp_path / "data")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("data")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "haiku"}, "objective is 'haiku'; it must be one of next_sentence"),
        ({"num_workers": 0}, "num_workers"),
        ({"seed": -1}, "seed is -1"),
        ({"max_seq_length": 4}, "at least 5 is needed"),
    ],
)
def test_settings_out_of_range_are_refused(text, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        build(text, tmp_path / "data", **changes)


def test_the_manifest_is_plain_json_with_sorted_keys(text, tmp_path):
    manifest = build(text, tmp_path / "data")
    written = json.loads((tmp_path / "data" / "manifest.json").read_text())
    assert list(written) == sorted(written)
    assert written == dataclasses.asdict(manifest)
