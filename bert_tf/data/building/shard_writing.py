"""The last pass of the builder: cuts the shards from the corpus and writes them, in threads.

A shard gets its name when it is complete. A journal holds the manifest entries of finished shards,
so that a killed run continues with the next shard.
"""

import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from bert_tf import progress
from bert_tf.data.batches import order
from bert_tf.data.building.output_folder import SHARD
from bert_tf.data.corpus.flat_corpus import Corpus, map_in_order
from bert_tf.data.examples import objective as examples
from bert_tf.data.examples import packing
from bert_tf.data.examples.objective import Window
from bert_tf.data.examples.plan import Plan
from bert_tf.data.masks.masking import Masker
from bert_tf.data.records import release_format, shards
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.row_tables import Rows

_ROWS_PER_TABLE = 2048
JOURNAL = "shards.jsonl"  # in the work folder of the builder


def write_shards(
    plan: Plan,
    open_corpus: Callable[[], Corpus],
    wanted: Manifest,
    masker: Masker | None,
    *,
    output_dir: str,
    journal: str,
    num_workers: int,
) -> list[dict]:
    """Writes all missing shards.

    Args:
      plan: where the examples begin.
      open_corpus: opens the corpus; called for every table of rows.
      wanted: the manifest so far: its settings.
      masker: draws the masks to store; None: store no masks.
      output_dir: the folder of the shards; other shards in it are removed.
      journal: the file with the entries of finished shards.
      num_workers: threads.

    Returns:
      The manifest's entries of all shards, each also with `counts`.
    """
    cutter = ShardCutter(plan, open_corpus, wanted, masker)
    sizes = order.memory_shards(plan.num_rows, wanted.shard_size)
    names = [shards.shard_name(shard, len(sizes)) for shard in range(len(sizes))]
    tf.io.gfile.makedirs(output_dir)
    done = _finished_shards(output_dir, journal, names)
    for name in tf.io.gfile.listdir(output_dir):
        if SHARD.fullmatch(name) and name not in done:
            tf.io.gfile.remove(os.path.join(output_dir, name))
    bar = progress.bar(
        total=plan.num_rows,
        unit="rows",
        description="writing",
        initial=sum(entry["rows"] for entry in done.values()),
    )
    missing = [shard for shard, name in enumerate(names) if name not in done]
    with bar, open(journal, "a") as file:
        for entry in map_in_order(
            lambda shard: cutter.write(shard, os.path.join(output_dir, names[shard])),
            missing,
            num_workers,
        ):
            file.write(json.dumps(entry) + "\n")
            file.flush()
            done[entry["file"]] = entry
            bar.update(entry["rows"])
    return [done[name] for name in names]


def _finished_shards(output_dir: str, journal: str, names: list[str]) -> dict[str, dict]:
    """The entries of shards that an earlier run finished: name -> entry."""
    done = {}
    with contextlib.suppress(FileNotFoundError), open(journal) as file:
        for line in file:
            if not line.endswith("\n"):
                break
            entry = json.loads(line)
            path = os.path.join(output_dir, entry["file"])
            if entry["file"] in names and tf.io.gfile.exists(path):
                done[entry["file"]] = entry
    return done


class ShardCutter:
    """Cuts and writes single shards, in any order. For the arguments see `write_shards`."""

    def __init__(
        self,
        plan: Plan,
        open_corpus: Callable[[], Corpus],
        wanted: Manifest,
        masker: Masker | None = None,
    ):
        self._plan, self._open_corpus, self._wanted = plan, open_corpus, wanted
        self._mask = self._to_bytes = None
        if masker:
            length = wanted.max_seq_length
            self._mask = release_format.make_masker(masker, length)
            self._to_bytes = functools.partial(release_format.serialize, max_seq_length=length)

    def write(self, shard: int, path: str) -> dict:
        """Writes a shard; returns its entry for the manifest, with `counts`."""
        counts = {"examples": 0, "examples_truncated": 0, "tokens_truncated": 0, "row_tokens": 0}
        if label := self._plan.label_name:
            counts[label] = 0
        if self._mask:
            counts["predictions"] = 0
        entry = shards.write_shard(path, self._tables(shard, counts), self._to_bytes)
        return {**entry, "counts": counts}

    def _tables(self, shard: int, counts: dict[str, int]) -> Iterator[Rows]:
        """Yields the rows of a shard in tables, and adds to `counts`."""
        size = self._wanted.shard_size
        for part in self._plan.parts(shard * size, size, _ROWS_PER_TABLE):
            objective, begins = part.objective, part.begins
            first, last = int(begins[0]), int(begins[-1]) + 1
            window = Window.of(self._open_corpus(), first, last, objective.lookahead)
            found = objective.cut(window, begins)
            rows = examples.rows_of_examples(window.corpus, found)
            counts["examples"] += len(found)
            counts["examples_truncated"] += int(np.count_nonzero(found.cut_tokens))
            counts["tokens_truncated"] += int(found.cut_tokens.sum())
            counts["row_tokens"] += len(rows.input_ids)
            if objective.label_name:
                counts[objective.label_name] += int(found.labels.sum())
            if self._mask:
                rows = self._mask(rows, part.numbers)
                weights = rows.predictions.masked_lm_weights
                counts["predictions"] += int(np.count_nonzero(weights))
            yield rows if part.rows is None else packing.join(rows, part.rows, part.numbers)
