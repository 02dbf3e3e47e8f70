"""Labelled texts, single or in pairs: table -> examples -> arrays -> batches.

Knows nothing of models. The order of training is that of `bert_tf.data.order`; an evaluation reads
every row once, in storage order, and fills its last global batch with rows of weight 0.

Shapes: E examples, S tokens, b rows of one replica's batch.
"""

import dataclasses
import functools
import re
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import progress
from bert_tf.data import order, tables
from bert_tf.data.indexed import dataset_of_items
from bert_tf.tokenization.wordpiece import Tokenizer

# Columns as GLUE and other well-known tables call them; the first that a file has is taken.
_TEXT_COLUMNS = (
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("premise", "hypothesis"),
    ("#1 String", "#2 String"),
    ("text_a", "text_b"),
    ("text", "text_pair"),
    ("sentence", None),
    ("text", None),
    ("text_a", None),
    ("content", None),
)
_LABEL_COLUMNS = ("label", "gold_label", "is_duplicate", "Quality")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_TEXTS_PER_CALL = 1024


@dataclasses.dataclass(frozen=True)
class Examples:
    """The examples of one file.

    Attributes:
        path: the file they come from.
        texts: E first (or only) texts.
        text_pairs: E second texts, or None.
        labels: the known labels, a label's id is its place among them; None without labels.
        label_ids: int32 [E], or None without labels.
    """

    path: str
    texts: list[str]
    text_pairs: list[str] | None
    labels: tuple[str, ...] | None
    label_ids: np.ndarray | None

    def __len__(self) -> int:
        return len(self.texts)


def read_examples(
    path: str,
    *,
    text_column: str | None = None,
    text_pair_column: str | None = None,
    label_column: str | None = None,
    labels: Sequence[str] | None = None,
    with_labels: bool | None = None,
    in_pairs: bool | None = None,
) -> Examples:
    """Reads a table of texts (formats: see `bert_tf.data.tables`).

    Columns that are not named are found by their usual names: `sentence`, `text`, `sentence1` and
    `sentence2`, `question` and `sentence`, ...; `label`. A pair of columns goes before a single.

    Args:
        path: TSV, CSV or JSON lines, also gzip-compressed.
        text_column: the first (or only) text.
        text_pair_column: the second text; only together with `text_column`.
        label_column: the label.
        labels: the labels of the training data, in the order of their ids. None makes the list from
            this file: sorted, and by value if all of them are numbers.
        with_labels: True: a file without labels is an error; False: labels are not read, whatever
            the file has (for predictions); None: read if there.
        in_pairs: whether the training data were pairs of texts; None if these are they.

    Raises:
        ValueError: what `tables.iterate_table` raises; no column has a usual name; texts are
            in pairs and should not be, or the other way round; a label is not among `labels` (names
            the line); a file from which labels are made holds only one.
    """
    names = tables.read_column_names(path)
    if text_column is None:
        if text_pair_column is not None:
            raise ValueError(f"text_pair_column is {text_pair_column!r}: name text_column as well.")
        text_column, text_pair_column = _find_text_columns(path, names)
    if in_pairs is not None and in_pairs != bool(text_pair_column):
        found = f"pairs of texts ({text_column}, {text_pair_column})"
        found = found if text_pair_column else f"single texts ({text_column})"
        trained = "pairs of texts" if in_pairs else "single texts"
        raise ValueError(
            f"{path}:1: {found}, but the model was trained on {trained}. Say which columns to read "
            "with text_column and text_pair_column."
        )
    if with_labels is False:
        label_column = None
    elif label_column is None:
        label_column = _find_label_column(path, names, required=bool(with_labels))
    columns = [text_column, text_pair_column, label_column]
    rows = tables.read_table(path, columns=[name for name in columns if name])
    label_ids = None
    if label_column:
        labels = _sorted_labels(path, rows) if labels is None else tuple(labels)
        label_ids = _ids_of_labels(path, rows, labels)
    pairs = [row.values[1] for row in rows] if text_pair_column else None
    return Examples(
        path, [row.values[0] for row in rows], pairs, tuple(labels) if labels else None, label_ids
    )


def _find_text_columns(path: str, names: Sequence[str]) -> tuple[str, str | None]:
    for text, pair in _TEXT_COLUMNS:
        if text in names and (pair is None or pair in names):
            return text, pair
    usual = ", ".join(f"{text}+{pair}" if pair else text for text, pair in _TEXT_COLUMNS)
    raise ValueError(
        f"{path}:1: no column has a usual name for text ({usual}). "
        f"The columns are: {', '.join(names)}. Say which one it is with text_column."
    )


def _find_label_column(path: str, names: Sequence[str], *, required: bool) -> str | None:
    found = next((name for name in _LABEL_COLUMNS if name in names), None)
    if found is None and required:
        raise ValueError(
            f"{path}:1: no column has a usual name for labels ({', '.join(_LABEL_COLUMNS)}). "
            f"The columns are: {', '.join(names)}. Say which one it is with label_column."
        )
    return found


def _sorted_labels(path: str, rows: Sequence[tables.Row]) -> tuple[str, ...]:
    found = {row.values[-1] for row in rows}
    if len(found) < 2:
        raise ValueError(
            f"{path}: every one of the {len(rows)} rows has the label {found.pop()!r}. "
            "A classifier needs at least two labels."
        )
    are_numbers = all(_NUMBER.fullmatch(label) for label in found)
    return tuple(sorted(found, key=lambda label: (float(label) if are_numbers else 0, label)))


def _ids_of_labels(path: str, rows: Sequence[tables.Row], labels: Sequence[str]) -> np.ndarray:
    id_of = {label: index for index, label in enumerate(labels)}
    for row in rows:
        if row.values[-1] not in id_of:
            raise ValueError(
                f"{path}:{row.line}: the label {row.values[-1]!r} was not seen in training. "
                f"The known labels are: {', '.join(labels)}."
            )
    return np.array([id_of[row.values[-1]] for row in rows], np.int32)


def encode_examples(
    examples: Examples, tokenizer: Tokenizer, max_seq_length: int
) -> tuple[dict[str, np.ndarray], int]:
    """Tokenizes all examples.

    Returns:
        (arrays, num_truncated). The arrays are int32: `input_ids`, `input_mask`, `segment_ids`
        [E,S] and, if the examples have labels, `label_ids` [E]. `num_truncated` counts the examples
        that lost tokens because they are longer than `max_seq_length`; it is logged too.
    """
    parts = []
    starts = range(0, len(examples), _TEXTS_PER_CALL)
    with progress.bar(total=len(examples), unit="texts", description="tokenizing") as bar:
        for part in (slice(start, start + _TEXTS_PER_CALL) for start in starts):
            pairs = examples.text_pairs and examples.text_pairs[part]
            texts = examples.texts[part]
            parts.append(tokenizer.encode(texts, pairs, max_seq_length=max_seq_length))
            bar.update(len(texts))
    arrays = {
        name: np.concatenate([np.asarray(part[name], np.int32) for part in parts])
        for name in ("input_ids", "input_mask", "segment_ids")
    }
    if examples.label_ids is not None:
        arrays["label_ids"] = examples.label_ids
    num_truncated = sum(int(np.count_nonzero(part["num_truncated_tokens"])) for part in parts)
    logging.info(
        "%s: %d examples, %d of them truncated to %d tokens",
        examples.path,
        len(examples),
        num_truncated,
        max_seq_length,
    )
    return arrays, num_truncated


def make_classification_dataset(
    arrays: dict[str, np.ndarray],
    *,
    batch_slice: order.BatchSlice,
    seed: int,
    training: bool,
    start_row: int = 0,
) -> tf.data.Dataset:
    """Makes the replica batches of one worker, of static shape, first replica first.

    Training: without end, order and epochs from (seed, position). Evaluation: every row once, in
    storage order; `seed` and `start_row` have no effect, and every worker gets the same number of
    batches.

    Args:
        arrays: from `encode_examples`.
        batch_slice: the global batch size and which replicas belong to this worker.
        seed: of the order, 0 <= seed < 2**32.
        training: see above.
        start_row: rows consumed so far by all workers, to continue a run.

    Returns:
        A dataset of dicts: `input_ids`, `input_mask`, `segment_ids` int32 [b,S], `label_ids` int32
        [b], `label_weights` float32 [b]: 1 for a labelled example, 0 for a row that fills the batch
        (a copy of the first) and for an example without label.

    Raises:
        ValueError: training without labels, or no rows.
    """
    num_rows, seq_length = arrays["input_ids"].shape
    if training and "label_ids" not in arrays:
        raise ValueError("the training data has no labels. Expected a label column.")
    if not num_rows:
        raise ValueError("the data set holds no rows. Expected at least one.")

    if training:
        rows_of, num_batches = order.MemoryOrder(num_rows, seed, batch_slice, start_row).rows, None
    else:
        global_batches = -(-num_rows // batch_slice.global_batch_size)
        num_batches = global_batches * batch_slice.local_replicas
        rows_of = functools.partial(_evaluation_rows, batch_slice)

    size = batch_slice.replica_batch_size
    tokens = tf.TensorSpec([size, seq_length], tf.int32)
    signature = dict.fromkeys(("input_ids", "input_mask", "segment_ids"), tokens)
    signature["label_ids"] = tf.TensorSpec([size], tf.int32)
    signature["label_weights"] = tf.TensorSpec([size], tf.float32)
    return dataset_of_items(
        lambda local_batch: _take_rows(arrays, rows_of(local_batch)), signature, num_batches
    )


def _evaluation_rows(batch_slice: order.BatchSlice, local_batch: int) -> np.ndarray:
    """int64 [b]: the rows of a replica batch; numbers from `num_rows` on stand for no row."""
    first = batch_slice.position(local_batch)
    return np.arange(first, first + batch_slice.replica_batch_size)


def _take_rows(arrays: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    """The rows [b] of every array; where there is no such row, the first one with weight 0."""
    exists = rows < len(arrays["input_ids"])
    safe_rows = np.where(exists, rows, 0)
    batch = {name: arrays[name][safe_rows] for name in ("input_ids", "input_mask", "segment_ids")}
    labelled = "label_ids" in arrays
    batch["label_ids"] = (
        arrays["label_ids"][safe_rows] if labelled else np.zeros(len(rows), np.int32)
    )
    batch["label_weights"] = (exists & labelled).astype(np.float32)
    return batch
