"""A tokenized corpus: one flat array of tokens with the borders of sentences and documents.

`CorpusWriter` builds it chunk by chunk on disk, and continues after a kill at any moment. `Corpus`
reads it at random places. The files are plain arrays, `tokens`, `sentences` and `documents`, and a
list of the words that became the unknown token, `unknown_words`, one a line.
"""

import collections
import concurrent.futures
import dataclasses
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bert_tf.data.corpus import unknown_words
from bert_tf.data.ranges import offsets_of, ranges
from bert_tf.data.text.documents import parse
from bert_tf.data.text.sources import Chunk, Position

_OFFSET = np.dtype(np.int64)
_FILES = ("tokens", "sentences", "documents", unknown_words.LIST)
_COPIED_BYTES = 1 << 22
_GROUP_CHARS = 1 << 17  # that one thread tokenizes at a time; more take more memory
_NEAR_TOKENS = 4096  # spans this close are read together


class TokenFile:
    """Spans of a flat file, read when they are needed.

    The file is not memory-mapped: the kernel maps 16 pages around every page that is used, so after
    random reads the whole file would count as memory of the process.
    """

    def __init__(self, path: str, token_type: np.dtype):
        self._path, self._type = path, np.dtype(token_type)

    def take(self, begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """See `Corpus.take_tokens`. Reads near spans together, in any order."""
        if not len(begins):
            return np.zeros(0, self._type)
        by_place = np.argsort(begins, kind="stable")
        ends = np.maximum.accumulate((begins + lengths)[by_place])
        is_new = np.ones(len(begins), bool)
        is_new[1:] = begins[by_place[1:]] > ends[:-1] + _NEAR_TOKENS
        run_begins = begins[by_place[is_new]]
        run_ends = ends[np.append(np.flatnonzero(is_new)[1:], len(ends)) - 1]
        run_offsets = offsets_of(run_ends - run_begins)
        tokens = self._read(run_begins, run_offsets)
        shift = np.empty_like(begins)
        shift[by_place] = (run_offsets[:-1] - run_begins)[np.cumsum(is_new) - 1]
        return tokens[ranges(begins + shift, lengths)]

    def _read(self, begins: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        tokens = np.empty(offsets[-1], self._type)
        buffer, size = memoryview(tokens).cast("B"), self._type.itemsize
        places, bounds = (begins * size).tolist(), (offsets * size).tolist()
        file = os.open(self._path, os.O_RDONLY)
        try:
            for place, begin, end in zip(places, bounds, bounds[1:], strict=False):
                while begin < end:  # a read can return fewer bytes than requested
                    count = os.preadv(file, [buffer[begin:end]], place)
                    if not count:
                        raise ValueError(f"{self._path} is too short; delete its folder")
                    begin, place = begin + count, place + count
        finally:
            os.close(file)
        return tokens


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Tokens of a corpus in order. Every sentence has a token, every document a sentence.

    Attributes:
      tokens: int32 or uint16 [T], or the file with them.
      sentence_offsets: int64 [sentences + 1], into `tokens`.
      document_offsets: int64 [documents + 1], into the sentences.
    """

    tokens: np.ndarray | TokenFile
    sentence_offsets: np.ndarray
    document_offsets: np.ndarray

    @classmethod
    def open(cls, folder: str, token_type: np.dtype) -> "Corpus":
        """The corpus that a `CorpusWriter` finished in `folder`.

        The offsets are memory-mapped. Pages that were read count as memory until the object is
        deleted, so code that reads at many places opens the corpus again from time to time.
        """
        names = [os.path.join(folder, name) for name in ("sentences", "documents")]
        offsets = [np.memmap(name, _OFFSET, "r") for name in names]
        return cls(TokenFile(os.path.join(folder, "tokens"), token_type), *offsets)

    @property
    def num_documents(self) -> int:
        """Documents with at least one token."""
        return len(self.document_offsets) - 1

    @property
    def num_sentences(self) -> int:
        """Sentences with at least one token."""
        return len(self.sentence_offsets) - 1

    def take_tokens(self, begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """The concatenated tokens of n spans; `begins` and `lengths` are int64 [n]."""
        if isinstance(self.tokens, TokenFile):
            return self.tokens.take(begins, lengths)
        return self.tokens[ranges(begins, lengths)]


@dataclasses.dataclass(frozen=True)
class TokenizedChunk:
    """A chunk for `CorpusWriter.append`: tokens, and where sentences and documents end.

    Attributes:
      tokens: the ids of all sentences.
      lengths: int64, tokens of each sentence that has any.
      ends, kept_ends: int64, where documents end, counted in all sentences and in sentences with
        tokens. The document after the last end continues in the next chunk.
      is_record: bool, for each end whether the document counts even if it is empty.
      num_sentences: sentences of the text.
      counts: `sentences_excluded`, `tokens_unknown`, `bad_records`, `bad_files`.
      following, file_bytes: see `sources.Chunk`.
      unknown: words that became the unknown token.
    """

    tokens: np.ndarray
    lengths: np.ndarray
    ends: np.ndarray
    kept_ends: np.ndarray
    is_record: np.ndarray
    num_sentences: int
    counts: dict[str, int]
    following: Position
    file_bytes: int
    unknown: list[str] = dataclasses.field(default_factory=list)


def tokenize_chunk(
    chunk: Chunk,
    tokenize: Callable[[tf.Tensor], tf.RaggedTensor],
    unk_id: int,
    token_type: np.dtype = np.int32,
    *,
    skip_bad_records: bool = False,
    is_excluded: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    find_unknown: Callable[[list[str], tf.RaggedTensor], list[str]] = lambda texts, ragged: [],
    longest: int | None = None,
) -> TokenizedChunk:
    """Parses and tokenizes a chunk of text.

    Args:
      chunk: from `sources.read_chunks`.
      tokenize: string [N] -> int32 RaggedTensor [N, None], the `Tokenizer.tokenize` method.
      unk_id: the token to count.
      token_type: of the tokens in the result.
      skip_bad_records: see `documents.parse`, also for the errors.
      is_excluded: tokens and lengths of all sentences -> bool, which to leave out.
      find_unknown: texts and their tokens -> the words that became the unknown token.
      longest: longer sentences, in tokens, are split into several; None: never split.
    """
    texts, ends, is_record, bad_records = [], [], [], 0
    for piece in chunk.pieces:
        found = parse(piece, skip_bad_records=skip_bad_records)
        ends += [len(texts) + end for end in found.ends]
        texts += found.texts
        is_record += found.is_record
        bad_records += found.bad_records
    parts = [
        _tokenize_texts(group, tokenize, is_excluded, find_unknown) for group in _groups(texts)
    ]
    tokens = np.concatenate([part.tokens for part in parts])
    lengths = np.concatenate([part.lengths for part in parts])
    ends = np.asarray(ends, np.int64)
    if longest:
        lengths, ends = _split_long(lengths, ends, longest)
    num_excluded = sum(part.num_excluded for part in parts)
    counts = {
        "sentences_excluded": num_excluded,
        "tokens_unknown": int(np.count_nonzero(tokens == unk_id)),
        "bad_records": bad_records,
        "bad_files": chunk.bad_files,
    }
    return TokenizedChunk(
        tokens=tokens.astype(token_type),
        lengths=lengths[lengths > 0],
        ends=ends,
        kept_ends=offsets_of(lengths > 0)[ends],
        is_record=np.asarray(is_record, bool),
        num_sentences=len(lengths),
        counts=counts,
        following=chunk.following,
        file_bytes=chunk.file_bytes,
        unknown=[word for part in parts for word in part.unknown],
    )


def _split_long(
    lengths: np.ndarray, ends: np.ndarray, longest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Splits long sentences into several of at most `longest` tokens; the tokens do not move."""
    counts = np.maximum(-(-lengths // longest), 1)
    ends_of_parts = offsets_of(counts)
    parts = np.full(ends_of_parts[-1], longest, np.int64)
    parts[ends_of_parts[1:] - 1] = lengths - (counts - 1) * longest
    return parts, ends_of_parts[ends]


def _groups(texts: list[str]) -> Iterator[list[str]]:
    """At least one group, each of about `_GROUP_CHARS` characters: a record can be a whole book."""
    begin = size = 0
    for index, text in enumerate(texts):
        size += len(text)
        if size >= _GROUP_CHARS:
            yield texts[begin : index + 1]
            begin, size = index + 1, 0
    if begin < len(texts) or not texts:
        yield texts[begin:]


class _TokenizedTexts(NamedTuple):
    tokens: np.ndarray
    lengths: np.ndarray  # 0 for a sentence that is left out
    num_excluded: int
    unknown: list[str]


def _tokenize_texts(texts, tokenize, is_excluded, find_unknown) -> _TokenizedTexts:
    ragged = tokenize(tf.constant(texts, tf.string, shape=[len(texts)]))
    lengths, num_excluded = ragged.row_lengths().numpy(), 0
    if is_excluded is not None:
        drop = is_excluded(ragged.values.numpy(), lengths)
        texts = list(itertools.compress(texts, ~drop))
        ragged, lengths = tf.ragged.boolean_mask(ragged, ~drop), np.where(drop, 0, lengths)
        num_excluded = int(np.count_nonzero(drop))
    return _TokenizedTexts(
        ragged.values.numpy(), lengths, num_excluded, find_unknown(texts, ragged)
    )


_FRESH = {
    "following": Position(),
    "file_bytes": 0,
    "open": [0, 0],
    "tokens": 0,
    "sentences": 0,
    "sentences_skipped": 0,
    "sentences_excluded": 0,
    "documents": 0,
    "documents_skipped": 0,
    "tokens_unknown": 0,
    "bad_records": 0,
    "bad_files": 0,
}


class CorpusWriter:
    """Appends chunks to the files of a corpus; a journal holds the length of the valid part.

    If a process is killed, the files can end in data that is not in the journal; the next writer
    removes it. The division of the text into chunks does not change the bytes.

    Args:
      folder: on a local disk; created if necessary.

    Attributes:
      state: the last line of the journal: `following`, `file_bytes` read so far, counts, and
        `open`, the number of sentences in the unfinished document: all, and those with tokens.
    """

    def __init__(self, folder: str):
        os.makedirs(folder, exist_ok=True)
        self._journal = os.path.join(folder, "journal.jsonl")
        self.state, good_bytes = self._last_state()
        self._files = {
            name: os.open(os.path.join(folder, name), os.O_RDWR | os.O_CREAT, 0o666)
            for name in _FILES
        }
        self._files["journal"] = os.open(self._journal, os.O_RDWR | os.O_CREAT, 0o666)
        self._truncate(good_bytes)

    def __enter__(self) -> "CorpusWriter":
        return self

    def __exit__(self, *exc: object) -> None:
        for file in self._files.values():
            os.close(file)

    def append(self, chunk: TokenizedChunk) -> None:
        """Adds a chunk. Raises OSError if the disk is full; earlier chunks stay valid."""
        state = self.state
        raw_open, kept_open = state["open"]
        raw = np.diff(chunk.ends, prepend=-raw_open)
        kept = np.diff(chunk.kept_ends, prepend=-kept_open)
        num_kept, counts = len(chunk.lengths), chunk.counts
        num_skipped = chunk.num_sentences - num_kept - counts["sentences_excluded"]
        written = chunk.kept_ends[kept > 0] + state["sentences"]
        last_raw, last_kept = -raw_open, -kept_open
        if len(chunk.ends):
            last_raw, last_kept = int(chunk.ends[-1]), int(chunk.kept_ends[-1])
        self._write("tokens", chunk.tokens)
        self._write("sentences", np.cumsum(chunk.lengths, dtype=_OFFSET) + state["tokens"])
        self._write("documents", written.astype(_OFFSET))
        self._write(unknown_words.LIST, "".join(word + "\n" for word in chunk.unknown).encode())
        is_document = (raw > 0) | chunk.is_record
        self.state = {
            "following": chunk.following,
            "file_bytes": state["file_bytes"] + chunk.file_bytes,
            "open": [chunk.num_sentences - last_raw, num_kept - last_kept],
            "tokens": state["tokens"] + len(chunk.tokens),
            "sentences": state["sentences"] + num_kept,
            "sentences_skipped": state["sentences_skipped"] + num_skipped,
            "documents": state["documents"] + len(written),
            "documents_skipped": state["documents_skipped"]
            + int(np.count_nonzero(is_document & (kept <= 0))),
            **{name: state[name] + count for name, count in counts.items()},
            "bytes": [os.lseek(self._files[name], 0, os.SEEK_CUR) for name in _FILES],
        }
        self._write("journal", json.dumps(self.state).encode() + b"\n")

    def append_corpus(self, folder: str, following: Position) -> None:
        """Adds the corpus that another writer finished in `folder`.

        Neither corpus can have an unfinished document. `following` is where the text continues.
        """
        with CorpusWriter(folder) as other:
            added = other.state
        state = self.state
        shifts = {"sentences": state["tokens"], "documents": state["sentences"]}
        for name in _FILES:
            with open(os.path.join(folder, name), "rb") as file:
                if name in shifts:
                    file.seek(_OFFSET.itemsize)  # skips the 0 at the start
                while block := file.read(_COPIED_BYTES):
                    if name in shifts:
                        block = np.frombuffer(block, _OFFSET) + shifts[name]
                    self._write(name, block)
        sums = {n: state[n] + added[n] for n in _FRESH if n not in ("following", "open")}
        sizes = [os.lseek(self._files[name], 0, os.SEEK_CUR) for name in _FILES]
        self.state = {**state, **sums, "following": following, "bytes": sizes}
        self._write("journal", json.dumps(self.state).encode() + b"\n")

    def _last_state(self) -> tuple[dict, int]:
        """The last complete line of the journal, and the length of its complete lines in bytes."""
        lines = []
        if os.path.exists(self._journal):
            with open(self._journal, "rb") as file:
                lines = file.read().splitlines(keepends=True)
        while lines and not lines[-1].endswith(b"\n"):
            lines.pop()
        if not lines:
            return dict(_FRESH), 0
        state = json.loads(lines[-1])
        return state | {"following": Position(*state["following"])}, sum(map(len, lines))

    def _truncate(self, journal_bytes: int) -> None:
        for name, size in zip(_FILES, self.state.get("bytes", [0] * len(_FILES)), strict=True):
            self._cut(name, size)
            if not size and name in ("sentences", "documents"):
                self._write(name, np.zeros(1, _OFFSET))
        self._cut("journal", journal_bytes)

    def _cut(self, name: str, size: int) -> None:
        os.ftruncate(self._files[name], size)
        os.lseek(self._files[name], size, os.SEEK_SET)

    def _write(self, name: str, data: np.ndarray | bytes) -> None:
        view = memoryview(np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data)
        view = view.cast("B") if view.nbytes else view[:0]
        while view.nbytes:
            view = view[os.write(self._files[name], view) :]


def map_in_order(function: Callable, items: Iterable, num_workers: int) -> Iterator:
    """`map` in threads: results in the order of the items; memory holds only a few items."""
    with concurrent.futures.ThreadPoolExecutor(num_workers) as pool:
        pending = collections.deque()
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > 2 * num_workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
