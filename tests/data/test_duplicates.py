"""Duplicates and held-out sentences leave the corpus, and nothing else does."""

import contextlib
import itertools
import json
import pathlib

import numpy as np
import pytest

from bert_tf.data.building import builder, chunk_tokenizer
from bert_tf.data.corpus import duplicates, min_hash
from bert_tf.data.corpus.duplicates import Deduplication
from bert_tf.data.corpus.flat_corpus import Corpus
from tests.data.fake_tokenizer import (
    FIRST_WORD,
    TOKENIZER,
    VOCABULARY,
    build_data,
    random_corpus,
    sentences,
)

UNK = VOCABULARY.unk_id


def corpus_of(documents):
    """A corpus of documents, each a list of sentences, each a list of tokens."""
    kept = [sentence for document in documents for sentence in document]
    return Corpus(
        tokens=np.array([t for sentence in kept for t in sentence], np.uint16),
        sentence_offsets=np.cumsum([0] + [len(sentence) for sentence in kept]),
        document_offsets=np.cumsum([0] + [len(document) for document in documents]),
    )


def documents_of(corpus):
    tokens = corpus.take_tokens(np.array([0]), np.array([corpus.sentence_offsets[-1]])).tolist()
    found = []
    for first, last in itertools.pairwise(corpus.document_offsets.tolist()):
        bounds = itertools.pairwise(corpus.sentence_offsets[first : last + 1].tolist())
        found.append([tokens[begin:end] for begin, end in bounds])
    return found


def remove(corpus, folder, wanted, num_workers=1):
    counts = duplicates.remove(
        lambda: corpus,
        str(folder),
        wanted,
        begins_word=TOKENIZER.begins_word,
        unk_id=UNK,
        num_workers=num_workers,
    )
    return documents_of(Corpus.open(str(folder), np.uint16)), counts


def random_documents(seed, sizes, max_length=30):
    return documents_of(random_corpus(seed, sizes, len(VOCABULARY), max_length))


@pytest.fixture
def small_pieces(monkeypatch):
    """Every border of blocks, windows, ranges and partitions is met."""
    for name, value in {
        "_TOKENS_PER_BLOCK": 97,
        "_KEYS_PER_PARTITION": 13,
        "_UNITS_PER_RANGE": 7,
        "_UNITS_PER_WINDOW": 5,
        "_SENTENCES_PER_WINDOW": 11,
    }.items():
        monkeypatch.setattr(duplicates, name, value)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("unit", duplicates.UNITS)
def test_of_equal_ones_the_first_stays(tmp_path, small_pieces, seed, unit):
    random = np.random.default_rng(seed)
    pool = random_documents(seed, [*random.integers(1, 9, 12)], max_length=4)
    documents = [pool[i] for i in random.integers(0, len(pool), 40)]
    found, counts = remove(
        corpus_of(documents), tmp_path / "out", Deduplication("exact", unit), num_workers=2
    )
    seen, expected = set(), []
    for document in documents:
        parts = [document] if unit == "document" else [[sentence] for sentence in document]
        new = [part for part in parts if not (str(part) in seen or seen.add(str(part)))]
        if rest := [sentence for part in new for sentence in part]:
            expected.append(rest)
    # Documents are equal if their tokens are, wherever their sentences end.
    assert found == expected
    total = len(documents) if unit == "document" else sum(map(len, documents))
    left = len(found) if unit == "document" else sum(map(len, found))
    assert counts["duplicates_exact"] == total - left > 0 == counts["duplicates_near"]
    tokens = [t for document in found for sentence in document for t in sentence]
    assert (counts["documents"], counts["tokens"]) == (len(found), len(tokens))
    assert counts["sentences"] == sum(map(len, found))
    assert counts["duplicate_tokens"] == sum(map(len, sum(documents, []))) - len(tokens)


def changed(document, share, random):
    """The document with a share of its tokens drawn anew."""
    return [
        [int(random.integers(FIRST_WORD, 16)) if random.random() < share else t for t in sentence]
        for sentence in document
    ]


def test_nearly_equal_ones_go_and_others_stay(tmp_path):
    random = np.random.default_rng(0)
    originals = random_documents(1, [20] * 30)
    near = [[document[0] + document[1][:1], *document[1:]] for document in originals[:15]]
    far = [changed(document, 0.3, random) for document in originals[15:]]
    documents = [*originals, *near, *far, originals[3]]
    found, counts = remove(corpus_of(documents), tmp_path / "near", Deduplication("near"))
    assert found == [*originals, *far]
    assert (counts["duplicates_near"], counts["duplicates_exact"]) == (15, 1)
    found, _ = remove(corpus_of(documents), tmp_path / "exact", Deduplication("exact"))
    assert found == documents[:-1]


@pytest.mark.parametrize("unit", duplicates.UNITS)
def test_near_duplicates_do_not_depend_on_how_the_work_is_cut(tmp_path, monkeypatch, unit):
    random = np.random.default_rng(2)
    originals = random_documents(3, [6] * 12)
    documents = [*originals, *(changed(document, 0.015, random) for document in originals)]
    wanted = Deduplication("near", unit, threshold=0.3)
    whole, counts = remove(corpus_of(documents), tmp_path / "whole", wanted)
    # A look-ahead must reach the end of a shingle; blocks may be as small as one likes.
    for name, value in {"_TOKENS_PER_BLOCK": 61, "_UNITS_PER_WINDOW": 5}.items():
        monkeypatch.setattr(duplicates, name, value)
    monkeypatch.setattr(duplicates, "_KEYS_PER_PARTITION", 7)
    parts, same = remove(corpus_of(documents), tmp_path / "parts", wanted, num_workers=3)
    assert parts == whole and same == counts and counts["duplicates_near"] > 5


def exact_similarity(first, second):
    """Jaccard of the sets of five words, in plain Python; a word is a token and what continues."""

    def shingles(document):
        words = []
        for token in sum(document, []):
            if words and VOCABULARY.is_continuation[token]:
                words[-1] += (token,)
            else:
                words.append((token,))
        size = min(min_hash.WORDS_PER_SHINGLE, len(words))
        return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}

    a, b = shingles(first), shingles(second)
    return len(a & b) / len(a | b)


def test_signatures_estimate_the_similarity_of_the_words(tmp_path, small_pieces):
    random = np.random.default_rng(4)
    documents = random_documents(5, [8] * 20)
    documents += [
        changed(d, share, random)
        for d, share in zip(documents, np.linspace(0, 0.1, 20), strict=True)
    ]
    documents += [[[FIRST_WORD, 16]], [[FIRST_WORD, 16]], [[FIRST_WORD]]]  # fewer than five words
    corpus = corpus_of(documents)
    finder = duplicates._Finder(lambda: corpus, str(tmp_path), Deduplication("near"))
    finder.describe(TOKENIZER.begins_word, 1)
    first = [*range(20), 40, 40]
    second = [*range(20, 40), 41, 42]
    found = min_hash.similarity(
        finder._signatures(np.array(first)), finder._signatures(np.array(second))
    )
    exact = [
        exact_similarity(documents[i], documents[j]) for i, j in zip(first, second, strict=True)
    ]
    assert min(exact[:20]) < 0.6 and exact[20:] == [1, 0]
    np.testing.assert_allclose(found, exact, atol=0.15)  # standard deviation below 0.045
    assert abs(np.mean(found - exact)) < 0.03


def test_bands_are_as_long_as_the_threshold_lets_them_be():
    assert [min_hash.rows_of_band(t) for t in (1.0, 0.8, 0.7, 0.5, 0.1)] == [32, 8, 4, 2, 1]


def write(path, documents):
    path.write_text("\n\n".join("\n".join(document) for document in documents) + "\n")
    return str(path)


def build(text, folder, **changes):
    settings = {"max_seq_length": 32, "shard_size": 10} | changes
    return build_data(text, folder, **settings)


def shards(manifest):
    return [(shard["rows"], shard["sha256"]) for shard in manifest.shards]


def test_the_data_are_those_of_the_text_without_duplicates_and_held_out_sentences(tmp_path):
    documents = [sentences(seed, 30) for seed in range(6)]
    held_out = ["The rain falls on the hill town, wind.", documents[4][7].upper()]
    (tmp_path / "held.jsonl").write_text("\n".join(json.dumps({"text": t}) for t in held_out))
    clean = write(
        tmp_path / "clean.txt",
        [[s for s in d if s.upper() not in (held_out[0].upper(), held_out[1])] for d in documents],
    )
    dirty = [*documents[:3], documents[1], *documents[3:], [*documents[2], held_out[0]]]
    dirty[0] = [*dirty[0][:5], held_out[0], *dirty[0][5:]]
    manifest = build(
        write(tmp_path / "dirty.txt", dirty),
        tmp_path / "out",
        deduplicate=Deduplication("exact"),
        exclude=[str(tmp_path / "held.jsonl")],
    )
    assert shards(manifest) == shards(build(clean, tmp_path / "clean"))
    counts = manifest.counts
    assert (counts["duplicates_exact"], counts["sentences_excluded"]) == (2, 3)
    assert counts["documents"] == 6 and counts["sentences_skipped"] == 0
    assert [entry["file"] for entry in manifest.exclude] == ["held.jsonl"]
    assert manifest.deduplicate == {"method": "exact", "unit": "document", "threshold": None}


class Killed(BaseException):
    """Nobody catches it."""


def must_not_be_called(*args, **kwargs):
    raise AssertionError("the text is tokenized again")


@pytest.mark.parametrize(
    ("name", "calls"), [("_describe_block", 1), ("find_similar", 0), ("is_noted", 3)]
)
def test_a_run_that_was_killed_ends_with_the_same_bytes(tmp_path, monkeypatch, name, calls):
    documents = [sentences(seed, 30) for seed in range(4)]
    text = write(tmp_path / "a.txt", [*documents, documents[0], documents[2]])
    settings = {
        "deduplicate": Deduplication("near"),
        "exclude": [write(tmp_path / "b.txt", [["."]])],
    }
    whole = build(text, tmp_path / "whole", **settings)
    monkeypatch.setattr(duplicates, "_TOKENS_PER_BLOCK", 101)
    monkeypatch.setattr(duplicates, "_SENTENCES_PER_WINDOW", 17)
    original, count = getattr(duplicates._Finder, name), itertools.count()

    def call(*args):
        if next(count) >= calls:
            raise Killed
        return original(*args)

    with monkeypatch.context() as broken:
        broken.setattr(builder._Build, "tidy_up", contextlib.nullcontext)
        broken.setattr(duplicates._Finder, name, call)
        with pytest.raises(Killed):
            build(text, tmp_path / "data", **settings)
    assert pathlib.Path(tmp_path / "data.incomplete").is_dir()
    monkeypatch.setattr(chunk_tokenizer, "tokenize_chunk", must_not_be_called)
    assert build(text, tmp_path / "data", num_workers=2, **settings) == whole
    assert not (tmp_path / "data.incomplete").exists()
    assert whole.counts["duplicates_exact"] == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "fuzzy"}, "method is 'fuzzy'; it must be one of exact, near"),
        ({"unit": "word"}, "unit is 'word'"),
        ({"threshold": 0}, "threshold of near duplicates is 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Deduplication(**settings)
