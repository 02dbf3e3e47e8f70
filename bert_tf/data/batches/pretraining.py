"""Folders of pretraining records -> batches for a training loop, as a tf.data.Dataset.

NumPy reads (one group of shards ahead, in a thread), checks and orders the rows. TF ops add the
masks and the optional inputs of packed rows. See `make_pretraining_dataset`.

Shapes: B rows of a replica batch, S tokens of a row, P predictions of a row, E examples of a row.
"""

import concurrent.futures
import functools
import threading
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from bert_tf.data import hashing
from bert_tf.data.batches import order
from bert_tf.data.batches.indexed import dataset_of_items
from bert_tf.data.batches.order import BatchSlice, GroupSlice
from bert_tf.data.masks.mask_choice import shift_right
from bert_tf.data.masks.masking import Masker, hash_u32, split_words
from bert_tf.data.records import damaged, release_format, row_tables
from bert_tf.data.records import shards as records
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.mixing import Mixture, Part, Shares
from bert_tf.data.records.row_tables import Rows
from bert_tf.tokenization.tokenizer import Tokenizer

_PREFETCH = 4  # batches
# The example numbers of a mixture's n-th data set begin at n << 48, so that no two data sets draw
# the same masks.
_SOURCE_SHIFT = 48


def make_pretraining_dataset(
    mixture: Mixture,
    masker: Masker,
    *,
    batch_slice: BatchSlice,
    position_range: int = 0,
    training: bool = True,
    start_row: int = 0,
    skip_damaged: bool = False,
) -> tf.data.Dataset:
    """Reads replica batches. The batches of one global batch are consecutive, first replica first.

    Training: endless, in the order of bert_tf.data.batches.order, with new masks in every epoch
    (unless the masks are stored); the data sets of a mixture have their shares
    (bert_tf.data.records.mixing). Evaluation: every row once, with the masks of epoch 0; shares
    have no effect. The last global batch is filled with rows of weight 0 (only the first token), so
    that all replicas get the same number of batches.

    Args:
      mixture: the data.
      masker: draws the masks, and has the tokenizer of the data. Order and shifts use its seed too.
        If training data has static masks, their number of slots must be the same; other settings
        of the masker do not change static masks.
      batch_slice: the part of each global batch to read.
      position_range: if it is more than S, each training row begins at a random position and ends
        before this one (Kiyono et al. 2021, SHAPE). Otherwise all rows begin at 0.
      training: see above.
      start_row: rows consumed so far, by all workers and through all epochs (training only).
      skip_damaged: replace a damaged record by a row of weight 0 (bert_tf.data.records.damaged).
        The default is an error.

    Returns:
      Batches of static shape, int32 except where stated: `input_ids`, `input_mask`, `segment_ids`
      [B, S]; `masked_lm_positions`, `masked_lm_ids`, float32 `masked_lm_weights` [B, P];
      `masked_lm_left_out` [B] and, if the masker has draws, `masked_lm_draws` (see `Masker`);
      `next_sentence_labels`, float32 `next_sentence_weights` [B, E] (also for sentence-order
      examples; the weights are 0 if the objective has no labels). Rows of several examples also
      have `position_ids`, `example_ids` [B, S], `cls_positions` [B, E]. Shifted rows have
      `position_ids`. With `skip_damaged`, training batches have `is_skipped` [B], 1 for a damaged
      record.

    Raises:
      ValueError: the manifest is missing or wrong, the vocabulary differs, or a setting is out of
        range. While reading: tf.errors.InvalidArgumentError with the message of
        `records.read_shard`.
    """
    seed, slots = masker.seed, masker.max_predictions_per_seq if training else None
    identity = masker.tokenizer.identity
    mixture.check(vocabulary_sha256=identity, max_predictions_per_seq=slots)
    if start_row < 0 or (start_row and not training):
        raise ValueError(f"start_row is {start_row}; it must be >= 0, and 0 in evaluation")
    sources = [
        _Source(part, masker.tokenizer, seed if training else None, skip_damaged=skip_damaged)
        for part in mixture.parts
    ]
    reader = _Reader(mixture, sources, batch_slice, training=training, start_row=start_row)
    signature = row_signature(mixture.first, batch_slice.replica_batch_size)
    rows = dataset_of_items(reader.read, signature, reader.num_batches)
    make_batch = batch_maker(mixture.first, masker)
    num_shifts = position_range - mixture.first.max_seq_length + 1 if training else 1

    @tf.autograph.experimental.do_not_convert
    def finish(rows: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        batch = make_batch(rows)
        if num_shifts > 1:
            batch["position_ids"] = _shifted_positions(batch, rows, seed, num_shifts)
        if skip_damaged and training:
            is_empty_B = tf.reduce_all(rows["example_lengths"] == 0, axis=1)
            batch["is_skipped"] = tf.cast(is_empty_B, tf.int32)
        return batch

    dataset = rows.map(finish, num_parallel_calls=2, deterministic=True).prefetch(_PREFETCH)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return dataset.with_options(options)


def batch_maker(
    manifest: Manifest, masker: Masker
) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]:
    """Returns the function from rows (`row_signature`) to batches. Static masks do not change."""

    def finish(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        batch = dict(batch)
        epoch, example = batch.pop("epoch"), batch.pop("example")
        example = batch.pop("example_indices", example)
        batch = _add_inputs(batch, packed=manifest.max_examples_per_row > 1)
        if not manifest.static_masks:
            batch = _traced_once(masker)(batch, epoch, example)
        return masker.add_draws(batch, epoch, example) if masker.has_draws else batch

    return finish


@functools.lru_cache(maxsize=4)
def _traced_once(masker: Masker) -> Callable:
    """`masker` as a function that a run traces once, not once for each of its data sets."""
    return tf.function(masker.__call__, autograph=False)


def row_signature(manifest: Manifest, batch_size: int | None) -> dict[str, tf.TensorSpec]:
    """Padded rows: `Rows.padded`, and `epoch`, `example` and `has_labels` of each row."""
    tokens = tf.TensorSpec((batch_size, manifest.max_seq_length), tf.int32)
    examples = tf.TensorSpec((batch_size, manifest.max_examples_per_row), tf.int32)
    counter = tf.TensorSpec((batch_size,), tf.int64)
    signature = {
        "input_ids": tokens,
        "segment_ids": tokens,
        "next_sentence_labels": examples,
        "example_lengths": examples,
        "epoch": counter,
        "example": counter,
        "has_labels": tf.TensorSpec((batch_size,), tf.int32),
    }
    if manifest.max_examples_per_row > 1:
        signature["example_indices"] = tf.TensorSpec(examples.shape, tf.int64)
    if manifest.static_masks:
        slots = (batch_size, manifest.static_masks["max_predictions_per_seq"])
        for name in release_format.PER_PREDICTION:
            kind = tf.float32 if name == "masked_lm_weights" else tf.int32
            signature[name] = tf.TensorSpec(slots, kind)
    return signature


class _Reader:
    """Reads replica batches by their number, from all data sets.

    Args:
      mixture: the data sets.
      sources: the rows of each data set.
      batch_slice, training, start_row: see `make_pretraining_dataset`.
    """

    def __init__(
        self,
        mixture: Mixture,
        sources: Sequence["_Source"],
        batch_slice: BatchSlice,
        *,
        training: bool,
        start_row: int,
    ):
        self._batch_slice, self._start_row = batch_slice, start_row
        self._signature = row_signature(mixture.first, batch_slice.replica_batch_size)
        self._sources = sources
        in_full = [manifest.rows for manifest in mixture.manifests]
        self._shares = Shares(mixture.weights if training else in_full)
        self._num_rows = None if training else mixture.rows
        global_batches = -(-mixture.rows // batch_slice.global_batch_size)
        self.num_batches = None if training else global_batches * batch_slice.local_replicas

    def read(self, local_batch: int) -> dict[str, np.ndarray]:
        """The arrays of `row_signature` for a replica batch.

        After the last row, rows hold only the first token and no example.
        """
        position = self._start_row + self._batch_slice.position(local_batch)
        size = count = self._batch_slice.replica_batch_size
        if self._num_rows is not None:
            count = max(0, min(size, self._num_rows - position))
        source_N, before = self._shares.sources(position, count)
        numbers = np.bincount(source_N, minlength=len(self._sources)).tolist()
        columns = [
            source.take(int(first), number)
            for source, first, number in zip(self._sources, before, numbers, strict=True)
            if number
        ]
        places_N = np.argsort(source_N, kind="stable")
        batch = {}
        for name, spec in self._signature.items():
            batch[name] = np.zeros((size, *spec.shape[1:]), spec.dtype.as_numpy_dtype)
            if columns:
                batch[name][places_N] = np.concatenate([column[name] for column in columns])
        batch["input_ids"][count:] = self._sources[0].empty_row
        return batch


class _Source:
    """The rows of one data set in its order. Holds the current group and the next.

    Args:
      part: the data set.
      tokenizer: the tokenizer of the data set.
      seed: of the order; None: storage order.
      skip_damaged: see `make_pretraining_dataset`.
    """

    def __init__(self, part: Part, tokenizer: Tokenizer, seed: int | None, *, skip_damaged: bool):
        self._folder, self._manifest, self._tokenizer = part.folder, part.manifest, tokenizer
        self._skip_damaged = skip_damaged
        number, shard_rows = part.number, part.manifest.shard_rows
        self._first_example = number << _SOURCE_SHIFT
        if seed is None:
            self._order = order.StorageOrder(shard_rows)
        else:
            seed = int(hashing.hash_u32(seed, number, hashing.STREAM_SOURCE)) if number else seed
            self._order = order.RowOrder(shard_rows, seed)
        self._pool = concurrent.futures.ThreadPoolExecutor(1)
        self._tables = {}  # (epoch, shards) -> Future of Rows
        self._lock = threading.Lock()

    @property
    def empty_row(self) -> np.ndarray:
        """int32 [S]: the first token and padding."""
        row = np.full(self._manifest.max_seq_length, self._tokenizer.pad_id, np.int32)
        row[0] = self._tokenizer.cls_id
        return row

    def take(self, position: int, count: int) -> dict[str, np.ndarray]:
        """Padded rows by their positions in this data set's order."""
        parts = self._order.at(position, count)
        length, pad_id = self._manifest.max_seq_length, self._tokenizer.pad_id
        columns = [self._table(part).padded(part.rows, length, pad_id) for part in parts]
        batch = {name: np.concatenate([c[name] for c in columns]) for name in columns[0]}
        if "example_indices" in batch:
            batch["example_indices"] = batch["example_indices"] + self._first_example
        batch["example"] = np.concatenate([p.examples for p in parts]) + self._first_example
        batch["epoch"] = np.concatenate([np.full(len(p.rows), p.epoch, np.int64) for p in parts])
        batch["has_labels"] = np.full(count, self._manifest.has_labels, np.int32)
        return batch

    def _table(self, part: GroupSlice) -> Rows:
        """The rows of a group; a thread reads the next group at the same time."""
        key = _key(part)
        with self._lock:
            table = self._tables.get(key) or self._pool.submit(self._load, part.shards)
            following = self._order.at(part.next_position, 1)
            self._tables = {key: table} | {
                _key(n): self._tables.get(_key(n)) or self._pool.submit(self._load, n.shards)
                for n in following
            }
        return table.result()

    def _load(self, shards: np.ndarray) -> Rows:
        return row_tables.concatenate([self._read_shard(shard) for shard in shards])

    def _read_shard(self, shard: int) -> Rows:
        if self._skip_damaged:
            return damaged.read_shard(self._folder, self._manifest, shard, self._tokenizer)
        read = release_format.read_shard if self._manifest.static_masks else records.read_shard
        return read(self._folder, self._manifest, shard, len(self._tokenizer), unchanged=True)


def _key(group: GroupSlice) -> tuple[int, ...]:
    return (group.epoch, *group.shards.tolist())


def _add_inputs(batch: dict[str, tf.Tensor], *, packed: bool) -> dict[str, tf.Tensor]:
    """Replaces `example_lengths` and `has_labels` with masks, weights and inputs of packed rows."""
    batch = dict(batch)
    lengths_BE = batch.pop("example_lengths")
    has_labels_B = batch.pop("has_labels")
    position_S = tf.range(batch["input_ids"].shape[1])
    total_B1 = tf.reduce_sum(lengths_BE, axis=1, keepdims=True)
    # The first token is always real, because attention over no tokens would divide by 0.
    is_real_BS = (position_S < total_B1) | (position_S == 0)
    batch["input_mask"] = tf.cast(is_real_BS, tf.int32)
    has_label_BE = (lengths_BE > 0) & (has_labels_B[:, tf.newaxis] > 0)
    batch["next_sentence_weights"] = tf.cast(has_label_BE, tf.float32)
    if packed:
        batch.update(_packed_inputs(lengths_BE, position_S, is_real_BS))
    return batch


def _shifted_positions(
    batch: dict[str, tf.Tensor], rows: dict[str, tf.Tensor], seed: int, num_shifts: int
) -> tf.Tensor:
    """int32 [B, S]: positions, plus one shift for each row.

    The shift is below `num_shifts` and a function of (seed, epoch, row).
    """
    counters = (rows["epoch"], *split_words(rows["example"]), hashing.STREAM_POSITION_SHIFT)
    drawn_B = tf.cast(hash_u32(seed, *counters), tf.int64)
    shift_B = tf.cast(shift_right(drawn_B * num_shifts, 32), tf.int32)
    default_BS = tf.zeros_like(batch["input_ids"]) + tf.range(batch["input_ids"].shape[1])
    return batch.get("position_ids", default_BS) + shift_B[:, tf.newaxis]


def _packed_inputs(
    lengths_BE: tf.Tensor, position_S: tf.Tensor, is_real_BS: tf.Tensor
) -> dict[str, tf.Tensor]:
    begins_BE = tf.cumsum(lengths_BE, axis=1, exclusive=True)
    is_there_BE = lengths_BE > 0
    has_begun_BSE = (position_S[:, tf.newaxis] >= begins_BE[:, tf.newaxis]) & is_there_BE[
        :, tf.newaxis
    ]
    number_BS = tf.maximum(tf.reduce_sum(tf.cast(has_begun_BSE, tf.int32), axis=-1), 1)
    begin_BS = tf.gather(begins_BE, number_BS - 1, batch_dims=1)
    return {
        "position_ids": tf.where(is_real_BS, position_S - begin_BS, 0),
        "example_ids": tf.where(is_real_BS, number_BS, 0),
        "cls_positions": tf.where(is_there_BE, begins_BE, 0),
    }
