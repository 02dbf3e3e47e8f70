"""Rows of tokens in memory. They are cut from a corpus, written to shards and read from shards.

Shapes: B rows of a batch, S tokens of a row, P predictions of a row, E examples of a row.
"""

import dataclasses

import numpy as np

_COLUMNS = ("input_ids", "segment_ids", "next_sentence_labels", "example_lengths")


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Masks that were drawn when the rows were made.

    Attributes:
      masked_lm_positions, masked_lm_ids: int32 [rows, P], 0 in unused slots.
      masked_lm_weights: float32 [rows, P], 0 in unused slots.
    """

    masked_lm_positions: np.ndarray
    masked_lm_ids: np.ndarray
    masked_lm_weights: np.ndarray


@dataclasses.dataclass(frozen=True)
class Rows:
    """Concatenated rows of different lengths.

    Attributes:
      input_ids: int32 [tokens of all rows].
      segment_ids: int8 [tokens of all rows].
      offsets: int64 [rows + 1]; row i is `input_ids[offsets[i]:offsets[i + 1]]`.
      next_sentence_labels, example_lengths: int32 [rows, E], 0 after the last example of a row.
      example_indices: int64 [rows, E], the number of each example in the data set; None if every
        row is one example.
      predictions: the masks in `input_ids`; None if `input_ids` has no masks yet.
    """

    input_ids: np.ndarray
    segment_ids: np.ndarray
    offsets: np.ndarray
    next_sentence_labels: np.ndarray
    example_lengths: np.ndarray
    example_indices: np.ndarray | None = None
    predictions: Predictions | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def padded(
        self, rows: np.ndarray, max_seq_length: int, pad_id: int = 0
    ) -> dict[str, np.ndarray]:
        """Pads some rows on the right: `input_ids` with `pad_id`, all other entries with 0.

        Args:
          rows: int64 [B], the rows.
          max_seq_length: S; no row can be longer.
          pad_id: the padding token of the tokenizer.

        Returns:
          int32 arrays: `input_ids`, `segment_ids` [B, S]; `next_sentence_labels`,
          `example_lengths` [B, E]; for packed rows also `example_indices`, int64 [B, E]; for rows
          with masks also the attributes of `Predictions`.
        """
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        real = np.arange(max_seq_length) < lengths[:, None]
        columns = np.arange(max_seq_length) + self.offsets[rows][:, None]
        batch = {}
        for name, filler in (("input_ids", pad_id), ("segment_ids", 0)):
            batch[name] = np.full(real.shape, filler, np.int32)
            batch[name][real] = getattr(self, name)[columns[real]]
        for name in ("next_sentence_labels", "example_lengths", "example_indices"):
            if getattr(self, name) is not None:
                batch[name] = getattr(self, name)[rows]
        if self.predictions is not None:
            batch |= {name: values[rows] for name, values in vars(self.predictions).items()}
        return batch


def concatenate(tables: list[Rows]) -> Rows:
    """Concatenates tables."""
    starts = np.cumsum([0] + [len(table.input_ids) for table in tables])
    offsets = [t.offsets[:-1] + start for t, start in zip(tables, starts, strict=False)]
    names = _COLUMNS if tables[0].example_indices is None else (*_COLUMNS, "example_indices")
    columns = {name: np.concatenate([getattr(table, name) for table in tables]) for name in names}
    if tables[0].predictions is not None:
        masks = [vars(table.predictions) for table in tables]
        joined = {name: np.concatenate([mask[name] for mask in masks]) for name in masks[0]}
        columns["predictions"] = Predictions(**joined)
    return Rows(offsets=np.concatenate([*offsets, starts[-1:]]), **columns)
