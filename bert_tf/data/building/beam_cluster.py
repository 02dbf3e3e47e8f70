"""The heavy passes of the builder as Apache Beam pipelines, for text too large for one machine.

There are two pipelines. The first tokenizes each input file into a separate corpus. The second
writes the shards, after the builder has decided where examples begin. The builder
(`builder.create_pretraining_data`) finds these parts finished and does the rest, so the bytes are
the same. All workers must see the work folder: put it on a network file system, or, with the direct
runner, anywhere. Needs the extra `beam`.
"""

import dataclasses
import json
import os
import shutil
from collections.abc import Sequence

import tensorflow as tf

from bert_tf.data.batches import order
from bert_tf.data.building import shard_writing
from bert_tf.data.building.chunk_tokenizer import make_chunk_tokenizer
from bert_tf.data.corpus.flat_corpus import Corpus, CorpusWriter
from bert_tf.data.examples.objectives import make_objectives
from bert_tf.data.examples.plan import Plan
from bert_tf.data.records import shards
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.release_format import StaticMasks
from bert_tf.data.text import sources
from bert_tf.files import write_whole
from bert_tf.tokenization.tokenizer import Tokenizer

_PIECES, _SHARDS, _TOKENIZER = "pieces", "shards", "tokenizer"  # in the work folder


@dataclasses.dataclass(frozen=True)
class _Job:
    """The settings of every worker: plain data, because Beam sends it to other processes.

    Attributes:
      work_dir, output_dir: folders that all workers see.
      wanted: the manifest so far: its settings.
      corpus: the folder of the whole corpus.
      excluded: files of held-out text.
      skip_bad_records: see `documents.parse`.
    """

    work_dir: str
    output_dir: str
    wanted: Manifest
    corpus: str = ""
    excluded: tuple[str, ...] = ()
    skip_bad_records: bool = False

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that was saved for the workers."""
        return Tokenizer.from_folder(os.path.join(self.work_dir, _TOKENIZER))


class BeamCluster:
    """Runs the passes as pipelines.

    Args:
      options: flags of Beam's command line, for example `["--runner=DirectRunner",
        "--direct_num_workers=2", "--direct_running_mode=multi_processing"]`.

    Raises:
      ValueError: apache-beam is not installed.
    """

    def __init__(self, options: Sequence[str] = ()):
        try:
            import apache_beam as beam
        except ImportError as error:
            raise ValueError(
                f"this needs the package apache-beam: pip install 'bert-tf[beam]' ({error})"
            ) from error
        self._beam, self._options = beam, list(options)

    def tokenize(
        self,
        files: Sequence[str],
        excluded: Sequence[str],
        tokenizer: Tokenizer,
        wanted: Manifest,
        work_dir: str,
        *,
        skip_bad_records: bool,
    ) -> None:
        """Makes the corpus in `work_dir`, file by file, unless it exists.

        Raises:
          ValueError: as in `sources.read_chunks`.
        """
        with CorpusWriter(work_dir) as writer:
            if writer.state["following"].file >= len(files):
                return
        tokenizer.save(os.path.join(work_dir, _TOKENIZER))
        job = _Job(
            work_dir,
            "",
            wanted,
            excluded=tuple(excluded),
            skip_bad_records=skip_bad_records,
        )
        self._run("tokenize", _tokenize_file, job, list(enumerate(files)))
        with CorpusWriter(work_dir) as writer:
            for number in range(writer.state["following"].file, len(files)):
                writer.append_corpus(_piece(work_dir, number), sources.Position(number + 1))
        shutil.rmtree(os.path.join(work_dir, _PIECES))

    def write_shards(
        self, num_rows: int, wanted: Manifest, corpus: str, work_dir: str, output_dir: str
    ) -> None:
        """Writes all shards, and their entries into the journal of `shard_writing`."""
        sizes = order.memory_shards(num_rows, wanted.shard_size)
        names = [shards.shard_name(number, len(sizes)) for number in range(len(sizes))]
        tf.io.gfile.makedirs(output_dir)
        job = _Job(work_dir, output_dir, wanted, corpus=corpus)
        missing = [(n, name) for n, name in enumerate(names) if not _is_done(job, name)]
        self._run("write shards", _write_shard, job, missing)
        with open(os.path.join(work_dir, shard_writing.JOURNAL), "w") as journal:
            for name in names:
                with open(_entry(work_dir, name)) as file:
                    journal.write(file.read())

    def _run(self, name: str, work, job: _Job, items: Sequence[tuple[int, str]]) -> None:
        """Calls `work(job, number, name)` for every item, on any worker."""
        beam = self._beam
        options = beam.options.pipeline_options.PipelineOptions(self._options)
        with beam.Pipeline(options=options) as pipeline:
            (
                pipeline
                | f"list: {name}" >> beam.Create(list(items))
                | f"spread: {name}" >> beam.Reshuffle()
                | name >> beam.Map(lambda item: work(job, *item))
            )


def _piece(work_dir: str, number: int) -> str:
    return os.path.join(work_dir, _PIECES, f"{number:06d}")


def _entry(work_dir: str, name: str) -> str:
    return os.path.join(work_dir, _SHARDS, name + ".json")


def _is_done(job: _Job, name: str) -> bool:
    there = tf.io.gfile.exists(os.path.join(job.output_dir, name))
    return there and os.path.exists(_entry(job.work_dir, name))


def _tokenize_file(job: _Job, number: int, path: str) -> None:
    """Tokenizes one input file into a separate corpus; continues where an earlier try stopped."""
    work = make_chunk_tokenizer(
        job.tokenizer, job.wanted, job.excluded, skip_bad_records=job.skip_bad_records
    )
    with CorpusWriter(_piece(job.work_dir, number)) as writer:
        for chunk in sources.read_chunks(
            [path],
            job.wanted.input_format,
            writer.state["following"],
            skip_bad_records=job.skip_bad_records,
        ):
            writer.append(work(chunk))


def _write_shard(job: _Job, number: int, name: str) -> None:
    """Writes one shard, and its entry for the manifest."""
    wanted, tokenizer = job.wanted, job.tokenizer
    plan = Plan(
        os.path.join(job.work_dir, "examples"),
        make_objectives(wanted, tokenizer.layout),
        wanted.max_examples_per_row,
    )
    masks = wanted.static_masks
    cutter = shard_writing.ShardCutter(
        plan,
        lambda: Corpus.open(job.corpus, wanted.token_type),
        wanted,
        StaticMasks(**masks).masker(tokenizer, wanted.seed) if masks else None,
    )
    entry = cutter.write(number, os.path.join(job.output_dir, name))
    os.makedirs(os.path.join(job.work_dir, _SHARDS), exist_ok=True)
    write_whole(_entry(job.work_dir, name), json.dumps(entry) + "\n")
