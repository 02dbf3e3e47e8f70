"""Replaced tokens (Clark et al. 2020): a discriminator finds the tokens that a generator replaced.

Shape suffixes: B batch, S sequence, P predictions.
"""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from bert_tf.config.masks import MaskSettings
from bert_tf.data.batches.order import BatchSlice
from bert_tf.tasks import losses
from bert_tf.tasks.masked_rows import LOSSES_OF_DATA, MaskedRows
from bert_tf.tasks.pretraining import Config as MaskedLanguageModel
from bert_tf.tasks.replaced_tokens import scores
from bert_tf.tasks.replaced_tokens.model import GENERATOR, ReplacedTokensModel
from bert_tf.tasks.task import Serve, make_task

_NUM_SHOWN = 4  # rows
_COUNTS = "score_counts"
# A discriminator that learns is far above this after the warm-up.
_COLLAPSED_AUC = 0.55


class ReplacedTokensTask(MaskedRows, Serve):
    """The generator learns the masked tokens; the discriminator learns which tokens were replaced.

    The losses are the generator's mean over the masked tokens and the discriminator's mean over all
    tokens except padding, times their weights. Samples of the generator have no gradient. A sampled
    token that equals the original counts as original.
    """

    loss_names = ("masked_lm_loss", "discriminator_loss")
    metric_names = (
        "discriminator_auc",
        "discriminator_accuracy",
        "discriminator_precision",
        "discriminator_recall",
        "masked_lm_accuracy",
        "sampled_accuracy",
        "replaced",
        *LOSSES_OF_DATA,
    )
    needs_draws = True

    def build_model(self) -> ReplacedTokensModel:
        """See `Task.build_model`."""
        return ReplacedTokensModel(self.config, self.facts)

    def loss_weights(self, batch):
        return {
            "masked_lm_loss": tf.reduce_sum(batch["masked_lm_weights"]),
            "discriminator_loss": tf.reduce_sum(_token_weights(batch)),
        }

    def compute_loss(self, outputs, batch):
        settings, weights_BS = self.config.task, _token_weights(batch)
        weights = self.loss_weights(batch)
        generator_loss = losses.weighted_cross_entropy(
            outputs["masked_lm_logits"], batch["masked_lm_ids"], batch["masked_lm_weights"]
        )
        losses_BS = tf.nn.sigmoid_cross_entropy_with_logits(
            tf.cast(outputs["is_replaced"], tf.float32),
            tf.cast(outputs["logits"], tf.float32),
        )
        sums = {
            "masked_lm_loss": settings.generator_weight * generator_loss,
            "discriminator_loss": settings.discriminator_weight
            * tf.reduce_sum(losses_BS * weights_BS),
        }
        return {name: (sums[name], weights[name]) for name in sums}

    def compute_metrics(self, outputs, batch):
        """Ratios, and what `scores.auc` takes."""
        is_replaced_BS, weights_BS = outputs["is_replaced"] > 0, _token_weights(batch)
        is_called_BS = outputs["logits"] > 0

        def weight_of(which_BS):
            return tf.reduce_sum(tf.where(which_BS, weights_BS, 0.0))

        found, all_tokens = weight_of(is_called_BS & is_replaced_BS), tf.reduce_sum(weights_BS)
        labels_BP, used_BP = batch["masked_lm_ids"], batch["masked_lm_weights"]
        used = tf.reduce_sum(used_BP)
        guessed = losses.weighted_hits(outputs["masked_lm_logits"], labels_BP, used_BP)
        drawn = tf.reduce_sum(tf.where(outputs["sampled_ids"] == labels_BP, used_BP, 0.0))
        logits_BS = outputs["logits"]
        return {
            "discriminator_auc": (tf.zeros([]), tf.zeros([])),  # of the counts: see `ratios`
            "discriminator_accuracy": (weight_of(is_called_BS == is_replaced_BS), all_tokens),
            "discriminator_precision": (found, weight_of(is_called_BS)),
            "discriminator_recall": (found, weight_of(is_replaced_BS)),
            "masked_lm_accuracy": (guessed, used),
            "sampled_accuracy": (drawn, used),
            "replaced": (weight_of(is_replaced_BS), all_tokens),
            **self.losses_of_data(batch),
            _COUNTS: scores.count_scores(logits_BS, is_replaced_BS, weights_BS),
        }

    @property
    def names(self):
        """The losses, the metrics, and a name for each of the counts."""
        counts = (f"{_COUNTS}_{number}" for number in range(scores.NUM_BINS))
        return (*self.loss_names, *self.metric_names, *counts)

    def stack(self, sums):
        """See `Learn.stack`."""
        named = [tf.stack(sums[name]) for name in (*self.loss_names, *self.metric_names)]
        return tf.concat([tf.stack(named), sums[_COUNTS]], axis=0)

    def ratios(self, totals):
        """As of every task; each loss without its weight, `loss` with both."""
        values = super().ratios(totals)
        values = {n: v for n, v in values.items() if not n.startswith(_COUNTS)}
        settings = self.config.task
        values["masked_lm_loss"] /= settings.generator_weight
        values["discriminator_loss"] /= settings.discriminator_weight
        values["discriminator_auc"] = scores.auc(totals[-scores.NUM_BINS :])
        return values

    def problem(self, values):
        """See `Learn.problem`: the discriminator gives the same answer for every token."""
        constant = scores.entropy(values["replaced"])
        loss, area = values["discriminator_loss"], values["discriminator_auc"]
        if not constant or area > _COLLAPSED_AUC or loss < 0.98 * constant:
            return ""
        return (
            f"the discriminator gives the same answer for every token: its loss is {loss:.3f} (a "
            f"constant answer: {constant:.3f}), its AUC is {area:.2f} (guessing: 0.50). It has "
            "collapsed, or has not begun to learn. If this does not change, start again with a "
            "lower optimizer.learning_rate or a longer optimizer.warmup_proportion."
        )

    def companions(self, model):
        """See `Task.companions`: the generator, as a masked LM."""
        generator = self.config.task.generator(self.config.model)
        if generator is None:
            return {}
        names = [field.name for field in dataclasses.fields(MaskSettings)]
        settings = {name: getattr(self.config.task, name) for name in names}
        task = MaskedLanguageModel(next_sentence=False, **settings)
        config = dataclasses.replace(self.config, model=generator, task=task)
        other = make_task(config, self.tokenizer)
        filler = other.build_model()
        _copy((model.generator, model.masked_lm), (filler.encoder, filler.masked_lm))
        return {GENERATOR: (other, filler)}

    def served(self, model):
        """See `Task.served`: the discriminator alone."""
        settings = dataclasses.replace(self.config.task, generator_layers=0.0)
        task = self.with_config(dataclasses.replace(self.config, task=settings))
        alone = task.build_model()
        _copy((model.encoder, model.replaced_tokens), (alone.encoder, alone.replaced_tokens))
        return task, alone

    def read(self, path, scratch):
        """See `MaskedRows.read`.

        Raises:
          ValueError: the model has no generator, which the scores need.
        """
        if not self.config.task.generator_layers:
            raise ValueError(
                "this model is a discriminator without its generator, which fills the masks, so it "
                "cannot be scored. Score the model folder of pretrain.py."
            )
        return super().read(path, scratch)

    def from_ids(self, outputs, batch):
        """See `Serve.from_ids`: without the columns that were added."""
        return {**outputs, "logits": outputs["logits"][:, : tf.shape(batch["input_ids"])[1]]}

    def decode(self, outputs, batch):
        """`tokens` string and `probabilities` float32 [B, S], of having been replaced.

        Where there is padding, the strings are empty.
        """
        is_token_BS = batch["input_mask"] > 0
        probs_BS = tf.sigmoid(tf.cast(outputs["logits"], tf.float32))
        return {
            "tokens": tf.where(is_token_BS, self.tokenizer.tokens_of(batch["input_ids"]), ""),
            "probabilities": tf.where(is_token_BS, probs_BS, 0.0),
        }

    def describe(self, row):
        """`{"tokens": [{"token": "cat", "replaced": 0.03}, ...]}`."""
        pairs = zip(row["tokens"], row["probabilities"], strict=True)
        return {
            "tokens": [
                {"token": token.decode(), "replaced": float(probability)}
                for token, probability in pairs
                if token
            ]
        }

    def show(self, model, data):
        """Rows with numbers for the masks: what the generator put there, and how it was judged."""
        part = BatchSlice(global_batch_size=_NUM_SHOWN)
        batch = next(iter(self.make_dataset(data, part, training=False)))
        outputs = model(batch)
        probs_BS = tf.sigmoid(tf.cast(outputs["logits"], tf.float32)).numpy()
        arrays = {name: values.numpy() for name, values in batch.items()}
        arrays["sampled_ids"] = outputs["sampled_ids"].numpy()
        return [
            self._show_row({name: values[row] for name, values in arrays.items()}, probs_BS[row])
            for row in np.flatnonzero(arrays["masked_lm_weights"].any(axis=1))
        ]

    def _show_row(self, row: dict[str, np.ndarray], probs: np.ndarray) -> dict[str, list[str]]:
        # The table may have more rows than there are tokens, and at first they are drawn too.
        count = self.config.model.vocab_size - len(self.tokenizer)
        names = (*self.tokenizer.tokens, *["(no token)"] * count)
        used = np.flatnonzero(row["masked_lm_weights"] > 0)
        places, expected, given = row["masked_lm_positions"][used], [], []
        for place, label, drawn in zip(
            places, row["masked_lm_ids"][used], row["sampled_ids"][used], strict=True
        ):
            is_original = "original" if label == drawn else "replaced"
            expected.append(f"{names[label]} / {names[drawn]}: {is_original}")
            given.append(f"replaced with {probs[place]:.2f}")
        return {
            "text": self.text_with_numbers(row["input_ids"], row["input_mask"], places),
            "expected": expected,
            "given": given,
        }


def _token_weights(batch: dict[str, tf.Tensor]) -> tf.Tensor:
    """float32 [B, S]: 1 for the tokens that the discriminator learns from.

    Of a row that fills up a batch only the first token is there, and it does not count.
    """
    length_B1 = tf.reduce_sum(batch["input_mask"], axis=1, keepdims=True)
    return tf.cast(batch["input_mask"] * tf.cast(length_B1 > 1, tf.int32), tf.float32)


def _copy(sources: Sequence[keras.layers.Layer], targets: Sequence[keras.layers.Layer]) -> None:
    """Assigns the weights of layers to those of others that have the same ones."""
    for source, target in zip(sources, targets, strict=True):
        for weight, other in zip(source.weights, target.weights, strict=True):
            other.assign(weight)
