"""The builder: the same bytes every time, nothing half written, what is there is left alone."""

import contextlib
import gzip
import itertools
import json
import pathlib
import resource
import shutil

import pytest

from bert_tf import files
from bert_tf.data.building import builder, chunk_tokenizer, shard_writing
from bert_tf.data.examples import objective as examples
from bert_tf.data.examples import plan
from bert_tf.data.examples.objectives import OBJECTIVES
from bert_tf.data.records import row_tables, shards
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.text import sources
from bert_tf.tokenization.vocabulary import Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from tests.data.fake_tokenizer import (
    VOCABULARY,
    build_data,
    sentences,
    tokenizer,
)


@pytest.fixture
def text(tmp_path):
    """Two files with 5 documents together."""
    for name, sizes in {"a.txt": [60, 70], "b.txt": [40, 80, 90]}.items():
        parts = ["\n".join(sentences(size, size)) for size in sizes]
        (tmp_path / name).write_text("\n\n".join(parts))
    return str(tmp_path / "*.txt")


def build(text, folder, **changes):
    settings = {"max_seq_length": 32, "shard_size": 10} | changes
    return build_data(text, folder, **settings)


def content(folder):
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_threads_and_the_sizes_of_all_pieces_have_no_influence(
    text, tmp_path, monkeypatch, objective
):
    build(text, tmp_path / "one", objective=objective)
    build(text, tmp_path / "two", objective=objective)
    monkeypatch.setattr(sources, "CHUNK_BYTES", 777)
    build(text, tmp_path / "packed", objective=objective, max_examples_per_row=3)
    monkeypatch.setattr(plan, "_SENTENCES_PER_WINDOW", 13)
    monkeypatch.setattr(shard_writing, "_ROWS_PER_TABLE", 3)
    build(text, tmp_path / "three", objective=objective, num_workers=3)
    again = tmp_path / "packed again"
    build(text, again, objective=objective, max_examples_per_row=3, num_workers=3)
    assert content(again) == content(tmp_path / "packed")
    assert content(tmp_path / "one") == content(tmp_path / "two") == content(tmp_path / "three")
    build(text, tmp_path / "four", objective=objective, seed=1, short_seq_prob=0.5)
    assert content(tmp_path / "one") != content(tmp_path / "four")


def rows_of(folder):
    """(tokens, label) of every row, in storage order."""
    manifest = Manifest.load(str(folder))
    found = []
    for shard in range(len(manifest.shards)):
        table = shards.read_shard(str(folder), manifest, shard, manifest.vocab_size)
        for row, (begin, end) in enumerate(itertools.pairwise(table.offsets)):
            label = int(table.next_sentence_labels[row, 0])
            found.append((tuple(table.input_ids[begin:end].tolist()), label))
    return found


@pytest.mark.parametrize("objective", ["next_sentence", "sentence_order"])
def test_every_copy_of_a_corpus_is_cut_into_other_examples(text, tmp_path, objective):
    build(text, tmp_path / "once", objective=objective)
    build(text, tmp_path / "thrice", objective=objective, dupe_factor=3)
    once, thrice = rows_of(tmp_path / "once"), rows_of(tmp_path / "thrice")
    assert thrice[: len(once)] == once  # the first copy is the corpus as it is without others
    rest = thrice[len(once) :]
    assert 1.6 * len(once) < len(rest) < 2.4 * len(once)
    assert len(set(rest) - set(once)) > 0.8 * len(set(rest))
    assert len(set(rest)) > 0.8 * len(rest)


@pytest.mark.parametrize(
    ("objective", "rows", "sha256"),
    [
        (
            "next_sentence",
            94,
            "0d89f83a2d96ad556a099dd3efa6553456a02229e573685073d4dbfe890458bb",
        ),
        (
            "sentence_order",
            72,
            "ea3f024d63086059deac53ecc815809ab031a87b102bd7f9cc2b11f1d6d33c0f",
        ),
        ("none", 76, "71d2c44ddc343f97062a8b05ac9d54471fe38873cc9cc682c8c2bff39e319ac0"),
    ],
)
def test_the_bytes_never_change(text, tmp_path, objective, rows, sha256):
    """If they must, give `records.FORMAT_VERSION` a new number: old data stay what they are."""
    manifest = build(text, tmp_path / "data", objective=objective, shard_size=1000)
    assert [(shard["rows"], shard["sha256"]) for shard in manifest.shards] == [(rows, sha256)]


def test_a_folder_holds_full_shards_the_manifest_and_the_tokenizer(text, tmp_path):
    manifest = build(text, tmp_path / "data")
    names = [shard["file"] for shard in manifest.shards]
    assert set(content(tmp_path / "data")) == {
        *names,
        "manifest.json",
        "vocab.txt",
        "tokenizer_config.json",
        "unknown_words.json",
    }
    assert names[1] == f"shard-00001-of-{len(names):05d}.tfrecord"
    assert set(manifest.shard_rows[:-1]) == {10} and sum(manifest.shard_rows) == manifest.rows
    assert Manifest.load(str(tmp_path / "data")) == manifest
    for shard in manifest.shards:
        path = str(tmp_path / "data" / shard["file"])
        assert files.sha256(path) == shard["sha256"]
    assert not (tmp_path / "data.incomplete").exists()


def test_counts_agree_with_the_text_and_the_shards(text, tmp_path):
    manifest = build(text, tmp_path / "data")
    counts = manifest.counts
    assert (counts["documents"], counts["sentences"]) == (5, 340)
    assert counts["sentences_skipped"] == counts["documents_skipped"] == 0
    assert counts["tokens_unknown"] == 0
    tables = [
        shards.read_shard(str(tmp_path / "data"), manifest, shard, len(VOCABULARY))
        for shard in range(len(manifest.shards))
    ]
    joined = row_tables.concatenate(tables)
    assert len(joined) == counts["examples"] == manifest.rows
    assert len(joined.input_ids) == counts["row_tokens"]
    assert joined.next_sentence_labels.sum() == counts["examples_random_next"]


def test_running_again_leaves_a_complete_data_set_alone(text, tmp_path, monkeypatch):
    manifest = build(text, tmp_path / "data")
    before = content(tmp_path / "data")
    stop_after(monkeypatch, chunk_tokenizer, "tokenize_chunk", 0)  # must not be called
    assert build(text, tmp_path / "data") == manifest
    assert content(tmp_path / "data") == before


def test_another_data_set_is_not_overwritten(text, tmp_path):
    build(text, tmp_path / "data")
    before = content(tmp_path / "data")
    with pytest.raises(ValueError, match="another data set.*seed is 0 there, 1 here"):
        build(text, tmp_path / "data", seed=1)
    (tmp_path / "a.txt").write_text("The rain.\n\nThe sun.")
    with pytest.raises(ValueError, match="another data set.*different: inputs"):
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
    longer = WordPieceTokenizer(Vocabulary([*VOCABULARY.tokens, "more"]))
    longer.save(str(tmp_path / "another"))
    with pytest.raises(ValueError, match="holds another tokenizer"):
        build(text, tmp_path / "another")


def test_the_remains_of_a_killed_run_are_replaced(text, tmp_path):
    manifest = build(text, tmp_path / "whole")
    build(text, tmp_path / "data")
    (tmp_path / "data" / "manifest.json").unlink()
    (tmp_path / "data" / manifest.shards[0]["file"]).write_bytes(b"half")
    (tmp_path / "data" / "shard-00000-of-00099.tfrecord").write_bytes(b"stale")
    (tmp_path / "data" / "vocab.txt.tmp").write_bytes(b"half")
    (tmp_path / "data.incomplete").mkdir()
    build(text, tmp_path / "data")
    assert content(tmp_path / "data") == content(tmp_path / "whole")


@pytest.mark.parametrize("failing", ["good\n\nb\xff".encode("latin-1"), b"One document.\n"])
def test_bad_input_leaves_nothing_behind(tmp_path, failing):
    (tmp_path / "a.txt").write_bytes(failing)
    with pytest.raises(ValueError):
        build(str(tmp_path / "a.txt"), tmp_path / "data")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


class Killed(BaseException):
    """Nobody catches it."""


def stop_after(monkeypatch, module, name, calls):
    """The function works `calls` times, then the process is as good as dead."""
    original, count = getattr(module, name), itertools.count()

    def call(*args, **kwargs):
        if next(count) >= calls:
            raise Killed
        return original(*args, **kwargs)

    monkeypatch.setattr(module, name, call)


@pytest.mark.parametrize(
    ("module", "name", "calls"),
    [
        (chunk_tokenizer, "tokenize_chunk", 0),
        (chunk_tokenizer, "tokenize_chunk", 5),
        (examples, "walk", 2),
        (plan, "write_whole", 0),
        (shards, "write_shard", 0),
        (shards, "write_shard", 4),
        (examples, "rows_of_examples", 6),
        (shutil, "rmtree", 1),
    ],
)
def test_a_run_that_was_broken_off_goes_on_and_ends_with_the_same_bytes(
    text, tmp_path, monkeypatch, module, name, calls
):
    build(text, tmp_path / "whole")
    monkeypatch.setattr(sources, "CHUNK_BYTES", 777)
    monkeypatch.setattr(plan, "_SENTENCES_PER_WINDOW", 50)
    with monkeypatch.context() as broken:
        broken.setattr(builder._Build, "tidy_up", contextlib.nullcontext)
        stop_after(broken, module, name, calls)
        with pytest.raises(Killed):
            build(text, tmp_path / "data")
    assert (tmp_path / "data.incomplete").is_dir()
    build(text, tmp_path / "data", num_workers=2)
    assert content(tmp_path / "data") == content(tmp_path / "whole")
    assert not (tmp_path / "data.incomplete").exists()


def test_what_is_finished_is_not_done_again(text, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK_BYTES", 777)
    with monkeypatch.context() as broken:
        stop_after(broken, shards, "write_shard", 4)
        with pytest.raises(Killed):
            build(text, tmp_path / "data")
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").glob("*.tfrecord")}
    assert len(done) == 4
    stop_after(monkeypatch, chunk_tokenizer, "tokenize_chunk", 0)  # must not be called
    build(text, tmp_path / "data")
    assert all(path.stat().st_mtime_ns == time for path, time in done.items())


def test_work_for_another_data_set_is_not_used(text, tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        stop_after(broken, shards, "write_shard", 4)
        with pytest.raises(Killed):
            build(text, tmp_path / "data")
    build(text, tmp_path / "data", seed=5)
    build(text, tmp_path / "whole", seed=5)
    assert content(tmp_path / "data") == content(tmp_path / "whole")


def test_bad_records_are_an_error_or_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK_BYTES", 300)
    lines = [json.dumps({"text": " ".join(sentences(seed, 9))}) for seed in range(20)]
    (tmp_path / "good.jsonl").write_text("\n".join(lines))
    lines[12:12] = ['{"text": ', '{"no_text": 1}']
    (tmp_path / "bad.jsonl").write_bytes("\n".join(lines).encode() + b'\n{"text": "\xff"}')
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"text": "rain"}')[:-3])
    inputs = [str(tmp_path / name) for name in ("bad.jsonl", "cut.jsonl.gz")]
    with pytest.raises(ValueError, match="bad.jsonl:13: not JSON"):
        build(inputs, tmp_path / "data")
    manifest = build(inputs, tmp_path / "data", skip_bad_records=True)
    assert (manifest.counts["bad_records"], manifest.counts["bad_files"]) == (3, 1)
    good = build(str(tmp_path / "good.jsonl"), tmp_path / "good")
    assert [s["sha256"] for s in manifest.shards] == [s["sha256"] for s in good.shards]


@pytest.mark.parametrize(("size", "shard_size"), [(700, 10), (3000, 10), (8000, 1000)])
def test_a_full_disk_is_one_sentence_and_the_next_run_goes_on(text, tmp_path, size, shard_size):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with pytest.raises(OSError, match="no space left for .*data.*run the same command again"):
            build(text, tmp_path / "data", shard_size=shard_size)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    build(text, tmp_path / "data", shard_size=shard_size)
    build(text, tmp_path / "whole", shard_size=shard_size)
    assert content(tmp_path / "data") == content(tmp_path / "whole")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "haiku"}, "objective is 'haiku'; it must be one of next_sentence"),
        ({"num_workers": 0}, "num_workers"),
        ({"seed": -1}, "seed is -1"),
        ({"max_seq_length": 4}, "it must be at least 5"),
    ],
)
def test_settings_out_of_range_are_refused(text, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        build(text, tmp_path / "data", **changes)


def test_the_manifest_is_plain_json_with_sorted_keys(text, tmp_path):
    manifest = build(text, tmp_path / "data")
    written = json.loads((tmp_path / "data" / "manifest.json").read_text())
    assert list(written) == sorted(written)
    results = {name: getattr(manifest, name) for name in ("rows", "counts", "shards")}
    assert written == manifest.settings() | results
    assert Manifest.load(str(tmp_path / "data")) == manifest
