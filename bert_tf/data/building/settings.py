"""The settings of a data set: together with text and tokenizer, they decide its bytes."""

import dataclasses
from collections.abc import Sequence

from bert_tf.data.batches import order
from bert_tf.data.corpus.duplicates import Deduplication
from bert_tf.data.examples.objectives import OBJECTIVES
from bert_tf.data.records.release_format import StaticMasks

_SHORT_SEQ_PROB = {"next_sentence": 0.1, "sentence_order": 0.1, "none": 0.0}


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """How text becomes rows.

    Attributes:
      max_seq_length: the most tokens in a row.
      short_seq_prob: share of examples with a shorter random length; None: 0.1, or 0 for the
        objective "none".
      seed: of the examples, in [0, 2**32).
      dupe_factor: how many times the corpus is cut into examples, each time with other random
        numbers (10 in google-research/bert). A small corpus that is read for many epochs needs
        more than 1, because the model memorises repeated pairs.
      max_examples_per_row: more than 1 packs short examples into one row, for less padding. Losses
        and gradients do not change.
      objective: one of `OBJECTIVES`: BERT's next sentence, ALBERT's sentence order, or none.
      cross_documents: objective "none": an example may continue in the next document.
      static_masks: draw the masks now and write the records of google-research/bert
        (`release_format`). None: draw them when the records are read.
      deduplicate: which duplicates to remove; None: none.
      exclude: files or patterns of held-out text; its sentences are left out of the data.
      input_format: one of `documents.FORMATS`.
      shard_size: rows of a shard.
      may_truncate: build the data even if more than half of the tokens are cut away.

    Raises:
      ValueError: a setting is unknown or out of range.
    """

    max_seq_length: int = 128
    short_seq_prob: float | None = None
    seed: int = 0
    dupe_factor: int = 1
    max_examples_per_row: int = 1
    objective: str = "next_sentence"
    cross_documents: bool = True
    static_masks: StaticMasks | None = None
    deduplicate: Deduplication | None = None
    exclude: str | Sequence[str] = ()
    input_format: str = "auto"
    shard_size: int = order.ROWS_PER_SHARD
    may_truncate: bool = False

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise ValueError(
                f"objective is {self.objective!r}; it must be one of {', '.join(OBJECTIVES)}"
            )
        for name in ("dupe_factor", "max_examples_per_row", "shard_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.static_masks and self.max_examples_per_row > 1:
            raise ValueError(
                f"max_examples_per_row is {self.max_examples_per_row}; the format of static masks "
                "has one example a row: set it to 1, or do not store masks"
            )

    def of_manifest(self) -> dict:
        """These settings as the fields of a manifest, without `exclude`."""
        short_seq_prob = self.short_seq_prob
        if short_seq_prob is None:
            short_seq_prob = _SHORT_SEQ_PROB[self.objective]
        return {
            "objective": self.objective,
            "max_seq_length": self.max_seq_length,
            "short_seq_prob": short_seq_prob,
            "seed": self.seed,
            "cross_documents": self.cross_documents and self.objective == "none",
            "dupe_factor": self.dupe_factor,
            "max_examples_per_row": self.max_examples_per_row,
            "static_masks": self.static_masks.settings() if self.static_masks else None,
            "deduplicate": self.deduplicate.settings() if self.deduplicate else None,
            "shard_size": self.shard_size,
            "input_format": self.input_format,
        }
