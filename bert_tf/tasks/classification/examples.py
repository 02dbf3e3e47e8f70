"""Labelled texts, single or in pairs: table -> examples -> arrays -> batches.

Knows nothing of models.

Shapes: E examples, S tokens, b rows of one replica's batch.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import progress
from bert_tf.data.batches import order
from bert_tf.data.batches.in_memory import make_array_dataset
from bert_tf.data.labelled import tables
from bert_tf.tasks.classification import labels as label_columns_of
from bert_tf.tasks.classification.labels import MULTI, REGRESSION, SINGLE
from bert_tf.tokenization.tokenizer import Tokenizer

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
_LABEL_COLUMNS = {
    SINGLE: ("label", "gold_label", "is_duplicate", "Quality"),
    MULTI: ("labels", "label"),
    REGRESSION: ("score", "label"),
}
_TOKENS = ("input_ids", "input_mask", "segment_ids")
_TEXTS_PER_CALL = 1024
_FIRST_LABEL = np.int32(0)


@dataclasses.dataclass(frozen=True)
class TableFormat:
    """Which columns of a table are what.

    Attributes:
      text_column: the first (or only) text; None: found by the usual names (`sentence`, `text`,
        `sentence1` and `sentence2`, `question` and `sentence`, ...), a pair before a single.
      text_pair_column: the second text; only together with `text_column`.
      label_column: the label; None: found by its usual names.
      label_columns: several labels, one 0/1 column each; in place of `label_column`.
      label_separator: stands between several labels in one text.
      header: names of the columns of a file without header line, see `tables.iterate_table`.
      problem_type: one of `labels.PROBLEM_TYPES`.
      skip_faulty_rows: leave out labelled rows that are ragged or hold an empty text, and say how
        many (GLUE's QQP has some).
    """

    text_column: str | None = None
    text_pair_column: str | None = None
    label_column: str | None = None
    label_columns: tuple[str, ...] = ()
    label_separator: str = ","
    header: tuple[str, ...] = ()
    problem_type: str = SINGLE
    skip_faulty_rows: bool = False


@dataclasses.dataclass(frozen=True)
class Examples:
    """The examples of one file.

    Attributes:
      path: the file they come from.
      texts: E first (or only) texts.
      text_pairs: E second texts, or None.
      labels: the known labels, a label's id is its place among them; None without labels.
      label_ids: int32 [E]; float32 0/1 [E,L] of several labels; float32 [E] of numbers; None
        without labels.
      lines: E lines on which the examples begin.
    """

    path: str
    texts: list[str]
    text_pairs: list[str] | None
    labels: tuple[str, ...] | None
    label_ids: np.ndarray | None
    lines: list[int]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int]) -> "Examples":
        """Those of `rows`, in their order."""
        return dataclasses.replace(
            self,
            texts=[self.texts[row] for row in rows],
            text_pairs=self.text_pairs and [self.text_pairs[row] for row in rows],
            label_ids=None if self.label_ids is None else self.label_ids[np.asarray(rows, int)],
            lines=[self.lines[row] for row in rows],
        )


def read_examples(
    path: str,
    table_format: TableFormat = TableFormat(),  # noqa: B008 - frozen
    *,
    labels: Sequence[str] | None = None,
    with_labels: bool | None = None,
    in_pairs: bool | None = None,
) -> Examples:
    """Reads a table of texts (kinds of files: see `bert_tf.data.labelled.tables`).

    Args:
      path: the file.
      table_format: which columns are what.
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
    text, pair = table_format.text_column, table_format.text_pair_column
    named = [name for name in (text, pair) if name]
    names = tables.read_column_names(path, table_format.header, named)
    if text is None:
        if pair is not None:
            raise ValueError(f"text_pair_column is {pair!r}: name text_column as well.")
        text, pair = _find_text_columns(path, names)
    if in_pairs is not None and in_pairs != bool(pair):
        found = f"pairs of texts ({text}, {pair})" if pair else f"single texts ({text})"
        trained = "pairs of texts" if in_pairs else "single texts"
        raise ValueError(
            f"{path}:1: {found}, but the model was trained on {trained}. Say which columns to read "
            "with text_column and text_pair_column."
        )
    found = _columns_of_labels(path, names, table_format, with_labels)
    texts = [name for name in (text, pair) if name]
    faulty = [] if table_format.skip_faulty_rows and found else None
    rows = tables.read_table(
        path,
        columns=[*texts, *found],
        header=table_format.header if names == list(table_format.header) else (),
        lists=found if table_format.problem_type == MULTI else (),
        faulty=faulty,
    )
    if faulty:
        logging.warning("%s: LEFT OUT %d faulty rows, first: %s", path, len(faulty), faulty[0])
    label_ids = None
    if found:
        labels, label_ids = _read_labels(path, rows, found, labels, table_format)
    return Examples(
        path,
        [row.values[0] for row in rows],
        [row.values[1] for row in rows] if pair else None,
        tuple(labels) if labels else None,
        label_ids,
        [row.line for row in rows],
    )


def _find_text_columns(path: str, names: Sequence[str]) -> tuple[str, str | None]:
    for text, pair in _TEXT_COLUMNS:
        if text in names and (pair is None or pair in names):
            return text, pair
    usual = ", ".join(f"{text}+{pair}" if pair else text for text, pair in _TEXT_COLUMNS)
    raise ValueError(
        f"{path}:1: no column has a usual name for text ({usual}). "
        f"The columns are: {', '.join(names)}. Say which one it is with text_column. "
        f"{tables.HEADER_HINT}"
    )


def _columns_of_labels(
    path: str, names: Sequence[str], table_format: TableFormat, with_labels: bool | None
) -> tuple[str, ...]:
    """The columns that hold the labels; none if they are not to be read or not there."""
    if with_labels is False:
        return ()
    if table_format.label_columns:
        there = all(name in names for name in table_format.label_columns)
        return table_format.label_columns if there or with_labels else ()
    if table_format.label_column:
        there = table_format.label_column in names
        return (table_format.label_column,) if there or with_labels else ()
    usual = _LABEL_COLUMNS[table_format.problem_type]
    found = next((name for name in usual if name in names), None)
    if found is None and with_labels:
        raise ValueError(
            f"{path}:1: no column has a usual name for labels ({', '.join(usual)}): a test file? "
            f"The columns are: {', '.join(names)}. Say which one it is with label_column."
        )
    return (found,) if found else ()


def _read_labels(
    path: str,
    rows: Sequence[tables.Row],
    columns: tuple[str, ...],
    labels: Sequence[str] | None,
    table_format: TableFormat,
) -> tuple[tuple[str, ...], np.ndarray]:
    if table_format.problem_type == REGRESSION:
        return (), label_columns_of.numbers(path, rows, columns[0])
    if table_format.label_columns:
        return columns, label_columns_of.label_flags(path, rows, columns)
    if table_format.problem_type == MULTI:
        separator = table_format.label_separator
        return label_columns_of.label_sets(path, rows, columns[0], labels, separator)
    return label_columns_of.single_labels(path, rows, columns[0], labels)


def encode_examples(
    examples: Examples, tokenizer: Tokenizer, max_seq_length: int
) -> tuple[dict[str, np.ndarray], int]:
    """Tokenizes all examples.

    Returns:
      (arrays, num_truncated). The arrays are int32: `input_ids`, `input_mask`, `segment_ids`
      [E,S], `num_truncated_tokens`, `lines` [E] (where the examples stand in their file) and, if
      the examples have labels, `label_ids` as they are.
      `num_truncated` counts the examples that lost tokens because they are longer than
      `max_seq_length`; it is logged too.
    """
    parts = []
    for part in progress.parts(
        len(examples), _TEXTS_PER_CALL, unit="texts", description="tokenizing"
    ):
        pairs = examples.text_pairs and examples.text_pairs[part]
        parts.append(tokenizer.encode(examples.texts[part], pairs, max_seq_length=max_seq_length))
    arrays = {
        name: np.concatenate([np.asarray(part[name], np.int32) for part in parts])
        for name in (*_TOKENS, "num_truncated_tokens")
    }
    arrays["lines"] = np.array(examples.lines, np.int32)
    if examples.label_ids is not None:
        arrays["label_ids"] = examples.label_ids
    num_truncated = int(np.count_nonzero(arrays["num_truncated_tokens"]))
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
    widths: Sequence[int] = (),
    label: np.ndarray | np.generic = _FIRST_LABEL,
) -> tf.data.Dataset:
    """The batches of `in_memory.make_array_dataset` (which says what the arguments are).

    Args:
      arrays: from `encode_examples`.
      label: stands where the data have no labels, and counts nothing; of the dtype and shape of
        those that the model was trained with.

    Returns:
      A dataset of dicts: `input_ids`, `input_mask`, `segment_ids` int32 [b,S], `label_ids` [b]
      (as in `Examples`), `label_weights` float32 [b]: 1 for a labelled example, 0 for one without
      label and for a row that fills the batch; `row_ids` and, with `widths`, `width_index`.

    Raises:
      ValueError: training without labels, or no rows.
    """
    if training and "label_ids" not in arrays:
        raise ValueError("the training data has no labels. Expected a label column.")
    num_rows = len(arrays["input_ids"])
    rows = {name: arrays[name] for name in _TOKENS}
    labelled = "label_ids" in arrays
    rows["label_ids"] = (
        arrays["label_ids"] if labelled else np.full((num_rows, *label.shape), label, label.dtype)
    )
    rows["label_weights"] = np.full(num_rows, labelled, np.float32)
    return make_array_dataset(
        rows,
        weights="label_weights",
        batch_slice=batch_slice,
        seed=seed,
        training=training,
        start_row=start_row,
        widths=widths,
    )
