"""The report says what is in the shards, and its page holds nothing that could do harm."""

import collections
import html.parser
import json
import pathlib
import re

import numpy as np
import pytest

from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.corpus.unknown_words import count_commonest
from bert_tf.data.records import row_tables
from bert_tf.data.records import shards as records
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.release_format import StaticMasks
from bert_tf.data.report import measure
from bert_tf.data.report import page as report_page
from tests.data.fake_tokenizer import (
    VOCABULARY,
    build_data,
    make_dataset,
    sentences,
)

LENGTH, MOST, SLOTS = 48, 3, 5
UNKNOWN = ["<b>cow</b>", "Zebra!", "zebra", "the zebra", "naïve", "q" * 201]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Packed records with words that the vocabulary lacks, in several shards."""
    path = tmp_path_factory.mktemp("data")
    documents = [[*sentences(i, 15 + 5 * i), UNKNOWN[i % len(UNKNOWN)]] for i in range(12)]
    (path / "a.txt").write_text("\n\n".join("\n".join(document) for document in documents))
    settings = {"max_seq_length": LENGTH, "short_seq_prob": 0.7, "shard_size": 16}
    build_data(
        str(path / "a.txt"),
        path / "records",
        max_examples_per_row=MOST,
        **settings,
    )
    return path / "records"


@pytest.fixture(scope="module")
def found(folder):
    return measure.measure(str(folder), max_predictions_per_seq=SLOTS)


@pytest.fixture(scope="module")
def batch(folder):
    """All rows as the training would see them in its first epoch, and as they are stored."""
    manifest = Manifest.load(str(folder))
    (batch,) = make_dataset(
        str(folder),
        BatchSlice(manifest.rows),
        max_predictions_per_seq=SLOTS,
        training=False,
    )
    shards = range(len(manifest.shards))
    tables = [records.read_shard(str(folder), manifest, i, len(VOCABULARY)) for i in shards]
    stored = row_tables.concatenate(tables).padded(np.arange(manifest.rows), LENGTH)
    return {**{name: value.numpy() for name, value in batch.items()}, "stored": stored["input_ids"]}


def test_sizes_and_lengths_are_those_of_the_rows(found, batch):
    real = batch["input_mask"] > 0
    assert found["size"]["tokens"] == real.sum()
    assert found["size"]["padding_share"] == pytest.approx(1 - real.mean())
    assert found["lengths"]["rows"] == np.bincount(real.sum(axis=1), minlength=LENGTH + 1).tolist()
    lengths = collections.Counter()
    for ids in batch["example_ids"]:
        lengths.update(np.bincount(ids)[1:].tolist())
    assert {i: n for i, n in enumerate(found["lengths"]["examples"]) if n} == lengths
    assert found["size"]["examples"] == lengths.total() > found["size"]["rows"]


def test_labels_are_counted(found, batch):
    labels = batch["next_sentence_labels"][batch["next_sentence_weights"] > 0]
    counted = [label["examples"] for label in found["pairs"]["labels"]]
    assert counted == np.bincount(labels, minlength=2).tolist()
    assert found["pairs"]["share_of_label_1"] == pytest.approx(labels.mean())


def test_masks_are_those_of_the_training(found, batch):
    masks, used = found["masks"], batch["masked_lm_weights"] > 0
    now = np.take_along_axis(batch["input_ids"], batch["masked_lm_positions"], 1)[used]
    was = batch["masked_lm_ids"][used]
    assert masks["predictions"] == len(was)
    assert masks["masked"] == (now == VOCABULARY.mask_id).sum() > 0
    assert masks["kept"] == (now == was).sum() > 0
    assert masks["masked"] + masks["kept"] + masks["replaced"] == len(was)
    special = (VOCABULARY.cls_id, VOCABULARY.sep_id)
    candidates = (batch["input_mask"] > 0) & ~np.isin(batch["stored"], special)
    assert masks["candidates"] == candidates.sum()
    assert masks["left_out"] == batch["masked_lm_left_out"].sum() > 0


def test_what_finds_no_slot_is_counted(folder, batch):
    """With slots for all, exactly as many predictions more are made as were left out."""
    roomy = measure.measure(str(folder), max_predictions_per_seq=LENGTH)["masks"]
    assert roomy["left_out"] == 0
    left_out = batch["masked_lm_left_out"].sum()
    assert roomy["predictions"] == (batch["masked_lm_weights"] > 0).sum() + left_out


def test_the_vocabulary_is_counted_without_marks(found, batch):
    ids = batch["stored"][batch["input_mask"] > 0]
    counts = np.bincount(ids, minlength=len(VOCABULARY))
    counts[[VOCABULARY.pad_id, VOCABULARY.cls_id, VOCABULARY.sep_id]] = 0
    vocabulary = found["vocabulary"]
    assert vocabulary["used"] == np.count_nonzero(counts)
    first = vocabulary["commonest"][0]
    assert first["count"] == counts.max() == counts[VOCABULARY.id_of(first["token"])]
    assert vocabulary["covered"][-1] == {"tokens": len(VOCABULARY), "share": 1.0}
    assert found["unknown"]["tokens"] == counts[VOCABULARY.unk_id] > 0


def test_unknown_words_are_named_as_they_stand_in_the_text(found):
    """Lower-cased, because the tokenizer is; cut where they are longer than a word may be."""
    words = dict(found["unknown"]["words"]["words"])
    assert words == {
        "zebra": 6,
        "!": 2,
        "<": 4,
        ">": 4,
        "b": 4,
        "/": 2,
        "cow": 2,
        "naïve": 2,
        "q" * 39 + "…": 2,
    }
    assert found["unknown"]["words"]["total"] == sum(words.values())


def test_counting_in_little_memory_finds_the_common_words_and_says_how_wrong_it_may_be():
    generator = np.random.default_rng(0)
    words = [f"w{min(int(x), 999)}" for x in generator.zipf(1.3, 20000)]
    exact = collections.Counter(words)
    assert count_commonest(words)["words"] == [
        list(item) for item in sorted(exact.items(), key=lambda item: (-item[1], item[0]))[:100]
    ]
    few = count_commonest(words, num_counters=100)
    assert few["different"] is None and 0 < few["error"] <= 20000 / 101
    for word, count in few["words"]:
        assert exact[word] - few["error"] <= count <= exact[word]
    assert {"w1", "w2", "w3"} <= {word for word, _ in few["words"]}


def test_the_same_report_whatever_the_number_of_threads(folder, tmp_path):
    for workers in (1, 3):
        measure.write(str(folder), measure.measure(str(folder), num_workers=workers))
        for name in (measure.JSON, measure.HTML):
            (folder / name).rename(tmp_path / f"{workers}-{name}")
    for name in (measure.JSON, measure.HTML):
        assert (tmp_path / f"1-{name}").read_bytes() == (tmp_path / f"3-{name}").read_bytes()
    assert json.loads((tmp_path / f"1-{measure.JSON}").read_text())["format_version"] == 1
    assert not list(folder.glob("*.tmp"))


class _Page(html.parser.HTMLParser):
    """Checks that tags are closed in order; keeps text and attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_is_well_formed_needs_nothing_from_elsewhere_and_escapes_the_data(found):
    hostile = json.loads(json.dumps(found))
    hostile["unknown"]["words"]["words"] = [["<script>alert(1)</script>", 3]]
    hostile["examples"][0]["tokens"][1]["token"] = '"><img src=x onerror=alert(1)>'
    hostile["vocabulary"]["commonest"][0]["token"] = "</table>&amp;"
    hostile["counts"]["duplicates_removed"] = 4321
    text = report_page.render(hostile)
    page = _Page(text)
    assert page.open == []
    assert not {"script", "img", "link", "iframe", "object"} & set(page.tags)
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name.startswith("on")} | {"src"} & names
    assert {value[0] for name, value in page.attributes if name.endswith("href")} <= {"#"}
    assert not re.search(r"url\((?!#)|@import|https?:", text)
    for shown in ("<script>alert(1)</script>", "</table>&amp;", "4,321", "onerror=alert(1)"):
        assert shown in page.text
    assert page.tags.count("svg") == 2 and "prefers-color-scheme: dark" in text


def test_a_piece_of_a_word_stands_with_its_word_but_not_with_a_mark(found):
    changed = json.loads(json.dumps(found))
    names = ["[CLS]", "##a", "b", "##c", "[SEP]"]
    example = {"row": 0, "example_lengths": [5], "labels": [0]}
    about = [{"special": True}, {"goes_on": True, "text": "a"}, {}]
    about += [{"goes_on": True, "text": "c"}, {"special": True}]
    tokens = [{"token": n, "segment": 0, **a} for n, a in zip(names, about, strict=True)]
    changed["examples"] = [example | {"tokens": tokens}]
    assert "[CLS] a bc [SEP]" in _Page(report_page.render(changed)).text


@pytest.mark.parametrize(
    ("lengths", "text"),
    [
        ([0, 0, 1, 0, 99], "1% have 2 or fewer, 99% have 4, the most."),
        (
            [0, 0, 50, 50],
            "1% have 2 or fewer, 10% have 2 or fewer, 25% have 2 or fewer, 50% have 2 ",
        ),
        ([0, 0, 0, 9], "Tokens of the examples: 100% have 3, the most."),
    ],
)
def test_lengths_are_told_up_to_the_longest(found, lengths, text):
    changed = json.loads(json.dumps(found))
    changed["lengths"]["examples"] = lengths
    assert text in _Page(report_page.render(changed)).text


def test_examples_are_shown_with_what_was_masked(found, batch):
    rows = [example["row"] for example in found["examples"]]
    assert rows[0] == 0 and rows[-1] == found["size"]["rows"] - 1 and rows == sorted(rows)
    for example in found["examples"]:
        row, tokens = example["row"], example["tokens"]
        assert sum(example["example_lengths"]) == len(tokens)
        ids = [VOCABULARY.id_of(token["token"]) for token in tokens]
        assert ids == batch["input_ids"][row, : len(ids)].tolist()
        was = [VOCABULARY.id_of(token.get("was", token["token"])) for token in tokens]
        used = batch["masked_lm_weights"][row] > 0
        assert [i for i, token in enumerate(tokens) if "was" in token] == batch[
            "masked_lm_positions"
        ][row][used].tolist()
        assert was == batch["stored"][row, : len(ids)].tolist()


def test_checks_see_what_is_wrong(found):
    def said(**changes):
        changed = json.loads(json.dumps(found))
        for path, value in changes.items():
            part, name = path.split("__")
            changed[part][name] = value
        return {c["name"]: c["ok"] for c in measure.find_checks(changed)}

    fine = {
        "unknown__share": 0.001,
        "masks__left_out_share": 0.0,
        "masks__masked_share": 0.8,
        "masks__kept_share": 0.1,
        "masks__replaced_share": 0.1,
        "masks__predictions": 10**6,
        "pairs__share_of_label_1": 0.5,
        "size__padding_share": 0.05,
        "vocabulary__used_share": 0.9,
        "vocabulary__size": 30000,
    }
    assert all(said(**fine).values())
    for path, value, name in [
        ("unknown__share", 0.02, "unknown tokens"),
        ("masks__left_out_share", 0.05, "prediction slots"),
        ("masks__masked_share", 0.79, "masks"),
        ("pairs__share_of_label_1", 0.9, "pairs"),
        ("size__padding_share", 0.4, "padding"),
        ("vocabulary__used_share", 0.2, "vocabulary"),
    ]:
        assert [n for n, ok in said(**fine | {path: value}).items() if not ok] == [name]


def test_a_folder_from_before_unknown_words_were_counted_is_reported(folder, tmp_path):
    for path in folder.iterdir():
        if path.name != "unknown_words.json":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    found = measure.measure(str(tmp_path))
    measure.write(str(tmp_path), found)
    assert found["unknown"]["words"] is None
    assert "not known" in pathlib.Path(tmp_path, measure.HTML).read_text()


@pytest.mark.parametrize(("max_ngram", "words"), [(1, "whole words"), (2, "of up to 2 words")])
def test_static_masks_are_measured_and_tokens_counted_as_they_were_before(
    tmp_path, max_ngram, words
):
    """The same text with masks stored and not: the same tokens, and masks of the same kind."""
    documents = ["\n".join(sentences(i, 30)) for i in range(4)]
    (tmp_path / "a.txt").write_text("\n\n".join(documents))
    found, settings = {}, {"masked_lm_prob": 0.2, "whole_word": True, "max_ngram": max_ngram}
    for name, masks in {"stored": StaticMasks(0.2, SLOTS, True, max_ngram), "drawn": None}.items():
        build_data(
            str(tmp_path / "a.txt"),
            tmp_path / name,
            max_seq_length=LENGTH,
            static_masks=masks,
        )
        found[name] = measure.measure(str(tmp_path / name), **settings)
    stored, drawn = found["stored"], found["drawn"]
    assert stored["vocabulary"] == drawn["vocabulary"]
    assert stored["lengths"] == drawn["lengths"] and stored["size"] == drawn["size"]
    assert stored["masks"]["candidates"] == drawn["masks"]["candidates"]
    assert stored["masks"]["settings"]["max_predictions_per_seq"] == SLOTS
    assert 0 < stored["masks"]["predictions"] <= SLOTS * stored["size"]["rows"]
    assert stored["masks"]["masked_share"] == pytest.approx(0.8, abs=0.1)
    for name in found:
        assert words in report_page.render(found[name])
