"""The records of google-research/bert and Model Garden, with masks drawn when they are made.

A record is a `tf.train.Example` of one example, padded: int64 `input_ids`, `input_mask`,
`segment_ids` [S], `masked_lm_positions`, `masked_lm_ids` [P], float `masked_lm_weights` [P], int64
`next_sentence_labels` [1] (create_pretraining_data.py of both projects). Model Garden's
`--use_v2_feature_names` renames two to `input_word_ids` and `input_type_ids`; both forms are read.

Shapes: N rows, S tokens of a row, P predictions of a row.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from bert_tf.data.masks import word_borders
from bert_tf.data.masks.masking import GOES_ON, Masker
from bert_tf.data.ranges import offsets_of
from bert_tf.data.records import shards, tf_record_parts
from bert_tf.data.records.example_bytes import serialize_rows
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.row_tables import Predictions, Rows
from bert_tf.tokenization.tokenizer import Tokenizer

LABELS = "next_sentence_labels"
V2_NAMES = {"input_word_ids": "input_ids", "input_type_ids": "segment_ids"}
PER_TOKEN = ("input_ids", "input_mask", "segment_ids")
PER_PREDICTION = ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights")


@dataclasses.dataclass(frozen=True)
class StaticMasks:
    """Settings of the masks that the records store; see `masking.Masker`.

    Attributes:
      word_borders: one of `word_borders.BORDERS`: where words of Chinese end.
    """

    masked_lm_prob: float = 0.15
    max_predictions_per_seq: int = 20
    do_whole_word_mask: bool = False
    max_ngram: int = 1
    word_borders: str = word_borders.NONE

    def masker(self, tokenizer: Tokenizer, seed: int) -> Masker:
        """Returns the masker for these settings; ValueError if a setting is out of range."""
        word_borders.check(self.word_borders, self.do_whole_word_mask)
        return Masker(
            tokenizer,
            seed,
            self.masked_lm_prob,
            self.max_predictions_per_seq,
            self.do_whole_word_mask,
            self.max_ngram,
        )

    def settings(self) -> dict:
        """The settings for the manifest.

        max_ngram and word_borders are included only if they have an effect, so that data from
        before these settings is recognised.
        """
        settings = dataclasses.asdict(self)
        if self.max_ngram == 1:
            del settings["max_ngram"]
        if self.word_borders == word_borders.NONE:
            del settings["word_borders"]
        return settings


def make_masker(masker: Masker, max_seq_length: int) -> Callable[[Rows, np.ndarray], Rows]:
    """Returns the function (rows of one example each, their numbers int64 [N]) -> masked rows.

    The masks equal the dynamic masks of these rows in epoch 0. The tokens of the rows can be marked
    (see `word_borders`).
    """
    num_tokens = len(masker.tokenizer)
    tokens = tf.TensorSpec([None, max_seq_length], tf.int32)
    numbers = tf.TensorSpec([None], tf.int64)

    # One graph: op by op, Python's lock would keep the threads from running in parallel.
    @tf.function(input_signature=[tokens, tokens, numbers], autograph=False)
    def draw(input_ids: tf.Tensor, input_mask: tf.Tensor, number: tf.Tensor) -> dict:
        batch = {
            "input_ids": input_ids % num_tokens,
            "input_mask": input_mask,
            GOES_ON: input_ids >= num_tokens,
        }
        return masker(batch, tf.zeros_like(number), number)

    def mask(table: Rows, numbers: np.ndarray) -> Rows:
        batch = table.padded(np.arange(len(table)), max_seq_length)
        is_real_NS = _is_real(table, max_seq_length)
        found = draw(batch["input_ids"], is_real_NS.astype(np.int32), numbers)
        return Rows(
            input_ids=found["input_ids"].numpy()[is_real_NS],
            segment_ids=table.segment_ids,
            offsets=table.offsets,
            next_sentence_labels=table.next_sentence_labels,
            example_lengths=table.example_lengths,
            predictions=Predictions(**{name: found[name].numpy() for name in PER_PREDICTION}),
        )

    return mask


def _is_real(table: Rows, max_seq_length: int) -> np.ndarray:
    return np.arange(max_seq_length) < np.diff(table.offsets)[:, None]


def serialize(table: Rows, max_seq_length: int) -> Iterator[bytes]:
    """Yields each row, one example with its masks, as a serialized `tf.train.Example`."""
    if not len(table):
        return
    columns = table.padded(np.arange(len(table)), max_seq_length)
    columns["input_mask"] = _is_real(table, max_seq_length).astype(np.int32)
    names = (*PER_TOKEN, *PER_PREDICTION, LABELS)
    yield from serialize_rows(
        {
            name: (columns[name].ravel(), offsets_of(np.full(len(table), columns[name].shape[1])))
            for name in names
        }
    )


def read_shard(
    folder: str, manifest: Manifest, shard: int, vocab_size: int, *, unchanged: bool = False
) -> Rows:
    """Reads and checks one shard, as `shards.read_shard` does.

    Raises:
      ValueError: the shard is missing, truncated, damaged, or differs from the manifest, or a
        record breaks the format or has a token id outside [0, vocab_size). The message names the
        file and the record (counted from 0).
    """
    entry = manifest.shards[shard]
    path, first, is_unchanged = os.path.join(folder, entry["file"]), 0, True
    if "offset" in entry:
        contents, first = tf_record_parts.read(path, entry), entry["first_record"]
    else:
        contents, is_unchanged = shards.read_records(path, entry)
    table = parse_records(path, contents, manifest, vocab_size, first)
    shards.refuse_changed(path, unchanged and not is_unchanged)
    return table


def parse_records(
    path: str,
    contents: tf.Tensor | Sequence[bytes],
    manifest: Manifest,
    vocab_size: int,
    first_record: int = 0,
) -> Rows:
    """Parses serialized records, string [rows > 0]. Raises DamagedError for a bad record."""
    columns = checked_columns(
        path,
        tf.convert_to_tensor(contents),
        manifest.max_seq_length,
        manifest.static_masks["max_predictions_per_seq"],
        vocab_size=vocab_size,
        first_record=first_record,
    )
    is_real_NS = columns["input_mask"] > 0
    lengths = is_real_NS.sum(axis=1)
    return Rows(
        input_ids=columns["input_ids"][is_real_NS].astype(np.int32),
        segment_ids=columns["segment_ids"][is_real_NS].astype(np.int8),
        offsets=offsets_of(lengths),
        next_sentence_labels=columns[LABELS].astype(np.int32),
        example_lengths=lengths[:, None].astype(np.int32),
        predictions=Predictions(
            **{name: columns[name].astype(np.int32) for name in PER_PREDICTION[:2]},
            masked_lm_weights=columns["masked_lm_weights"],
        ),
    )


def checked_columns(
    path: str,
    serialized: tf.Tensor,
    max_seq_length: int,
    num_slots: int,
    *,
    vocab_size: int,
    first_record: int = 0,
) -> dict[str, np.ndarray]:
    """The features of records, int64 and float32, with the names of google-research/bert.

    Args:
      path: for error messages.
      serialized: string [N].
      max_seq_length, num_slots: S and P.
      vocab_size: all token ids must be smaller.
      first_record: number of the first record in its file.

    Raises:
      ValueError: a record does not have this format; the message names the first one.
    """
    columns = _parse(path, serialized, max_seq_length, num_slots, first_record)
    _check(path, columns, vocab_size, first_record)
    return columns


def _parse(
    path: str, serialized: tf.Tensor, max_seq_length: int, num_slots: int, first_record: int
) -> dict[str, np.ndarray]:
    found = feature_sizes(serialized[0].numpy())
    spec = {name: tf.io.FixedLenFeature([max_seq_length], tf.int64) for name in PER_TOKEN}
    for name in PER_PREDICTION:
        kind = tf.float32 if name == "masked_lm_weights" else tf.int64
        spec[name] = tf.io.FixedLenFeature([num_slots], kind)
    spec[LABELS] = tf.io.FixedLenFeature([1], tf.int64, default_value=[0])
    names = {old: new for new, old in V2_NAMES.items() if new in found}
    spec = {names.get(name, name): feature for name, feature in spec.items()}
    try:
        parsed = tf.io.parse_example(serialized, spec)
    except tf.errors.OpError as error:
        bad = next(i for i, record in enumerate(serialized) if not _can_parse(record, spec))
        raise shards.DamagedError(
            f"{path}, record {first_record + bad}: not an example of {max_seq_length} tokens and "
            f"{num_slots} predictions ({error.message})"
        ) from error
    return {V2_NAMES.get(name, name): value.numpy() for name, value in parsed.items()}


def _can_parse(record: tf.Tensor, spec: dict) -> bool:
    try:
        tf.io.parse_single_example(record, spec)
    except tf.errors.OpError:
        return False
    return True


def feature_sizes(record: bytes) -> dict[str, int]:
    """The number of values in each feature of a `tf.train.Example`; {} for other bytes."""
    try:
        features = tf.train.Example.FromString(record).features.feature
    except Exception:  # protobuf's implementations have DecodeError in different modules
        return {}
    sizes = {}
    for name, feature in features.items():
        kind = feature.WhichOneof("kind")
        sizes[name] = len(getattr(feature, kind).value) if kind else 0
    return sizes


def _check(path: str, columns: dict[str, np.ndarray], vocab_size: int, first: int) -> None:
    mask_NS, weights_NP = columns["input_mask"], columns["masked_lm_weights"]
    lengths = (mask_NS > 0).sum(axis=1)
    is_prefix = (mask_NS == (np.arange(mask_NS.shape[1]) < lengths[:, None])).all(axis=1)
    positions_NP, is_used_NP = columns["masked_lm_positions"], weights_NP > 0
    ids = np.concatenate([columns["input_ids"], columns["masked_lm_ids"]], axis=1)
    faults = {
        f"a token id is outside the vocabulary of {vocab_size} tokens; the data was made with "
        "another vocabulary": (ids < 0) | (ids >= vocab_size),
        "input_mask is not ones followed by zeros": ~is_prefix[:, None] | (mask_NS[:, :1] != 1),
        "segment_ids are not 0 or 1": (columns["segment_ids"] < 0) | (columns["segment_ids"] > 1),
        "a masked_lm_position is not in the text": (positions_NP < 0)
        | (is_used_NP & (positions_NP >= lengths[:, None]))
        | (positions_NP >= mask_NS.shape[1]),
        "masked_lm_weights are not finite or are below 0": ~np.isfinite(weights_NP)
        | (weights_NP < 0),
        f"{LABELS} are not 0 or 1": (columns[LABELS] < 0) | (columns[LABELS] > 1),
    }
    for fault, is_bad in faults.items():
        if is_bad.any():
            record = first + int(np.argmax(is_bad.any(axis=1)))
            raise shards.DamagedError(f"{path}, record {record}: {fault}")
