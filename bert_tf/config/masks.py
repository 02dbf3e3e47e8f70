"""Settings of every task that learns from masked rows. Imports neither TensorFlow nor Keras."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from bert_tf.config import ranges
from bert_tf.config.task import Settings


@dataclasses.dataclass
class MaskSettings(Settings):
    """Which tokens are predicted, and what stands in their place.

    Attributes:
      max_predictions_per_seq: P, slots for masked tokens in a row.
      masked_lm_prob: share of the tokens to predict in training.
      eval_masked_lm_prob: share of the tokens to predict in evaluations. Evaluations compare only
        if it is equal.
      mask_share: share of the predicted tokens that become the mask token.
      random_share: share of the predicted tokens that become a token drawn from the vocabulary.
        The rest stays.
      do_whole_word_mask: mask all pieces of a word together.
      max_ngram: mask n-grams of up to this many words, 1/n as often as single words (ALBERT: 3).
        Needs do_whole_word_mask. 1: single words.
      position_range: rows shorter than this begin at a random position below it, so that short rows
        teach all positions (Kiyono et al. 2021). 0: all rows begin at position 0.
      skip_damaged_records: give a damaged record the weight 0 instead of ending the run. All other
        records keep their places. The number of skipped records is reported.
    """

    max_predictions_per_seq: int = 20
    masked_lm_prob: float = 0.15
    eval_masked_lm_prob: float = 0.15
    mask_share: float = 0.8
    random_share: float = 0.1
    do_whole_word_mask: bool = False
    max_ngram: int = 1
    position_range: int = 0
    skip_damaged_records: bool = False

    TRAINED_BY: ClassVar[str] = "pretrain.py"
    RANGES: ClassVar[Mapping[str, ranges.Range]] = {
        "max_predictions_per_seq": ranges.PREDICTIONS,
        "masked_lm_prob": ranges.SHARE,
        "eval_masked_lm_prob": ranges.SHARE,
        "mask_share": ranges.SHARE,
        "random_share": ranges.SHARE,
        "max_ngram": ranges.AT_LEAST_ONE,
    }

    @property
    def predictions_per_row(self) -> int:
        """P."""
        return self.max_predictions_per_seq

    def check(self, config: Any) -> None:
        """See `Settings.check`."""
        super().check(config)
        if self.max_ngram > 1 and not self.do_whole_word_mask:
            raise ValueError(
                f"task.max_ngram is {self.max_ngram}, but task.do_whole_word_mask is false; "
                "n-grams consist of whole words: set it to true, or task.max_ngram to 1."
            )
        if self.mask_share + self.random_share > 1 + 1e-9:
            raise ValueError(
                f"task.mask_share is {self.mask_share} and task.random_share "
                f"{self.random_share}; together they must be at most 1 (the rest stays as it is)."
            )
        longest = config.model.longest_sequence
        if not 0 <= self.position_range <= longest:
            raise ValueError(
                f"task.position_range is {self.position_range}; expected 0, or at most "
                f"{longest}, the longest sequence of the model."
            )
