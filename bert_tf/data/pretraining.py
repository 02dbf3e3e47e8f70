"""Folder of pretraining records -> batches for a training loop, as a tf.data.Dataset.

Reading (one group of shards ahead, in a thread), checks and order are done in NumPy; masks and the
optional inputs of packed rows in TF ops. See `make_pretraining_dataset`.

Shapes: B rows of a replica batch, S tokens of a row, P predictions of a row, E examples of a row.
"""

import concurrent.futures
import threading

import numpy as np
import tensorflow as tf

from bert_tf.data import masking, order, records
from bert_tf.data.indexed import dataset_of_items
from bert_tf.data.order import BatchSlice, GroupSlice
from bert_tf.data.records import Manifest, Rows
from bert_tf.tokenization.vocabulary import Vocabulary

_PREFETCH = 4  # batches


def make_pretraining_dataset(
    folder: str,
    vocabulary: Vocabulary,
    *,
    batch_slice: BatchSlice,
    masked_lm_prob: float = 0.15,
    max_predictions_per_seq: int = 20,
    whole_word: bool = False,
    seed: int = 0,
    training: bool = True,
    start_row: int = 0,
) -> tf.data.Dataset:
    """Reads replica batches; those of one global batch follow each other, first replica first.

    Training: without end, in the order of bert_tf.data.order, with new masks in every epoch.
    Evaluation: once, in storage order, with the masks of epoch 0. The last global batch is filled
    up with rows of weight 0 ([CLS] alone), so that every replica gets equally many batches.

    Args:
        folder: made by `builder.create_pretraining_data`.
        vocabulary: the one the data were made with.
        batch_slice: which part of each global batch to read.
        masked_lm_prob, max_predictions_per_seq, whole_word: see `masking.mask_tokens`.
        seed: of order and masks, in [0, 2**32).
        training: see above.
        start_row: rows consumed so far, by all workers and through all epochs (training only).

    Returns:
        Batches of static shape, int32 unless said: `input_ids`, `input_mask`, `segment_ids` [B, S];
        `masked_lm_positions`, `masked_lm_ids`, float32 `masked_lm_weights` [B, P];
        `next_sentence_labels`, float32 `next_sentence_weights` [B, E] (of sentence-order examples
        too; the weights are 0 if the objective of the data has no labels). If rows may hold several
        examples also `position_ids`, `example_ids` [B, S], `cls_positions` [B, E].

    Raises:
        ValueError: no or wrong manifest, another vocabulary, or a setting out of range. While
            reading: tf.errors.InvalidArgumentError with the message of `records.read_shard`.
    """
    manifest = Manifest.load(folder)
    manifest.check(vocabulary_sha256=vocabulary.sha256)
    _check(masked_lm_prob, max_predictions_per_seq, start_row, training)
    order.check_seed(seed)

    def finish(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        epoch, example = batch.pop("epoch"), batch.pop("example")
        example = batch.pop("example_indices", example)
        return masking.mask_tokens(
            _add_inputs(
                batch,
                packed=manifest.max_examples_per_row > 1,
                has_labels=manifest.has_labels,
            ),
            seed=seed,
            epoch=epoch,
            example_index=example,
            masked_lm_prob=masked_lm_prob,
            max_predictions_per_seq=max_predictions_per_seq,
            cls_id=vocabulary.cls_id,
            sep_id=vocabulary.sep_id,
            mask_id=vocabulary.mask_id,
            vocab_size=len(vocabulary),
            is_continuation=tf.constant(vocabulary.is_continuation) if whole_word else None,
        )

    reader = _Reader(folder, manifest, vocabulary, batch_slice, seed, training, start_row)
    signature = _signature(manifest, batch_slice.replica_batch_size)
    rows = dataset_of_items(reader.read, signature, reader.num_batches)
    dataset = rows.map(finish, num_parallel_calls=2, deterministic=True).prefetch(_PREFETCH)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return dataset.with_options(options)


def num_eval_batches(folder: str, batch_slice: BatchSlice) -> int:
    """How many global batches one pass over the folder has; the last may be filled up."""
    return -(-Manifest.load(folder).rows // batch_slice.global_batch_size)


def _check(
    masked_lm_prob: float, max_predictions_per_seq: int, start_row: int, training: bool
) -> None:
    if not 0 < masked_lm_prob <= 1:
        raise ValueError(f"masked_lm_prob is {masked_lm_prob}; it must be above 0 and at most 1")
    if max_predictions_per_seq < 1:
        raise ValueError(
            f"max_predictions_per_seq is {max_predictions_per_seq}; at least 1 expected"
        )
    if start_row < 0 or (start_row and not training):
        raise ValueError(f"start_row is {start_row}; it must be >= 0, and 0 in evaluation")


def _signature(manifest: Manifest, batch_size: int) -> dict[str, tf.TensorSpec]:
    tokens = tf.TensorSpec((batch_size, manifest.max_seq_length), tf.int32)
    examples = tf.TensorSpec((batch_size, manifest.max_examples_per_row), tf.int32)
    counter = tf.TensorSpec((batch_size,), tf.int64)
    packed = {"example_indices": tf.TensorSpec(examples.shape, tf.int64)}
    return {
        **(packed if manifest.max_examples_per_row > 1 else {}),
        "input_ids": tokens,
        "segment_ids": tokens,
        "next_sentence_labels": examples,
        "example_lengths": examples,
        "epoch": counter,
        "example": counter,
    }


class _Reader:
    """Replica batches by number. Holds the rows of the group in use and of the one after it."""

    def __init__(
        self,
        folder: str,
        manifest: Manifest,
        vocabulary: Vocabulary,
        batch_slice: BatchSlice,
        seed: int,
        training: bool,
        start_row: int,
    ):
        self._folder, self._manifest, self._vocabulary = folder, manifest, vocabulary
        self._batch_slice, self._start_row = batch_slice, start_row
        shard_rows = manifest.shard_rows
        self._order = (
            order.RowOrder(shard_rows, seed) if training else order.StorageOrder(shard_rows)
        )
        global_batches = -(-manifest.rows // batch_slice.global_batch_size)
        self.num_batches = None if training else global_batches * batch_slice.local_replicas
        self._pool = concurrent.futures.ThreadPoolExecutor(1)
        self._tables = {}  # (epoch, shards) -> Future of Rows
        self._lock = threading.Lock()

    def read(self, local_batch: int) -> dict[str, np.ndarray]:
        """The arrays of `_signature` for a replica batch."""
        size = self._batch_slice.replica_batch_size
        position = self._start_row + self._batch_slice.position(local_batch)
        parts = self._order.at(position, size)
        tables = [self._table(part) for part in parts]
        return _assemble(parts, tables, self._manifest, size, self._vocabulary.cls_id)

    def _table(self, part: GroupSlice) -> Rows:
        """The rows of a group; the next group is read in a thread meanwhile."""
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
        size = len(self._vocabulary)
        rows = records.concatenate(
            [records.read_shard(self._folder, self._manifest, shard, size) for shard in shards]
        )
        for shard in shards:
            records.check_unchanged(self._folder, self._manifest, shard)
        return rows


def _key(group: GroupSlice) -> tuple[int, ...]:
    return (group.epoch, *group.shards.tolist())


def _assemble(
    parts: list[GroupSlice], tables: list[Rows], manifest: Manifest, batch_size: int, cls_id: int
) -> dict[str, np.ndarray]:
    """Pads rows and lays them together; what is missing are rows of [CLS] without an example."""
    length, max_examples = manifest.max_seq_length, manifest.max_examples_per_row
    num_missing = batch_size - sum(len(part.rows) for part in parts)
    filler = {
        "input_ids": np.zeros((num_missing, length), np.int32),
        "segment_ids": np.zeros((num_missing, length), np.int32),
        "next_sentence_labels": np.zeros((num_missing, max_examples), np.int32),
        "example_lengths": np.zeros((num_missing, max_examples), np.int32),
    }
    if max_examples > 1:
        filler["example_indices"] = np.zeros((num_missing, max_examples), np.int64)
    filler["input_ids"][:, 0] = cls_id
    columns = [t.padded(p.rows, length) for p, t in zip(parts, tables, strict=True)] + [filler]
    batch = {name: np.concatenate([column[name] for column in columns]) for name in filler}
    counters = np.zeros(num_missing, np.int64)
    epochs = [np.full(len(part.rows), part.epoch, np.int64) for part in parts]
    batch["epoch"] = np.concatenate([*epochs, counters])
    batch["example"] = np.concatenate([*(part.examples for part in parts), counters])
    return batch


def _add_inputs(
    batch: dict[str, tf.Tensor], *, packed: bool, has_labels: bool
) -> dict[str, tf.Tensor]:
    """Replaces `example_lengths` by what follows from it: masks, weights, inputs of packed rows."""
    batch = dict(batch)
    lengths_BE = batch.pop("example_lengths")
    position_S = tf.range(batch["input_ids"].shape[1])
    total_B1 = tf.reduce_sum(lengths_BE, axis=1, keepdims=True)
    # The first token always counts: attention over nothing would be a division by 0.
    is_real_BS = (position_S < total_B1) | (position_S == 0)
    batch["input_mask"] = tf.cast(is_real_BS, tf.int32)
    has_label_BE = (lengths_BE > 0) & has_labels
    batch["next_sentence_weights"] = tf.cast(has_label_BE, tf.float32)
    if packed:
        batch.update(_packed_inputs(lengths_BE, position_S, is_real_BS))
    return batch


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
