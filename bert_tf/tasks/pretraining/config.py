"""The settings of pretraining."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from bert_tf.config import ranges
from bert_tf.config.task import Settings


@dataclasses.dataclass
class Config(Settings):
    """Masked LM, and next sentence if the data has its labels.

    Attributes:
      next_sentence: train the next-sentence head (the data must have its labels).
      max_predictions_per_seq: P, slots for masked tokens in a row.
      masked_lm_prob: share of the tokens that is predicted in training.
      eval_masked_lm_prob: the same in evaluations, so that runs with other shares compare.
      do_whole_word_mask: mask all pieces of a word together.
      max_ngram: mask n-grams of up to this many words, 1/n as often as single words (ALBERT: 3).
        Needs do_whole_word_mask. 1: single words.
      position_range: rows shorter than this begin at a random position below it, so that short rows
        teach all positions (Kiyono et al. 2021). 0: all rows begin at position 0.
      skip_damaged_records: a record that cannot be read counts nothing, instead of ending the run.
        All other records keep their places. The number of skipped records is reported.
    """

    next_sentence: bool = True
    max_predictions_per_seq: int = 20
    masked_lm_prob: float = 0.15
    eval_masked_lm_prob: float = 0.15
    do_whole_word_mask: bool = False
    max_ngram: int = 1
    position_range: int = 0
    skip_damaged_records: bool = False

    TRAINED_BY: ClassVar[str] = "pretrain.py"
    SERVED_AS: ClassVar[str] = "fill_mask"
    RANGES: ClassVar[Mapping[str, ranges.Range]] = {
        "max_predictions_per_seq": ranges.AT_LEAST_ONE,
        "masked_lm_prob": ranges.SHARE,
        "eval_masked_lm_prob": ranges.SHARE,
        "max_ngram": ranges.AT_LEAST_ONE,
    }

    @property
    def predictions_per_row(self) -> int:
        """P."""
        return self.max_predictions_per_seq

    def task_class(self) -> type:
        """See `Settings.task_class`."""
        from bert_tf.tasks.pretraining.task import PretrainingTask

        return PretrainingTask

    def check(self, config: Any) -> None:
        """See `Settings.check`."""
        super().check(config)
        if self.max_ngram > 1 and not self.do_whole_word_mask:
            raise ValueError(
                f"task.max_ngram is {self.max_ngram}, but task.do_whole_word_mask is false; "
                "n-grams are of whole words: set it to true, or task.max_ngram to 1."
            )
        longest = config.model.longest_sequence
        if not 0 <= self.position_range <= longest:
            raise ValueError(
                f"task.position_range is {self.position_range}; expected 0, or at most "
                f"{longest}, the longest sequence of the model."
            )
