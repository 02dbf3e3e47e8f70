"""Learning from masked rows: the common part of tasks with `config.masks.MaskSettings`.

Shape suffixes: B batch, S sequence, P predictions.
"""

import contextlib

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf.data.batches.pretraining import make_pretraining_dataset
from bert_tf.data.masks.masking import Masker
from bert_tf.data.masks.whole_words import check_has_words
from bert_tf.data.records import tf_example_files
from bert_tf.data.records.damaged import DamagedError
from bert_tf.data.records.mixing import Mixture
from bert_tf.data.records.shards import read_shard
from bert_tf.tasks.sets import Split
from bert_tf.tasks.task import Batch, Learn, Score, Sums

# Shares of what the data held and the training did not get; reported when there is any.
LOSSES_OF_DATA = ("predictions_left_out", "rows_skipped")


class MaskedRows(Learn, Score):
    """Reads folders made by create_pretraining_data.py and masks their rows.

    Class attributes:
      needs_draws: each prediction comes with random numbers (see `Masker`).
    """

    needs_draws = False

    @property
    def needs_labels(self) -> bool:
        """Whether the data must have labels of pairs."""
        return False

    def check_data(self, data, *, training):
        """Checks that the data (see `Mixture.open`) was made for this model.

        Evaluation data with static masks can have another length and number of predictions, so that
        one file can compare models of different recipes.

        Raises:
          ValueError: the data was made for another model.
        """
        config, mixture = self.config, Mixture.open(data)
        wanted = {}
        if training or mixture.first.static_masks is None:
            wanted["max_seq_length"] = config.data.max_seq_length
            wanted["max_predictions_per_seq"] = config.task.max_predictions_per_seq
        elif mixture.first.max_seq_length > config.model.longest_sequence:
            raise ValueError(
                f"{data}: rows of {mixture.first.max_seq_length} tokens, but the model takes "
                f"at most {config.model.longest_sequence}; evaluate on shorter rows"
            )
        mixture.check(
            vocabulary_sha256=self.tokenizer.identity, needs_labels=self.needs_labels, **wanted
        )
        if training:
            self._compare_rates(mixture)
        if config.task.do_whole_word_mask:
            self._check_has_words(mixture)

    def _check_has_words(self, mixture: Mixture) -> None:
        """Looks at the first shard of each data set whose masks are drawn here."""
        for part in mixture.parts:
            is_ours = "offset" not in part.manifest.shards[0]
            if part.manifest.static_masks is None and is_ours:
                with contextlib.suppress(DamagedError):  # which reading names, or passes over
                    rows = read_shard(part.folder, part.manifest, 0, len(self.tokenizer))
                    check_has_words(self.tokenizer, rows.input_ids, part.folder)

    def _compare_rates(self, mixture: Mixture) -> None:
        """Logs a warning if static masks have another rate than the settings."""
        rate = self.config.task.masked_lm_prob
        for folder, manifest in zip(mixture.folders, mixture.manifests, strict=True):
            stored = (manifest.static_masks or {}).get("masked_lm_prob", rate)
            if stored != rate:
                logging.warning(
                    "%s: masks of %s of the tokens are stored; %s (masked_lm_prob) has no effect.",
                    folder,
                    stored,
                    rate,
                )

    def make_dataset(
        self, data: str | Mixture, batch_slice, *, training, start_row=0
    ) -> tf.data.Dataset:
        """See `Learn.make_dataset`.

        Evaluations all draw their masks from one seed and with one share, so that runs can be
        compared.

        Args:
          data: a folder made by scripts/create_pretraining_data.py, or several with weights (see
            `Mixture.open`).
          batch_slice, training, start_row: see `Learn.make_dataset`.

        Raises:
          ValueError: there is a head for pairs, and the data have no labels for it.
        """
        config = self.config.task
        mixture = Mixture.open(data)
        mixture.check(needs_labels=self.needs_labels)
        masker = Masker(
            self.tokenizer,
            seed=self.config.train.seed if training else 0,
            masked_lm_prob=config.masked_lm_prob if training else config.eval_masked_lm_prob,
            max_predictions_per_seq=config.max_predictions_per_seq,
            mask_share=config.mask_share,
            random_share=config.random_share,
            whole_word=config.do_whole_word_mask,
            max_ngram=config.max_ngram,
            has_draws=self.needs_draws,
        )
        return make_pretraining_dataset(
            mixture,
            masker,
            batch_slice=batch_slice,
            position_range=config.position_range,
            training=training,
            start_row=start_row,
            skip_damaged=config.skip_damaged_records,
        )

    def losses_of_data(self, batch: Batch) -> Sums:
        """Of `LOSSES_OF_DATA`: predictions without a slot, and rows without text."""
        used_BP = batch["masked_lm_weights"]
        left_out = tf.cast(tf.reduce_sum(batch.get("masked_lm_left_out", 0)), tf.float32)
        is_skipped_B = tf.cast(batch.get("is_skipped", tf.zeros_like(used_BP[:, 0])), tf.float32)
        return {
            "predictions_left_out": (left_out, left_out + tf.reduce_sum(used_BP)),
            "rows_skipped": (
                tf.reduce_sum(is_skipped_B),
                tf.cast(tf.size(is_skipped_B), tf.float32),
            ),
        }

    def ratios(self, totals):
        """See `Learn.ratios`. Losses of data are included only if they are not 0."""
        values = super().ratios(totals)
        return {n: v for n, v in values.items() if v or n not in LOSSES_OF_DATA}

    def read(self, path, scratch):
        """Data made by create_pretraining_data.py, or records of other projects.

        See `Score.read`; the index of records without a manifest is written to `scratch`.
        """
        data = tf_example_files.open_mixture(path, self.tokenizer, scratch)
        self.check_data(data, training=False)
        return Split(data, data)

    def text_with_numbers(self, ids: np.ndarray, mask: np.ndarray, places: np.ndarray) -> str:
        """The text of a row with numbers in brackets at some places.

        Args:
          ids, mask: int32 [S], `input_ids` and `input_mask` of the row.
          places: positions, in the order of the numbers.
        """
        texts, ids = self.tokenizer.token_texts, ids[: mask.sum()]
        gaps = [" " if begins else "" for begins in self.tokenizer.begins_word[ids]]
        pieces = [gap + texts[token] for gap, token in zip(gaps, ids, strict=True)]
        for number, place in enumerate(places, start=1):
            pieces[place] = f" [{number}]"
        return "".join(pieces).strip()

    def baselines(self, dataset):
        """`commonest_token_accuracy`: the accuracy of always guessing the most frequent label."""
        counts = np.zeros(self.config.model.vocab_size)
        for batch in dataset:
            used = batch["masked_lm_weights"].numpy() > 0
            counts += np.bincount(batch["masked_lm_ids"].numpy()[used], minlength=len(counts))
        return {"commonest_token_accuracy": float(counts.max() / max(counts.sum(), 1))}
