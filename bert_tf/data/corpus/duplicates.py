"""Removes duplicates from a tokenized corpus, in constant memory.

A unit is a document or a sentence. If several units have the same tokens, the first stays. A near
duplicate is removed if an earlier unit has nearly the same shingles (bert_tf.data.corpus.min_hash),
so the first in a chain of similar units stays. Keys go into partitions on disk by their hash, and
are compared partition by partition. The result depends only on the corpus and the settings.
"""

import contextlib
import dataclasses
import functools
import json
import os
import shutil
from collections.abc import Callable, Iterator

import numpy as np

from bert_tf import progress
from bert_tf.data.corpus import METHODS, UNITS, min_hash
from bert_tf.data.corpus.flat_corpus import Corpus, TokenFile, map_in_order
from bert_tf.data.corpus.token_hashes import hash_places
from bert_tf.files import write_whole

_TOKENS_PER_BLOCK = 1 << 16
_KEYS_PER_PARTITION = 1 << 20
_UNITS_PER_RANGE = 1 << 22
_UNITS_PER_WINDOW = 1 << 13
_SENTENCES_PER_WINDOW = 1 << 16
_COMPARED = 8  # a unit is compared with this many units before it that have the same band
_ENTRY = np.dtype([("key", np.uint64), ("unit", np.int64)])
_NUMBER = np.dtype(np.int64)


@dataclasses.dataclass(frozen=True)
class Deduplication:
    """Which duplicates are removed.

    Attributes:
      method: "exact": equal tokens; "near": equal or nearly equal tokens.
      unit: what is compared: "document" or "sentence".
      threshold: with "near", the least estimated Jaccard similarity of duplicates.

    Raises:
      ValueError: a setting is unknown or out of range.
    """

    method: str = "exact"
    unit: str = "document"
    threshold: float = 0.8

    def __post_init__(self) -> None:
        for name, known in {"method": METHODS, "unit": UNITS}.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"deduplicate: {name} is {getattr(self, name)!r}; it must be one of "
                    f"{', '.join(known)}"
                )
        if not 0 < self.threshold <= 1:
            raise ValueError(
                f"the threshold of near duplicates is {self.threshold}; it must be above 0 and at "
                "most 1"
            )

    def settings(self) -> dict:
        """The settings that influence the result, for the manifest."""
        settings = dataclasses.asdict(self)
        return settings if self.method == "near" else settings | {"threshold": None}


def remove(
    open_corpus: Callable[[], Corpus],
    folder: str,
    wanted: Deduplication,
    *,
    begins_word: np.ndarray,
    unk_id: int,
    num_workers: int,
) -> dict[str, int]:
    """Writes the corpus without its duplicates into `folder`, unless it was finished before.

    Args:
      open_corpus: opens the corpus with duplicates.
      folder: for the files of a `Corpus`, and `counts.json` when it is complete. Temporary files
        take as much space as the tokens, plus 650 bytes a document for near duplicates.
      wanted: what to remove.
      begins_word: bool [V], see `Tokenizer.begins_word`.
      unk_id: the token to count.
      num_workers: threads.

    Returns:
      Counts of the rest (`documents`, `sentences`, `tokens`, `tokens_unknown`) and of the
      duplicates (`duplicates_exact`, `duplicates_near`, `duplicate_tokens`).
    """
    done = os.path.join(folder, "counts.json")
    if os.path.exists(done):
        with open(done) as file:
            return json.load(file)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "parts"))
    finder = _Finder(open_corpus, os.path.join(folder, "parts"), wanted)
    finder.describe(begins_word, num_workers)
    finder.find_equal()
    if wanted.method == "near":
        finder.find_similar()
    counts = _write_rest(open_corpus, folder, finder, wanted.unit, unk_id)
    shutil.rmtree(os.path.join(folder, "parts"))
    write_whole(done, json.dumps(counts))
    return counts


class _Finder:
    """Finds the units of a corpus that are duplicates; keeps its data in files of `folder`."""

    def __init__(self, open_corpus: Callable[[], Corpus], folder: str, wanted: Deduplication):
        self._open_corpus, self._folder, self._wanted = open_corpus, folder, wanted
        corpus = open_corpus()
        is_document = wanted.unit == "document"
        self.num_units = corpus.num_documents if is_document else corpus.num_sentences
        self._num_tokens = int(corpus.sentence_offsets[-1])
        self._num_partitions = -(-self.num_units // _KEYS_PER_PARTITION)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def describe(self, begins_word: np.ndarray, num_workers: int) -> None:
        """Writes `keys` and, for near duplicates, `signatures`: one entry a unit, in order."""
        work = functools.partial(self._describe_block, begins_word)
        blocks = range(0, self._num_tokens, _TOKENS_PER_BLOCK)
        names = ("keys", "signatures") if self._wanted.method == "near" else ("keys",)
        joins = (np.add, np.minimum)
        # The last unit of a block can continue in the next block, so it is written later.
        pending = [None] * len(names)
        with progress.bar(
            total=self._num_tokens / 1e6, unit="M tokens", description="comparing"
        ) as bar:
            for block, found in zip(blocks, map_in_order(work, blocks, num_workers), strict=True):
                for i, (units, values) in enumerate(found):
                    pending[i] = self._append(names[i], pending[i], units, values, joins[i])
                bar.update(min(_TOKENS_PER_BLOCK, self._num_tokens - block) / 1e6)
        for name, rest in zip(names, pending, strict=True):
            self._write(name, rest[1])

    def _append(
        self,
        name: str,
        pending: tuple[np.ndarray, np.ndarray] | None,
        units: np.ndarray,
        values: np.ndarray,
        join: np.ufunc,
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Writes all units except the last, and returns the last. Joins a unit of two blocks."""
        if not len(units):
            return pending
        if pending is not None and pending[0][0] == units[0]:
            values[0] = join(pending[1][0], values[0])
        elif pending is not None:
            self._write(name, pending[1])
        self._write(name, values[:-1])
        return units[-1:], values[-1:]

    def _write(self, name: str, values: np.ndarray) -> None:
        with open(self._path(name), "ab") as file:
            file.write(values.tobytes())  # unlike tofile, raises OSError if the disk is full

    def _describe_block(
        self, begins_word: np.ndarray, begin: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        corpus = self._open_corpus()
        size = min(_TOKENS_PER_BLOCK, self._num_tokens - begin)
        loaded = min(size + min_hash.LOOKAHEAD, self._num_tokens - begin)
        tokens = corpus.take_tokens(np.array([begin]), np.array([loaded]))
        first, starts = self._starts(corpus, begin, begin + loaded)
        inside = begin + np.arange(loaded)
        unit_T = np.searchsorted(starts, inside, side="right") - 1
        parts = np.flatnonzero(np.diff(unit_T[:size], prepend=-1))
        hashes = hash_places(tokens[:size], inside[:size] - starts[unit_T[:size]])
        found = [(unit_T[parts] + first, np.add.reduceat(hashes, parts))]
        if self._wanted.method == "near":
            is_word_T = begins_word[tokens]
            is_begin_T = starts[unit_T] == inside
            units, signatures = min_hash.block_signatures(
                tokens, size, unit_T, is_begin_T, is_word_T
            )
            found.append((units + first, signatures))
        return found

    def _starts(self, corpus: Corpus, begin: int, end: int) -> tuple[int, np.ndarray]:
        """The unit of the token `begin`; where this unit and the next ones begin, up to `end`."""
        sentences = corpus.sentence_offsets
        first = int(np.searchsorted(sentences, begin, side="right")) - 1
        last = int(np.searchsorted(sentences, end, side="left"))
        if self._wanted.unit == "sentence":
            return first, np.array(sentences[first:last])
        documents = corpus.document_offsets
        first = int(np.searchsorted(documents, first, side="right")) - 1
        last = int(np.searchsorted(documents, last, side="left"))
        return first, np.array(sentences[np.array(documents[first:last])])

    def find_equal(self) -> None:
        """Notes all units whose key equals that of an earlier unit."""
        for begin in range(0, self.num_units, _KEYS_PER_PARTITION):
            count = min(_KEYS_PER_PARTITION, self.num_units - begin)
            keys = np.fromfile(self._path("keys"), np.uint64, count, offset=8 * begin)
            self._partition("equal", keys, begin)
        for entries in self._sorted_partitions("equal"):
            is_again = entries["key"][1:] == entries["key"][:-1]
            self._note("exact", entries["unit"][1:][is_again])

    def find_similar(self) -> None:
        """Notes the units that share a band with an earlier, similar unit."""
        rows = min_hash.rows_of_band(self._wanted.threshold)
        num_bands = min_hash.NUM_HASHES // rows
        for begin in range(0, self.num_units, _UNITS_PER_WINDOW):
            units = np.arange(begin, min(begin + _UNITS_PER_WINDOW, self.num_units))
            keys = min_hash.band_keys(self._signatures(units), rows)
            for band in range(num_bands):
                self._partition(f"band-{band}", keys[:, band], begin)
        for band in range(num_bands):
            for entries in self._sorted_partitions(f"band-{band}"):
                for pairs in _candidates(entries):
                    self._note("near", self._similar(pairs))

    def _similar(self, pairs: np.ndarray) -> np.ndarray:
        """The second unit of each similar pair; `pairs` is int64 [N, 2]."""
        found = []
        for begin in range(0, len(pairs), _UNITS_PER_WINDOW):
            first, second = pairs[begin : begin + _UNITS_PER_WINDOW].T
            share = min_hash.similarity(self._signatures(first), self._signatures(second))
            found.append(second[share >= self._wanted.threshold])
        return np.concatenate([np.zeros(0, _NUMBER), *found])

    def _signatures(self, units: np.ndarray) -> np.ndarray:
        """uint32 [N, H]."""
        width = min_hash.NUM_HASHES
        file = TokenFile(self._path("signatures"), np.uint32)
        lengths = np.full(len(units), width)
        return file.take(units.astype(np.int64) * width, lengths).reshape(-1, width)

    def _partition(self, name: str, keys: np.ndarray, first: int) -> None:
        """Appends (key, unit) to files by key; the units count from `first`."""
        entries = np.empty(len(keys), _ENTRY)
        entries["key"], entries["unit"] = keys, first + np.arange(len(keys))
        part = keys % np.uint64(self._num_partitions)
        for number in range(self._num_partitions):
            self._write(f"{name}-{number}", entries[part == number])

    def _sorted_partitions(self, name: str) -> Iterator[np.ndarray]:
        for number in range(self._num_partitions):
            path = self._path(f"{name}-{number}")
            entries = np.fromfile(path, _ENTRY)
            os.remove(path)
            yield entries[np.lexsort((entries["unit"], entries["key"]))]

    def _note(self, kind: str, units: np.ndarray) -> None:
        for number in np.unique(units // _UNITS_PER_RANGE).tolist():
            chosen = units[units // _UNITS_PER_RANGE == number]
            self._write(f"{kind}-{number}", chosen.astype(_NUMBER))

    @functools.lru_cache(2)  # noqa: B019 - lives as long as the pass
    def _noted(self, kind: str, number: int) -> np.ndarray:
        """Bool [units of the range]."""
        is_noted = np.zeros(_UNITS_PER_RANGE, bool)
        path = self._path(f"{kind}-{number}")
        if os.path.exists(path):
            with open(path, "rb") as file:
                while block := file.read(_KEYS_PER_PARTITION * _NUMBER.itemsize):
                    is_noted[np.frombuffer(block, _NUMBER) - number * _UNITS_PER_RANGE] = True
        return is_noted

    def is_noted(self, kind: str, first: int, last: int) -> np.ndarray:
        """Bool [last - first]: which of the units from `first` on are duplicates of this kind."""
        ranges = range(first // _UNITS_PER_RANGE, max(first, last - 1) // _UNITS_PER_RANGE + 1)
        noted = np.concatenate([self._noted(kind, number) for number in ranges])
        return noted[first - ranges[0] * _UNITS_PER_RANGE :][: last - first]


def _candidates(entries: np.ndarray) -> Iterator[np.ndarray]:
    """Yields pairs of units that share a key, int64 [N, 2], the earlier first.

    Each unit is paired with the `_COMPARED` units before it and with the first.
    """
    keys, units = entries["key"], entries["unit"]
    is_first = np.ones(len(keys), bool)
    is_first[1:] = keys[1:] != keys[:-1]
    firsts = np.flatnonzero(is_first)[np.cumsum(is_first) - 1]
    far = np.flatnonzero(np.arange(len(keys)) - firsts > _COMPARED)
    yield np.stack([units[firsts[far]], units[far]], axis=1)
    for lag in range(1, min(_COMPARED + 1, len(keys))):
        same = np.flatnonzero(keys[lag:] == keys[:-lag])
        yield np.stack([units[same], units[same + lag]], axis=1)


def _write_rest(
    open_corpus: Callable[[], Corpus], folder: str, finder: _Finder, unit: str, unk_id: int
) -> dict[str, int]:
    """Writes the corpus without the units that were noted; returns the counts."""
    corpus = open_corpus()
    num_sentences, num_tokens = corpus.num_sentences, int(corpus.sentence_offsets[-1])
    names = ("sentences", "documents", "tokens", "tokens_unknown")
    counts = dict.fromkeys((*names, "duplicates_exact", "duplicates_near", "last_end"), 0)
    with contextlib.ExitStack() as stack:
        files = {
            name: stack.enter_context(open(os.path.join(folder, name), "wb")) for name in names[:3]
        }
        for name in names[:2]:
            files[name].write(np.zeros(1, _NUMBER).tobytes())
        for first in range(0, num_sentences, _SENTENCES_PER_WINDOW):
            last = min(first + _SENTENCES_PER_WINDOW, num_sentences)
            _write_window(open_corpus(), files, finder, unit, unk_id, first, last, counts)
    del counts["last_end"]
    return counts | {"duplicate_tokens": num_tokens - counts["tokens"]}


def _write_window(
    corpus: Corpus,
    files: dict,
    finder: _Finder,
    unit: str,
    unk_id: int,
    first: int,
    last: int,
    counts: dict[str, int],
) -> None:
    """Writes the sentences `first` to `last - 1` without duplicates; adds to `counts`."""
    offsets = np.array(corpus.sentence_offsets[first : last + 1])
    document = int(np.searchsorted(corpus.document_offsets, first, side="right")) - 1
    end = int(np.searchsorted(corpus.document_offsets, last, side="left"))
    borders = np.array(corpus.document_offsets[document : end + 1])
    units, begins = (first, last), np.arange(first, last)
    if unit == "document":
        units, begins = (document, end), borders[:-1]
    is_exact = finder.is_noted("exact", *units)
    is_near = finder.is_noted("near", *units) & ~is_exact
    is_new = begins >= first  # the previous window counted a document that began there
    counts["duplicates_exact"] += int(np.count_nonzero(is_exact & is_new))
    counts["duplicates_near"] += int(np.count_nonzero(is_near & is_new))
    stays = ~(is_exact | is_near)
    if unit == "document":
        stays = stays[np.searchsorted(borders, np.arange(first, last), side="right") - 1]
    lengths = np.diff(offsets)[stays]
    tokens = corpus.take_tokens(offsets[:-1][stays], lengths)
    ends = borders[(borders > first) & (borders <= last)]
    kept_before = np.concatenate([[0], np.cumsum(stays)])[ends - first] + counts["sentences"]
    # A document without sentences is dropped: its end equals that of the document before it.
    new_ends = np.unique(kept_before[kept_before > counts["last_end"]])
    files["tokens"].write(tokens.tobytes())
    files["sentences"].write((np.cumsum(lengths) + counts["tokens"]).astype(_NUMBER).tobytes())
    files["documents"].write(new_ends.astype(_NUMBER).tobytes())
    counts["last_end"] = int(new_ends[-1]) if len(new_ends) else counts["last_end"]
    counts["sentences"] += len(lengths)
    counts["documents"] += len(new_ends)
    counts["tokens"] += len(tokens)
    counts["tokens_unknown"] += int(np.count_nonzero(tokens == unk_id))
