"""Makes a folder of pretraining records from text files, for scripts/create_pretraining_data.py.

There are three passes, each in constant memory and on all cores. They use a work folder beside the
output:

1. Read the text in chunks, tokenize it in threads, and append it to flat files
   (bert_tf.data.corpus). On request, remove duplicates (bert_tf.data.corpus.duplicates).
2. Choose the sentences at which examples begin (bert_tf.data.examples).
3. Cut, serialize and write the shards, in threads. A shard gets its name when it is complete. Write
   the manifest last.

A killed run continues where it stopped. The builder uses threads, not processes: most of the time
goes into TensorFlow and NumPy operations, which release Python's lock, and a process would first
need seconds to import TensorFlow.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from absl import logging

from bert_tf import locks, progress
from bert_tf.data.building import findings, shard_writing, work_folder
from bert_tf.data.building.chunk_tokenizer import make_chunk_tokenizer
from bert_tf.data.building.cluster import Cluster
from bert_tf.data.building.output_folder import check_free, find_existing
from bert_tf.data.building.settings import DataSettings
from bert_tf.data.corpus import duplicates, unknown_words
from bert_tf.data.corpus.duplicates import Deduplication
from bert_tf.data.corpus.flat_corpus import Corpus, CorpusWriter, map_in_order
from bert_tf.data.examples.objective import Objective
from bert_tf.data.examples.objectives import make_objectives
from bert_tf.data.examples.plan import Plan
from bert_tf.data.masks import whole_words, word_borders
from bert_tf.data.masks.masking import Masker
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.text import documents, sources
from bert_tf.files import read_json, write_whole
from bert_tf.tokenization.tokenizer import Tokenizer


def create_pretraining_data(
    inputs: str | Sequence[str],
    tokenizer: Tokenizer,
    output_dir: str,
    settings: DataSettings,
    *,
    skip_bad_records: bool = False,
    num_workers: int = 1,
    work_dir: str | None = None,
    cluster: Cluster | None = None,
) -> Manifest:
    """Reads text, cuts it into examples and writes them as shards with a manifest.

    The same input, settings and seed give the same bytes, for any `num_workers` and after any
    number of interruptions. A folder that already holds this data set is verified and not changed.

    Args:
      inputs: files or glob patterns, see `documents.read_documents`.
      tokenizer: copied into the folder.
      output_dir: a new folder, an empty folder, or one that already holds this data set.
      settings: how the text becomes rows.
      skip_bad_records: skip and count lines, records and files that cannot be read.
      num_workers: threads.
      work_dir: local folder for intermediate files, about as large as the text; removed at the end.
        Default: `output_dir` + ".incomplete", or in the folder for temporary files if `output_dir`
        is on object storage.
      cluster: does the heavy passes on other machines (`beam_cluster.BeamCluster`).

    Returns:
      The manifest, with `counts` of the data.

    Raises:
      ValueError: bad input (see `documents.read_documents` and `Objective`), or the output folder
        holds something else.
      OSError: no space left. Finished parts stay; the next run continues.
    """
    if num_workers < 1:
        raise ValueError(f"num_workers is {num_workers}; it must be at least 1")
    masks = settings.static_masks
    masker = masks.masker(tokenizer, settings.seed) if masks else None
    files = documents.expand_globs(inputs)
    excluded = documents.expand_globs(settings.exclude) if settings.exclude else []
    for path, kind in [(path, settings.input_format) for path in files] + [
        (path, "auto") for path in excluded
    ]:
        sources.format_of(path, kind)
    with contextlib.ExitStack() as owned:
        owned.enter_context(locks.folder(output_dir))
        if work_dir:
            os.makedirs(os.path.dirname(os.path.abspath(work_dir)), exist_ok=True)
            owned.enter_context(locks.beside(work_dir))
        else:
            work_dir = work_folder.default_work_dir(output_dir)
        wanted = Manifest(
            **settings.of_manifest(),
            vocab_size=len(tokenizer),
            vocabulary_sha256=tokenizer.identity,
            tokenizer=tokenizer.settings(),
            inputs=list(map_in_order(work_folder.describe_input, files, num_workers)),
            exclude=list(map_in_order(work_folder.describe_input, excluded, num_workers)),
        )
        objectives = make_objectives(wanted, tokenizer.layout)
        if existing := find_existing(output_dir, wanted):
            logging.info("%s already holds this data set, complete and intact", output_dir)
            shutil.rmtree(work_dir, ignore_errors=True)
            return existing
        check_free(output_dir, tokenizer)
        build = _Build(
            files=files,
            excluded=excluded,
            tokenizer=tokenizer,
            output_dir=output_dir,
            work_dir=work_dir,
            objectives=objectives,
            wanted=wanted,
            num_workers=num_workers,
            masker=masker,
            deduplicate=settings.deduplicate,
            cluster=cluster,
            may_truncate=settings.may_truncate,
        )
        with build.tidy_up():
            return build.run(skip_bad_records)


def _difference(name: str, then: Any, now: Any) -> str:
    if name in ("inputs", "exclude"):
        return "the input files differ"
    return f"{name} was {then!r}, now {now!r}"


@dataclasses.dataclass
class _Build:
    """One run of the builder.

    `work_dir` holds `settings.json`, the files of the corpus, `examples` (where each one begins;
    `examples.json` shows that it is complete) and `shards.jsonl` (the manifest's entries of the
    finished shards).
    """

    files: list[str]
    excluded: list[str]  # files
    tokenizer: Tokenizer
    output_dir: str
    work_dir: str
    objectives: list[Objective]  # one for each copy of the corpus
    wanted: Manifest
    num_workers: int
    masker: Masker | None
    deduplicate: Deduplication | None
    cluster: Cluster | None
    may_truncate: bool = False

    def run(self, skip_bad_records: bool) -> Manifest:
        """Does all passes that an earlier run has not finished."""
        self._make_work_dir()
        if self.cluster:
            self.cluster.tokenize(
                self.files,
                self.excluded,
                self.tokenizer,
                self.wanted,
                self.work_dir,
                skip_bad_records=skip_bad_records,
            )
        counts = self._tokenize(skip_bad_records) | self._remove_duplicates()
        self._check_input()
        room = self.tokenizer.layout.room(self.wanted.max_seq_length, self.objectives[0].num_texts)
        if self.masker and self.masker.whole_word:
            first, number = np.zeros(1, np.int64), min(counts["tokens"], whole_words.NUM_TOKENS)
            ids = self._corpus().take_tokens(first, np.full(1, number))
            if self.has_borders:
                word_borders.check_found(self.tokenizer, ids)
            else:
                whole_words.check_has_words(self.tokenizer, ids, "the text")
        findings.check_lengths(self._corpus, room, self.may_truncate)
        plan = self._plan()
        if self.cluster:
            self.cluster.write_shards(
                plan.num_rows, self.wanted, self._corpus_dir, self.work_dir, self.output_dir
            )
        entries = shard_writing.write_shards(
            plan,
            self._corpus,
            self.wanted,
            self.masker,
            output_dir=self.output_dir,
            journal=self._path(shard_writing.JOURNAL),
            num_workers=self.num_workers,
        )
        self.tokenizer.save(self.output_dir)
        unknown_words.save(self.output_dir, self._path(unknown_words.LIST))
        sums = {name: sum(e["counts"][name] for e in entries) for name in entries[0]["counts"]}
        shards = [{k: v for k, v in entry.items() if k != "counts"} for entry in entries]
        manifest = dataclasses.replace(
            self.wanted,
            rows=plan.num_rows,
            counts={**counts, "sentences_left_out": plan.left_out, **sums},
            shards=shards,
        )
        findings.warn(manifest, self._corpus)
        manifest.save(self.output_dir)
        shutil.rmtree(self.work_dir)
        return manifest

    @property
    def has_borders(self) -> bool:
        """Whether tokens that go on with a word of Chinese are marked."""
        return "word_borders" in (self.wanted.static_masks or {})

    @contextlib.contextmanager
    def tidy_up(self) -> Iterator[None]:
        """Removes the work folder after an error, unless it has finished parts for the next run."""
        try:
            yield
        except BaseException as error:
            finished = os.path.exists(self._path("journal.jsonl")) and (
                os.path.getsize(self._path("journal.jsonl")) > 0
            )
            if not finished:
                shutil.rmtree(self.work_dir, ignore_errors=True)
            if work_folder.is_full(error):
                where = getattr(error, "filename", None) or self.work_dir
                raise OSError(
                    f"no space left for {self.output_dir} ({where}: {error}). Finished parts stay; "
                    "free some space and run the same command again to continue"
                ) from error
            if finished and not isinstance(error, ValueError):
                logging.info("finished parts are in %s; run again to continue", self.work_dir)
            raise

    def _path(self, name: str) -> str:
        return os.path.join(self.work_dir, name)

    def _make_work_dir(self) -> None:
        """Keeps a work folder of the same data set, to continue; otherwise makes a new one."""
        wanted = self.wanted.settings()
        with contextlib.suppress(OSError, ValueError):
            found = read_json(self._path("settings.json"))
            if found == json.loads(json.dumps(wanted)):
                logging.info("continuing the stopped run in %s", self.work_dir)
                return
            names = [name for name in wanted if found.get(name) != wanted[name]]
            logging.warning(
                "%s holds a stopped run with other settings (%s): starting again",
                self.work_dir,
                "; ".join(_difference(name, found.get(name), wanted[name]) for name in names),
            )
        settings = json.dumps(wanted, sort_keys=True)
        shutil.rmtree(self.work_dir, ignore_errors=True)
        try:
            os.makedirs(self.work_dir)
        except NotADirectoryError as error:
            file = next(path for path in pathlib.Path(self.work_dir).parents if path.exists())
            raise ValueError(f"{file} is not a directory; choose another folder") from error
        write_whole(self._path("settings.json"), settings)

    def _check_input(self) -> None:
        """Raises ValueError if the input changed since it was hashed, before it was read."""
        described = [
            list(map_in_order(work_folder.describe_input, paths, self.num_workers))
            for paths in (self.files, self.excluded)
        ]
        try:
            findings.check_unchanged(self.wanted.inputs + self.wanted.exclude, sum(described, []))
        except ValueError:
            shutil.rmtree(self.work_dir, ignore_errors=True)  # it has tokens of both versions
            raise

    def _tokenize(self, skip_bad_records: bool) -> dict[str, int]:
        """Pass 1. Returns the counts for the manifest."""
        work = make_chunk_tokenizer(
            self.tokenizer, self.wanted, self.excluded, skip_bad_records=skip_bad_records
        )
        megabytes = sum(entry["bytes"] for entry in self.wanted.inputs) / 1e6
        with CorpusWriter(self.work_dir) as writer:
            chunks = sources.read_chunks(
                self.files,
                self.wanted.input_format,
                writer.state["following"],
                skip_bad_records=skip_bad_records,
            )
            done = writer.state["file_bytes"] / 1e6
            bar = progress.bar(
                total=megabytes or None, unit="MB", description="tokenizing", initial=done
            )
            with bar:
                for chunk in map_in_order(work, chunks, self.num_workers):
                    writer.append(chunk)
                    bar.update(chunk.file_bytes / 1e6)
            state = writer.state
        names = ("tokens", "tokens_unknown", "bad_records", "bad_files", "sentences_excluded")
        pairs = ("sentences", "documents")
        return {
            **{name: state[name] for name in names},
            **{name: state[name] for pair in pairs for name in (pair, f"{pair}_skipped")},
        }

    def _corpus(self) -> Corpus:
        return Corpus.open(self._corpus_dir, self.wanted.token_type)

    @property
    def _corpus_dir(self) -> str:
        return self._path("unique") if self.deduplicate else self.work_dir

    def _remove_duplicates(self) -> dict[str, int]:
        """Between passes 1 and 2. Returns the changed counts, and the counts of removed text."""
        if not self.deduplicate:
            return {}
        return duplicates.remove(
            lambda: Corpus.open(self.work_dir, self.wanted.token_type),
            self._corpus_dir,
            self.deduplicate,
            begins_word=np.tile(self.tokenizer.begins_word, 2),  # of marked tokens too
            unk_id=self.tokenizer.unk_id,
            num_workers=self.num_workers,
        )

    def _plan(self) -> Plan:
        """Pass 2: writes where examples begin."""
        path, packed = self._path("examples"), self.wanted.max_examples_per_row
        if not Plan.exists(path):
            with self._input_is_unusable():
                Plan.create(path, self._corpus, self.objectives, packed, self.num_workers)
        return Plan(path, self.objectives, packed)

    @contextlib.contextmanager
    def _input_is_unusable(self) -> Iterator[None]:
        """Removes the work folder after an error in the block, because the text cannot be used."""
        try:
            yield
        except ValueError:
            shutil.rmtree(self.work_dir)
            raise
