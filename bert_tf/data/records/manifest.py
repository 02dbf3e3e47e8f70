"""The manifest of a data set: the contents of its shards, and how they were made."""

import dataclasses
import json
import os
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.files import check_types, read_json, refuse_newer, write_whole

FORMAT_VERSION = 4
MANIFEST = "manifest.json"
LABELLED_OBJECTIVES = ("next_sentence", "sentence_order")
_SINCE_VERSION = {
    2: {"cross_documents", "dupe_factor"},
    3: {"static_masks", "deduplicate", "exclude"},
    4: {"tokenizer"},
}
# Up to version 3 every tokenizer was of this kind, and its settings were fields of the manifest.
# Data with this tokenizer is still written as version 3, so that it equals older data sets.
_WORDPIECE = "wordpiece"
_WORDPIECE_VERSION = 3
_WORDPIECE_SETTINGS = ("do_lower_case", "max_input_chars_per_word")
_OF_SHARD = {"file": str, "rows": int, "sha256": str}
_OF_PART = {"offset": int, "bytes": int, "first_record": int}  # of a file by another program
HINT = "make the data with scripts/create_pretraining_data.py"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The contents of a folder of records, and how it was made (`manifest.json`).

    Attributes:
      objective: the objective of the examples: one of `LABELLED_OBJECTIVES`, with labels in
        `next_sentence_labels`, or "none"; then all labels are 0 and have no meaning.
      max_seq_length: the most tokens in a row.
      max_examples_per_row: more than 1 for packed rows.
      shard_size: rows of every shard except the last.
      seed, short_seq_prob: settings with which the examples were drawn.
      vocab_size, vocabulary_sha256, tokenizer: length, identity and settings of the tokenizer; its
        files are in the same folder.
      cross_documents: whether an example can hold text of several documents.
      dupe_factor: how many times the text was cut into examples.
      input_format, inputs: the text files in order; file (without folder), bytes, sha256 of each.
      static_masks: None: masks are drawn when rows are read. Otherwise the settings of the stored
        masks (only `max_predictions_per_seq` for records of other programs).
      deduplicate: None, or the duplicates that were removed: method, unit, threshold.
      exclude: the files whose sentences were left out, as `inputs`.
      rows: of all shards.
      counts: documents, sentences and tokens; skipped and truncated ones.
      shards: file, rows, sha256 of each, in storage order; also `offset` and others if a shard is
        a part of a file (bert_tf.data.records.tf_record_parts).
    """

    objective: str
    max_seq_length: int
    max_examples_per_row: int
    shard_size: int
    seed: int
    short_seq_prob: float
    vocab_size: int
    vocabulary_sha256: str
    tokenizer: dict
    input_format: str
    inputs: list[dict]
    cross_documents: bool = False
    dupe_factor: int = 1
    static_masks: dict | None = None
    deduplicate: dict | None = None
    exclude: list[dict] = dataclasses.field(default_factory=list)
    rows: int = 0
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    shards: list[dict] = dataclasses.field(default_factory=list)
    kind: str = "pretraining"
    format_version: int | None = None  # None: the oldest version that can hold these fields

    def __post_init__(self) -> None:
        if self.format_version is None:
            is_wordpiece = self.tokenizer["kind"] == _WORDPIECE
            version = _WORDPIECE_VERSION if is_wordpiece else FORMAT_VERSION
            object.__setattr__(self, "format_version", version)

    @classmethod
    def load(cls, folder: str) -> "Manifest":
        """Reads the manifest of a folder.

        Raises:
          ValueError: it is missing, bert_tf did not make it, or a newer version wrote it.
        """
        path = os.path.join(folder, MANIFEST)
        if not tf.io.gfile.exists(path):
            raise ValueError(
                f"{folder} has no {MANIFEST}, so it is not a complete data set; {HINT}"
            )
        try:
            fields = read_json(path, required=["format_version"], types={"format_version": int})
        except ValueError as error:
            raise ValueError(f"{path} is not a manifest of bert_tf ({error}); {HINT}") from error
        version = fields["format_version"]
        refuse_newer(path, version, FORMAT_VERSION)
        known = {field.name for field in dataclasses.fields(cls)}
        if version <= _WORDPIECE_VERSION:
            known |= set(_WORDPIECE_SETTINGS)
        newer = set().union(*(names for since, names in _SINCE_VERSION.items() if since > version))
        wrong = (set(fields) - known) | (known - newer - set(fields))
        if wrong:
            raise ValueError(f"{path}: wrong or missing fields {sorted(wrong)}; {HINT}")
        _check_types(fields, path)
        if fields["kind"] != "pretraining":
            raise ValueError(f"{path}: kind is {fields['kind']!r}; expected 'pretraining'; {HINT}")
        if version <= _WORDPIECE_VERSION:
            settings = {name: fields.pop(name) for name in _WORDPIECE_SETTINGS}
            fields["tokenizer"] = {"kind": _WORDPIECE, **settings}
        return cls(**fields)

    def save(self, folder: str) -> None:
        """Writes the manifest under a temporary name, then renames it."""
        text = json.dumps(self._stored(), indent=1, sort_keys=True) + "\n"
        write_whole(os.path.join(folder, MANIFEST), text)

    def _stored(self) -> dict:
        """The fields in the form in which the file has them."""
        fields = dataclasses.asdict(self)
        if fields["tokenizer"]["kind"] == _WORDPIECE:
            settings = fields.pop("tokenizer")
            fields |= {name: settings[name] for name in _WORDPIECE_SETTINGS}
        return fields

    @property
    def has_labels(self) -> bool:
        """Whether the examples teach the head for pairs (next sentence or sentence order)."""
        return self.objective in LABELLED_OBJECTIVES

    def check(
        self,
        folder: str = "the data",
        *,
        vocabulary_sha256: str | None = None,
        max_seq_length: int | None = None,
        max_predictions_per_seq: int | None = None,
        needs_labels: bool = False,
    ) -> None:
        """Checks that the data in `folder` fits these settings; None skips a setting.

        Args:
          folder: for the message.
          vocabulary_sha256: the identity of the tokenizer.
          max_seq_length: S.
          max_predictions_per_seq: P; checked only for data with static masks.
          needs_labels: whether the labels of pairs are learned.

        Raises:
          ValueError: a setting differs.
        """
        wanted = {"vocabulary_sha256": vocabulary_sha256, "max_seq_length": max_seq_length}
        for name, value in wanted.items():
            if value is not None and getattr(self, name) != value:
                raise ValueError(
                    f"{folder}: made with {name} = {getattr(self, name)}, but the model has "
                    f"{value}; use the model's own data, or {HINT}"
                )
        stored = (self.static_masks or {}).get("max_predictions_per_seq")
        if None not in (stored, max_predictions_per_seq) and stored != max_predictions_per_seq:
            raise ValueError(
                f"{folder}: made with static masks and max_predictions_per_seq = {stored}, but the "
                f"config has {max_predictions_per_seq}; set task.max_predictions_per_seq to "
                f"{stored}"
            )
        if needs_labels and not self.has_labels:
            raise ValueError(
                f"{folder}: made with objective = {self.objective}, which teaches no head for "
                "pairs; set task.next_sentence to false, or make the data with one of the "
                f"objectives {', '.join(LABELLED_OBJECTIVES)}"
            )

    def settings(self) -> dict:
        """The settings that decide the bytes of the shards, with their names in the file."""
        results = ("rows", "counts", "shards")
        return {k: v for k, v in self._stored().items() if k not in results}

    @property
    def token_type(self) -> np.dtype:
        """The smallest type that holds all token ids; for the tokens between the passes.

        With word borders there are two numbers for each token; see `word_borders`.
        """
        has_borders = "word_borders" in (self.static_masks or {})
        size = self.vocab_size * (2 if has_borders else 1)
        return np.dtype(np.uint16 if size <= 1 << 16 else np.int32)

    @property
    def shard_rows(self) -> list[int]:
        """The number of rows of each shard, in storage order."""
        return [shard["rows"] for shard in self.shards]


def _check_types(fields: Mapping[str, Any], path: str) -> None:
    """Raises ValueError if a field, or an entry of a list, has a wrong type."""
    check_types(fields, typing.get_type_hints(Manifest), path)
    if "tokenizer" in fields:
        _check_entry(fields["tokenizer"], {"kind": str}, f"{path}: tokenizer")
    for number, shard in enumerate(fields["shards"]):
        types = {**_OF_SHARD, **(_OF_PART if "offset" in shard else {})}
        _check_entry(shard, types, f"{path}: shards[{number}]")


def _check_entry(values: Mapping[str, Any], types: Mapping[str, type], where: str) -> None:
    lacking = [name for name in types if name not in values]
    if lacking:
        raise ValueError(f"{where}: {', '.join(lacking)} missing; {HINT}")
    check_types(values, types, where)
    negative = [name for name, kind in types.items() if kind is int and values[name] < 0]
    if negative:
        raise ValueError(f"{where}: {negative[0]} is {values[negative[0]]}; {HINT}")
