"""Labelled texts, single or in pairs: table -> examples -> arrays -> batches.

Knows nothing of models.

Shapes: E examples, S tokens, b rows of one replica's batch.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import progress
from bert_tf.data.batches import order
from bert_tf.data.batches.in_memory import make_array_dataset
from bert_tf.data.labelled import columns as text_columns
from bert_tf.data.labelled import records, tables
from bert_tf.data.labelled.columns import TextColumns
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.tasks.classification import labels as label_columns_of
from bert_tf.tasks.classification.labels import MULTI, REGRESSION, SINGLE
from bert_tf.tokenization.tokenizer import Tokenizer

# Names in GLUE and other well-known tables. The first that a file has is used.
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
    """The columns of a table.

    Attributes:
      text_column: the first (or only) text, a column or a template; None: found by the usual names
        (`sentence`, `text`, `sentence1` and `sentence2`, `question` and `sentence`, ...), pairs
        before single texts.
      text_pair_column: the second text; only together with `text_column`.
      label_column: the label; None: found by its usual names.
      label_columns: several labels, one 0/1 column each, instead of `label_column`.
      label_separator: separates several labels in one text.
      header: names of the columns of a file without a header line, see `tables.iterate_table`.
      problem_type: one of `labels.PROBLEM_TYPES`.
      skip_faulty_rows: skip and count labelled rows with a wrong number of fields, or with an empty
        first text or label (GLUE's QQP has some).
      trained: the columns of the training file, and `trained_label` its label. They replace empty
        settings, if the file has them.
      reading: format and encoding of the file.
    """

    text_column: str | None = None
    text_pair_column: str | None = None
    label_column: str | None = None
    label_columns: tuple[str, ...] = ()
    label_separator: str = ","
    header: tuple[str, ...] = ()
    problem_type: str = SINGLE
    skip_faulty_rows: bool = False
    trained: TextColumns = TextColumns()
    trained_label: str = ""
    reading: Reading = AS_NAMED


@dataclasses.dataclass(frozen=True)
class Examples:
    """The examples of one file.

    Attributes:
      path: their file.
      texts: E first (or only) texts.
      text_pairs: E second texts, or None.
      labels: the known labels; the id of a label is its index. None without labels.
      label_ids: int32 [E]; float32 0/1 [E,L] for several labels; float32 [E] for numbers; None
        without labels.
      lines: the first line of each of the E examples.
      columns: the columns of the texts.
      label_column: the column of the labels; "" without labels, or with a column for each label.
    """

    path: str
    texts: list[str]
    text_pairs: list[str] | None
    labels: tuple[str, ...] | None
    label_ids: np.ndarray | None
    lines: list[int]
    columns: TextColumns = TextColumns()
    label_column: str = ""

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int]) -> "Examples":
        """The examples with the indices `rows`, in that order."""
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
    """Reads a table of texts (for file formats see `bert_tf.data.labelled.records`).

    The second text can be empty. An empty first text is an error (or a faulty row) in a file that
    must have labels, and allowed in a file to answer.

    Args:
      path: the file.
      table_format: the columns.
      labels: the labels of the training data, in the order of their ids. None: make the list from
        this file, sorted, or by value if all labels are numbers.
      with_labels: True: a file without labels is an error; False: do not read labels; None: read
        labels if the file has them. A column that is empty, or -1 in every row, then has no labels.
      in_pairs: whether the training data has pairs of texts; None if this is the training data.

    Raises:
      ValueError: as in `tables.iterate_table`; no column has a usual name; the file has pairs, but
        the training data has single texts, or vice versa; a label is not in `labels` (the message
        has the line); the file has only one label, and `labels` is None.
    """
    wanted = TextColumns(table_format.text_column or "", table_format.text_pair_column or "")
    names = tables.read_column_names(
        path, table_format.header, wanted.names(), table_format.reading
    )
    texts = text_columns.find(path, names, wanted, table_format.trained)
    if in_pairs is not None:
        text_columns.check_pairs(path, texts, in_pairs, names)
    texts_of = text_columns.reader(path, names, texts)
    found = _columns_of_labels(path, names, table_format, with_labels)
    rows = _read_rows(path, names, table_format, texts, found, with_labels)
    both = [texts_of(row.values) for row in rows]
    label_ids = None
    if found and (with_labels or _has_labels(path, rows, found)):
        values = [tables.Row(row.line, tuple(row.values[name] for name in found)) for row in rows]
        labels, label_ids = _read_labels(path, values, found, labels, table_format)
    _say(path, table_format, texts, found)
    return Examples(
        path,
        [text for text, *_ in both],
        [pair for _, pair in both] if texts.pair else None,
        tuple(labels) if labels else None,
        label_ids,
        [row.line for row in rows],
        texts,
        found[0] if found and not table_format.label_columns else "",
    )


class _Row(NamedTuple):
    """The columns of a row by their names, and the line on which it begins."""

    line: int
    values: dict[str, Any]


def _read_rows(
    path: str,
    names: Sequence[str],
    table_format: TableFormat,
    texts: TextColumns,
    labels: tuple[str, ...],
    with_labels: bool | None,
) -> list[_Row]:
    """The rows without faulty rows, if these can be skipped."""
    columns = list(dict.fromkeys([*texts.names(names), *labels]))
    faulty = [] if table_format.skip_faulty_rows and with_labels else None
    first = text_columns.names_in(texts.text, names)
    rows = []
    for row in tables.iterate_table(
        path,
        columns=columns,
        header=table_format.header if names == list(table_format.header) else (),
        lists=labels if table_format.problem_type == MULTI else (),
        empty=[*texts.names(names), *(() if with_labels else labels)],
        faulty=faulty,
        reading=table_format.reading,
    ):
        values = dict(zip(columns, row.values, strict=True))
        if with_labels and not any(values[name] for name in first):
            records.complain(_empty_text(path, row.line, first), faulty)
            continue
        rows.append(_Row(row.line, values))
    if faulty:
        logging.warning("%s: LEFT OUT %d faulty rows, first: %s", path, len(faulty), faulty[0])
    if not rows:
        raise ValueError(f"{path}: no row has a text. Expected at least one.")
    return rows


def _empty_text(path: str, line: int, columns: Sequence[str]) -> str:
    what = " and ".join(map(repr, columns))
    return (
        f"{path}:{line}: column {what} is empty. Expected a text to learn or score; "
        "--config.task.skip_faulty_rows=true skips such rows."
    )


def _has_labels(path: str, rows: Sequence[_Row], columns: tuple[str, ...]) -> bool:
    """Whether a file to answer has labels; ValueError if only some rows have labels."""
    missing = [row.line for row in rows if not any(row.values[name] for name in columns)]
    nothing = len(missing) == len(rows) or all(
        row.values[name] == "-1" for row in rows for name in columns
    )
    if nothing:
        logging.info("%s: column %r has no labels: it is not scored", path, columns[0])
    return not nothing


def _say(path: str, table_format: TableFormat, texts: TextColumns, labels: tuple[str, ...]) -> None:
    """Logs the columns that were found by their names."""
    settings = table_format.text_column, table_format.label_column or table_format.label_columns
    if not all(settings):
        logging.info(
            "%s: texts from %s, labels from %s",
            path,
            texts,
            ", ".join(map(repr, labels)) or "no column",
        )


def _columns_of_labels(
    path: str, names: Sequence[str], table_format: TableFormat, with_labels: bool | None
) -> tuple[str, ...]:
    """The columns of the labels; empty if there are none or they are not read."""
    if with_labels is False:
        return ()
    if table_format.label_columns:
        there = all(name in names for name in table_format.label_columns)
        return table_format.label_columns if there or with_labels else ()
    if table_format.label_column:
        there = table_format.label_column in names
        return (table_format.label_column,) if there or with_labels else ()
    known = (table_format.trained_label, *_LABEL_COLUMNS[table_format.problem_type])
    usual = tuple(dict.fromkeys(filter(None, known)))
    found = next((name for name in usual if name in names), None)
    if found is None and with_labels:
        raise ValueError(
            f"{path}:1: no column has a usual name for labels ({', '.join(usual)}): "
            f"is it a test file? The columns are: {', '.join(names)}. Name the column, for example "
            f"--config.task.label_column='{names[-1]}'."
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
      [E,S], `num_truncated_tokens`, `lines` [E] (the lines of the examples in their file) and, if
      the examples have labels, their `label_ids`.
      `num_truncated` is the number of examples that lost tokens because they are longer than
      `max_seq_length`; it is also logged.
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
    """The batches of `in_memory.make_array_dataset` (see there for other arguments).

    Args:
      arrays: from `encode_examples`.
      label: replaces missing labels, with weight 0; has the dtype and shape of the labels of the
        training data.

    Returns:
      A dataset of dicts: `input_ids`, `input_mask`, `segment_ids` int32 [b,S], `label_ids` [b]
      (as in `Examples`), `label_weights` float32 [b]: 1 for a labelled example, 0 for an example
      without label and for a row that fills the batch; `row_ids` and, with `widths`, `width_index`.

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
    # A distillation also has rows without labels (`bert_tf.distillation.rows`).
    rows |= {name: arrays[name] for name in ("label_weights", "soft_weights") if name in arrays}
    return make_array_dataset(
        rows,
        weights="label_weights",
        batch_slice=batch_slice,
        seed=seed,
        training=training,
        start_row=start_row,
        widths=widths,
    )
