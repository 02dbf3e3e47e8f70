"""Packs several short examples into one row, for less padding.

Shapes: N examples, R rows, E: the most examples in a row.
"""

import numpy as np

from bert_tf.data.ranges import offsets_of, ranges
from bert_tf.data.records.row_tables import Rows


def pack(lengths: np.ndarray, max_length: int, max_examples: int) -> np.ndarray:
    """Puts examples into rows: the longest first, each into the fullest row that has room for it.

    Args:
      lengths: int64 [N], at most `max_length`.
      max_length: tokens of a row.
      max_examples: E.

    Returns:
      int64 [R, E], the examples of each row, ascending, then -1. Rows are sorted by their first
      example, so they nearly keep the order of the input.

    Reference: best-fit decreasing, as in Krell et al. 2021, "Efficient Sequence Packing".
    """
    by_room = [[] for _ in range(max_length + 1)]  # rows that can take another example
    rows = []
    for example in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[example])
        room = next((room for room in range(length, max_length + 1) if by_room[room]), None)
        if room is None:
            rows.append([])
        row = len(rows) - 1 if room is None else by_room[room].pop()
        rows[row].append(example)
        if len(rows[row]) < max_examples:
            by_room[(max_length if room is None else room) - length].append(row)
    table_RE = np.full((len(rows), max_examples), -1, np.int64)
    for row, examples in enumerate(rows):
        table_RE[row, : len(examples)] = sorted(examples)
    return table_RE[np.argsort(table_RE[:, 0])]


def join(table: Rows, rows_RE: np.ndarray, numbers: np.ndarray) -> Rows:
    """Joins rows of one example to packed rows.

    Args:
      table: N rows of one example.
      rows_RE: int64 [R, E], the examples of each row, then -1.
      numbers: int64 [N], the number of each example in the data set.

    Returns:
      R rows of up to E examples.
    """
    there_RE = rows_RE >= 0
    order = rows_RE[there_RE]
    lengths = np.diff(table.offsets)[order]
    tokens = ranges(table.offsets[order], lengths)
    ends = offsets_of(lengths)

    def spread(values: np.ndarray) -> np.ndarray:
        columns_RE = np.zeros(rows_RE.shape, values.dtype)
        columns_RE[there_RE] = values[order]
        return columns_RE

    return Rows(
        input_ids=table.input_ids[tokens],
        segment_ids=table.segment_ids[tokens],
        offsets=ends[offsets_of(there_RE.sum(axis=1))],
        next_sentence_labels=spread(table.next_sentence_labels[:, 0]),
        example_lengths=spread(table.example_lengths[:, 0]),
        example_indices=spread(numbers),
    )
