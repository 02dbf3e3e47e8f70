"""Measures the contents of a data folder, for a check before a long pretraining.

Shards are read one at a time, so memory is constant. Masks are drawn for rows spread evenly over
the data, about a million predictions. The same folder and settings give the same report.
bert_tf.data.report.page makes a page of it.

Shapes: B rows, S tokens of a row, P predictions of a row, E examples of a row, V vocabulary.
"""

import dataclasses
import json
import math
import os
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf import progress
from bert_tf.data.batches.pretraining import batch_maker, row_signature
from bert_tf.data.corpus import unknown_words
from bert_tf.data.corpus.flat_corpus import map_in_order
from bert_tf.data.masks.masking import Masker
from bert_tf.data.records import release_format
from bert_tf.data.records import shards as records
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.row_tables import Rows
from bert_tf.data.report import page
from bert_tf.data.report.checks import find_checks
from bert_tf.files import write_whole
from bert_tf.tokenization.tokenizer import Tokenizer

JSON, HTML = "report.json", "report.html"
FORMAT_VERSION = 1
_PREDICTIONS = 1_000_000  # about this many are measured
_ROWS_PER_BATCH = 1024
_NUM_SHOWN = 8
_NUM_COMMONEST = 30
_COVERED_BY = (100, 1000, 5000, 10000, 20000)


def write(folder: str, report: dict[str, Any]) -> None:
    """Writes the result of `measure` into the folder, as `report.json` and `report.html`."""
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    write_whole(os.path.join(folder, JSON), text)
    write_whole(os.path.join(folder, HTML), page.render(report))


def measure(
    folder: str,
    *,
    masked_lm_prob: float = 0.15,
    max_predictions_per_seq: int | None = None,
    whole_word: bool = False,
    max_ngram: int = 1,
    seed: int = 0,
    num_workers: int = 1,
) -> dict[str, Any]:
    """Measures a data folder.

    Args:
      folder: made by `builder.create_pretraining_data`.
      masked_lm_prob, whole_word, max_ngram, seed: settings of the masks in training. Static masks
        use their stored settings.
      max_predictions_per_seq: the same; None: enough for a full row.
      num_workers: threads; they do not change the result.

    Returns:
      The report, for JSON. It has shares and the counts that give them.

    Raises:
      ValueError: the folder is not a data set, or is damaged (see `records.read_shard`).
    """
    manifest, tokenizer = Manifest.load(folder), Tokenizer.from_folder(folder)
    manifest.check(folder, vocabulary_sha256=tokenizer.identity)
    if not manifest.rows:
        raise ValueError(f"{folder} has no rows. Expected at least one.")
    settings = {
        "masked_lm_prob": masked_lm_prob,
        "max_predictions_per_seq": max_predictions_per_seq
        or math.ceil(masked_lm_prob * manifest.max_seq_length),
        "whole_word": whole_word,
        "max_ngram": max_ngram,
        "seed": seed,
    }
    if masks := manifest.static_masks:
        settings |= {name: masks[name] for name in ("masked_lm_prob", "max_predictions_per_seq")}
        settings |= {"whole_word": masks["do_whole_word_mask"], "seed": manifest.seed}
        settings["max_ngram"] = masks.get("max_ngram", 1)
    measured = _Measurement(folder, manifest, tokenizer, settings)
    tally = measured.run(num_workers)
    report = {
        "format_version": FORMAT_VERSION,
        "data": _description(manifest),
        "counts": manifest.counts,
        "lengths": {
            "rows": tally.row_lengths.tolist(),
            "examples": tally.example_lengths.tolist(),
        },
        "size": _size(manifest, tally),
        "pairs": _pairs(manifest, tally),
        "masks": {"settings": settings, **_masks(tally)},
        "unknown": _unknown(folder, tally, tokenizer),
        "vocabulary": _coverage(tally.tokens, tokenizer),
        "examples": tally.shown,
    }
    return {**report, "checks": find_checks(report)}


@dataclasses.dataclass
class _Tally:
    """Counts of some rows; `+=` adds them.

    Attributes:
      tokens: int64 [V], how often each token occurs.
      row_lengths, example_lengths: int64 [S + 1], the number of rows or examples of each length.
      labels: int64 [2], the number of examples with each label.
      masks: int64 [len(_MASK_COUNTS)].
      shown: some rows as text.
    """

    tokens: np.ndarray
    row_lengths: np.ndarray
    example_lengths: np.ndarray
    labels: np.ndarray
    masks: np.ndarray
    shown: list[dict]

    def __iadd__(self, other: "_Tally") -> "_Tally":
        for field in dataclasses.fields(self):
            total = getattr(self, field.name)
            total += getattr(other, field.name)
        return self


_MASK_COUNTS = ("rows", "candidates", "predictions", "left_out", "masked", "kept", "replaced")


class _Measurement:
    """Reads a folder shard by shard."""

    def __init__(self, folder: str, manifest: Manifest, tokenizer: Tokenizer, settings: dict):
        self._folder, self._manifest, self._tokenizer = folder, manifest, tokenizer
        self._settings = settings
        maker = batch_maker(manifest, Masker(tokenizer, **settings))
        signature = row_signature(manifest, None)
        self._mask = tf.function(maker, input_signature=[signature], autograph=False)
        most = settings["masked_lm_prob"] * manifest.max_seq_length * manifest.rows
        self._every = max(1, round(most / _PREDICTIONS))
        self._firsts = np.cumsum([0, *manifest.shard_rows])
        shown = np.linspace(0, manifest.rows - 1, min(_NUM_SHOWN, manifest.rows))
        self._shown = np.round(shown).astype(np.int64)

    def run(self, num_workers: int) -> _Tally:
        """The counts of all rows."""
        length = self._manifest.max_seq_length
        total = _Tally(
            tokens=np.zeros(len(self._tokenizer), np.int64),
            row_lengths=np.zeros(length + 1, np.int64),
            example_lengths=np.zeros(length + 1, np.int64),
            labels=np.zeros(2, np.int64),
            masks=np.zeros(len(_MASK_COUNTS), np.int64),
            shown=[],
        )
        shards = range(len(self._manifest.shards))
        with progress.bar(total=self._manifest.rows, unit="rows", description="measuring") as bar:
            for shard, tally in zip(
                shards, map_in_order(self._shard, shards, num_workers), strict=True
            ):
                total += tally
                bar.update(self._manifest.shard_rows[shard])
        return total

    def _shard(self, shard: int) -> _Tally:
        read = release_format.read_shard if self._manifest.static_masks else records.read_shard
        table = read(self._folder, self._manifest, shard, len(self._tokenizer))
        length, first = self._manifest.max_seq_length, int(self._firsts[shard])
        is_example = table.example_lengths > 0
        masked_rows = np.arange(-first % self._every, len(table), self._every)
        shown = self._shown[(self._shown >= first) & (self._shown < first + len(table))] - first
        return _Tally(
            tokens=np.bincount(_unmasked(table), minlength=len(self._tokenizer)),
            row_lengths=np.bincount(np.diff(table.offsets), minlength=length + 1),
            example_lengths=np.bincount(table.example_lengths[is_example], minlength=length + 1),
            labels=np.bincount(table.next_sentence_labels[is_example], minlength=2),
            masks=self._count_masks(table, masked_rows, first),
            shown=self._show(table, shown, first),
        )

    def _shown_token(self, was: int, now: int, segment: int) -> dict:
        """A token for the page, its text if that differs, and how the page shows it."""
        names, texts = self._tokenizer.tokens, self._tokenizer.token_texts
        token = {"token": names[now], "segment": segment}
        if texts[now] != names[now]:
            token["text"] = texts[now]
        if was in self._tokenizer.layout.special_ids:
            token["special"] = True
        elif not self._tokenizer.begins_word[was]:
            token["goes_on"] = True
        if now == self._tokenizer.mask_id:
            token["mask"] = True
        return token

    def _masked(self, table: Rows, rows: np.ndarray, first: int) -> tuple[dict, dict]:
        """The padded rows, and the batch with the masks of epoch 0, as NumPy arrays."""
        length = self._manifest.max_seq_length
        before = dataclasses.replace(table, input_ids=_unmasked(table)).padded(rows, length)
        others = {
            "epoch": np.zeros(len(rows), np.int64),
            "example": first + rows,
            "has_labels": np.full(len(rows), self._manifest.has_labels, np.int32),
        }
        after = self._mask({**table.padded(rows, length), **others})
        return before, {name: values.numpy() for name, values in after.items()}

    def _count_masks(self, table: Rows, rows: np.ndarray, first: int) -> np.ndarray:
        """int64, the `_MASK_COUNTS` of some rows."""
        total = np.zeros(len(_MASK_COUNTS), np.int64)
        mask_id, special_ids = self._tokenizer.mask_id, self._tokenizer.layout.special_ids
        for size in np.array_split(rows, -(-len(rows) // _ROWS_PER_BATCH)) if len(rows) else ():
            before, after = self._masked(table, size, first)
            special = np.isin(before["input_ids"], special_ids)
            candidates = (after["input_mask"] > 0) & ~special
            used = after["masked_lm_weights"] > 0
            was = after["masked_lm_ids"][used]
            now = np.take_along_axis(after["input_ids"], after["masked_lm_positions"], 1)[used]
            counts = {
                "rows": len(size),
                "candidates": candidates.sum(),
                "predictions": len(was),
                "left_out": after.get("masked_lm_left_out", np.zeros(1)).sum(),
                "masked": (now == mask_id).sum(),
                "kept": (now == was).sum(),
                "replaced": ((now != mask_id) & (now != was)).sum(),
            }
            total += [int(counts[name]) for name in _MASK_COUNTS]
        return total

    def _show(self, table: Rows, rows: np.ndarray, first: int) -> list[dict]:
        """Rows as lists of tokens; a predicted token also has its original token in `was`."""
        if not len(rows):
            return []
        before, after = self._masked(table, rows, first)
        names, found = self._tokenizer.tokens, []
        for place, row in enumerate(rows.tolist()):
            size = int(table.offsets[row + 1] - table.offsets[row])
            columns = (before["input_ids"], after["input_ids"], before["segment_ids"])
            tokens = [
                self._shown_token(*map(int, token))
                for token in zip(*(column[place, :size] for column in columns), strict=True)
            ]
            used = after["masked_lm_weights"][place] > 0
            for position in after["masked_lm_positions"][place][used]:
                tokens[position]["was"] = names[before["input_ids"][place, position]]
            lengths = table.example_lengths[row]
            is_example = lengths > 0
            found.append(
                {
                    "row": first + row,
                    "example_lengths": lengths[is_example].tolist(),
                    "labels": table.next_sentence_labels[row][is_example].tolist(),
                    "tokens": tokens,
                }
            )
        return found


def _unmasked(table: Rows) -> np.ndarray:
    """The tokens without static masks."""
    if table.predictions is None:
        return table.input_ids
    masks, tokens = table.predictions, table.input_ids.copy()
    row_K, slot_K = np.nonzero(masks.masked_lm_weights > 0)
    places = table.offsets[row_K] + masks.masked_lm_positions[row_K, slot_K]
    tokens[places] = masks.masked_lm_ids[row_K, slot_K]
    return tokens


def _description(manifest: Manifest) -> dict[str, Any]:
    """The settings of the data, and the number and size of the input files."""
    description = manifest.settings()
    inputs = description.pop("inputs")
    description["input_files"] = len(inputs)
    description["input_bytes"] = sum(entry["bytes"] for entry in inputs)
    description["shards"] = len(manifest.shards)
    return description


def _size(manifest: Manifest, tally: _Tally) -> dict[str, Any]:
    row_tokens = int(tally.tokens.sum())
    places = manifest.rows * manifest.max_seq_length
    return {
        "rows": manifest.rows,
        "examples": int(tally.example_lengths.sum()),
        "tokens": row_tokens,
        "padding": places - row_tokens,
        "padding_share": (places - row_tokens) / places,
    }


def _pairs(manifest: Manifest, tally: _Tally) -> dict[str, Any] | None:
    """How many pairs have each label; None for an objective without labels."""
    if not manifest.has_labels:
        return None
    zeros, ones = tally.labels.tolist()
    names = {
        "next_sentence": ("follows in the text", "from another document"),
        "sentence_order": ("in order", "swapped"),
    }[manifest.objective]
    return {
        "labels": [
            {"meaning": names[0], "examples": zeros},
            {"meaning": names[1], "examples": ones},
        ],
        "share_of_label_1": ones / max(zeros + ones, 1),
    }


def _masks(tally: _Tally) -> dict[str, Any]:
    counts = dict(zip(_MASK_COUNTS, tally.masks.tolist(), strict=True))
    predictions = max(counts["predictions"], 1)
    return {
        **counts,
        "predicted_share": counts["predictions"] / max(counts["candidates"], 1),
        **{f"{name}_share": counts[name] / predictions for name in _MASK_COUNTS[-3:]},
        "left_out_share": counts["left_out"] / max(counts["left_out"] + counts["predictions"], 1),
    }


def _unknown(folder: str, tally: _Tally, tokenizer: Tokenizer) -> dict[str, Any]:
    """Unknown tokens of the rows; `words` is None if the builder did not count them."""
    count, tokens = int(tally.tokens[tokenizer.unk_id]), _of_text(tally.tokens, tokenizer)
    return {
        "tokens": count,
        "share": count / max(int(tokens.sum()), 1),
        "words": unknown_words.load(folder),
    }


def _coverage(counts: np.ndarray, tokenizer: Tokenizer) -> dict[str, Any]:
    """The used part of the vocabulary, and the share of the text of its most frequent tokens."""
    text = _of_text(counts, tokenizer)
    total = max(int(text.sum()), 1)
    order = np.argsort(-text, kind="stable")
    covered = np.cumsum(text[order])
    sizes = [size for size in _COVERED_BY if size < len(text)] + [len(text)]
    in_use = len(text) - len(set(tokenizer.special_ids))
    return {
        "size": len(text),
        "used": int(np.count_nonzero(text)),
        "used_share": int(np.count_nonzero(text)) / max(in_use, 1),
        "used_10_times": int(np.count_nonzero(text >= 10)),
        "used_100_times": int(np.count_nonzero(text >= 100)),
        "tokens_per_word": total / max(int(text[tokenizer.begins_word].sum()), 1),
        "covered": [{"tokens": size, "share": int(covered[size - 1]) / total} for size in sizes],
        "commonest": [
            {"token": tokenizer.tokens[i], "count": int(text[i]), "share": int(text[i]) / total}
            for i in order[:_NUM_COMMONEST]
            if text[i]
        ],
    }


def _of_text(counts: np.ndarray, tokenizer: Tokenizer) -> np.ndarray:
    """The counts with 0 for the special tokens, except for the unknown token."""
    text = counts.copy()
    ids = {*tokenizer.special_ids, *tokenizer.layout.special_ids} - {tokenizer.unk_id}
    text[list(ids)] = 0
    return text
