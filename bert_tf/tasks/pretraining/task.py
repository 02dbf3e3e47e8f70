"""Masked LM and next sentence (Devlin et al. 2018, section 3.1).

Shape suffixes: B batch, S sequence, P predictions, E examples in a packed row, D hidden,
V vocabulary, K best guesses.
"""

import keras
import numpy as np
import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.config.task import Facts
from bert_tf.data.batches.order import BatchSlice
from bert_tf.tasks import beliefs, losses
from bert_tf.tasks.beliefs import LOG_ODDS, Belief, Explain
from bert_tf.tasks.masked_rows import LOSSES_OF_DATA, MaskedRows
from bert_tf.tasks.task_model import TaskModel, encoder_inputs, make_encoder
from bert_tf.tasks.teaching import Teach
from bert_tf.tokenization.tokenizer import Tokenizer

NUM_GUESSES = 5
_NUM_SHOWN = 4  # rows


class PretrainingModel(TaskModel):
    """An encoder with the masked-LM head and, on request, the next-sentence head.

    Call arguments:
      batch: dict with `input_ids`, any other inputs of the encoder, and `masked_lm_positions` int32
        [B, P] (without them the model predicts every position).
      dropout_seed: int32 [2]; None for no dropout.

    Returns:
      The encoder's outputs, `masked_lm_logits` [B, P, V], and `next_sentence_logits` [B, E, 2].
    """

    def __init__(
        self, config: ExperimentConfig, facts: Facts | None = None, *, name: str = "pretraining"
    ):
        super().__init__(config, facts, name=name)
        self.encoder = make_encoder(config)
        self.masked_lm = self.encoder.masked_lm_head()
        self.next_sentence = None
        if config.task.next_sentence:
            self.next_sentence = self.encoder.next_sentence_head()
        with keras.name_scope("cls"):
            self.masked_lm.build()
            if self.next_sentence is not None:
                self.next_sentence.build()
        self.built = True

    def call(self, batch, dropout_seed=None):
        outputs = self.encoder(
            **encoder_inputs(batch, self.config.model), dropout_seed=dropout_seed
        )
        outputs["masked_lm_logits"] = self.masked_lm(
            outputs["sequence_output"],
            tf.convert_to_tensor(self.encoder.word_embeddings),
            batch.get("masked_lm_positions"),
        )
        if self.next_sentence is not None:
            outputs["next_sentence_logits"] = self.next_sentence(outputs["pooled_output"])
        return outputs


class PretrainingTask(MaskedRows, Teach, Explain):
    """Predicts the masked tokens and whether the second text follows the first.

    For data with the objective `sentence_order` the same head learns whether the two texts were
    swapped (Lan et al. 2019, section 3.1). The objective `none` has no such head
    (`task.next_sentence` is false).
    """

    keeps_special_tokens = True
    belief_inputs = ("masked_lm_positions",)
    belief_unit = LOG_ODDS

    def __init__(self, config: ExperimentConfig, tokenizer: Tokenizer, facts: Facts):
        super().__init__(config, tokenizer, facts)
        if config.task.next_sentence and not config.model.use_pooler:
            raise ValueError(
                "task.next_sentence is true, but model.use_pooler is false, and the next-sentence "
                "head reads the pooled output: set both to true or both to false."
            )
        heads = ("masked_lm", "next_sentence") if config.task.next_sentence else ("masked_lm",)
        self.loss_names = tuple(f"{head}_loss" for head in heads)
        self.metric_names = (*(f"{head}_accuracy" for head in heads), *LOSSES_OF_DATA)

    def build_model(self) -> PretrainingModel:
        """See `Task.build_model`."""
        return PretrainingModel(self.config, self.facts)

    @property
    def needs_labels(self):
        """See `MaskedRows.needs_labels`."""
        return self.config.task.next_sentence

    def loss_weights(self, batch):
        names = [name.removesuffix("_loss") for name in self.loss_names]
        return {f"{name}_loss": tf.reduce_sum(batch[f"{name}_weights"]) for name in names}

    def compute_loss(self, outputs, batch):
        return self._sums(losses.weighted_cross_entropy, "loss", outputs, batch)

    def compute_metrics(self, outputs, batch):
        """Accuracies, and the shares of predictions without a slot and of rows without text."""
        hits = self._sums(losses.weighted_hits, "accuracy", outputs, batch)
        return {**hits, **self.losses_of_data(batch)}

    def soft_scores(self, outputs, batch):
        """See `Teach.soft_scores`: the logits of the masked tokens."""
        del batch
        return outputs["masked_lm_logits"]

    def soft_weights(self, batch):
        """See `Teach.soft_weights`."""
        return batch["masked_lm_weights"]

    def _sums(self, function, name, outputs, batch):
        weights = self.loss_weights(batch)
        sums = {
            "masked_lm": function(
                outputs["masked_lm_logits"], batch["masked_lm_ids"], batch["masked_lm_weights"]
            )
        }
        if self.config.task.next_sentence:
            labels = batch["next_sentence_labels"]
            logits = outputs["next_sentence_logits"]
            logits = tf.reshape(logits, (*labels.shape, 2))  # [B, 2] is [B, 1, 2]
            sums["next_sentence"] = function(logits, labels, batch["next_sentence_weights"])
        return {f"{head}_{name}": (sums[head], weights[f"{head}_loss"]) for head in sums}

    def encode(self, texts, text_pairs=None):
        """Encodes text in which [MASK] stands for a word to guess."""
        batch = self.tokenizer.encode(
            texts,
            text_pairs,
            max_seq_length=self.config.data.max_seq_length,
            pad=False,
            keep_special_tokens=self.keeps_special_tokens,
        )
        mask_id = self.tokenizer.mask_id
        is_mask_BS = tf.equal(batch["input_ids"], mask_id)
        positions_BS = tf.broadcast_to(
            tf.range(tf.shape(is_mask_BS)[1]), tf.shape(is_mask_BS, out_type=tf.int32)
        )
        ragged = tf.ragged.boolean_mask(positions_BS, is_mask_BS)
        batch["masked_lm_positions"] = ragged.to_tensor()
        batch["masked_lm_weights"] = tf.ones_like(ragged, tf.float32).to_tensor()
        return batch

    def from_ids(self, outputs, batch):
        """Selects the scores at the mask tokens from the scores at every position."""
        logits_BSV, positions_BP = outputs["masked_lm_logits"], batch["masked_lm_positions"]
        return {**outputs, "masked_lm_logits": tf.gather(logits_BSV, positions_BP, batch_dims=1)}

    def decode(self, outputs, batch):
        """The best guesses for each mask token of a row, in order; unused slots are empty strings.

        `tokens` string and `probabilities` float32, both [B, P, 5].
        """
        logits_BPV = tf.cast(outputs["masked_lm_logits"], tf.float32)
        logits_BPV = logits_BPV[..., : len(self.tokenizer)]
        probs_BPK, ids_BPK = tf.math.top_k(tf.nn.softmax(logits_BPV), k=NUM_GUESSES)
        used_BP1 = batch["masked_lm_weights"][..., tf.newaxis] > 0
        return {
            "tokens": tf.where(used_BP1, self.tokenizer.tokens_of(ids_BPK), ""),
            "probabilities": tf.where(used_BP1, probs_BPK, 0.0),
        }

    def describe(self, row):
        """`{"masks": [[{"token": "cat", "probability": 0.5}, ...], ...]}`: a list for each mask."""
        masks = [
            [
                {"token": token.decode(), "probability": float(probability)}
                for token, probability in zip(tokens, probabilities, strict=True)
            ]
            for tokens, probabilities in zip(row["tokens"], row["probabilities"], strict=True)
            if tokens[0]
        ]
        return {"masks": masks}

    def believed(self, outputs, batch, wanted=""):
        """See `Explain.believed`: the best token for each mask token, or the token `wanted`."""
        if wanted and wanted not in self.tokenizer.tokens:
            raise ValueError(f"{wanted!r} is no token of the vocabulary, so it is no guess.")
        logits_BPV = outputs["masked_lm_logits"][..., : len(self.tokenizer)]
        best_BP = tf.argmax(logits_BPV, axis=-1).numpy()
        if wanted:
            best_BP[:] = self.tokenizer.tokens.index(wanted)
        return [
            Belief(int(row), (int(slot), token), token, self.tokenizer.token_texts[token])
            for row, slot in np.argwhere(batch["masked_lm_weights"].numpy() > 0)
            for token in [int(best_BP[row, slot])]
        ]

    def name_of(self, answer):
        """See `Explain.name_of`."""
        return self.tokenizer.token_texts[answer]

    def belief(self, outputs, batch, places):
        """See `Explain.belief`: log odds of a token at a mask token."""
        del batch
        logits_BPV = outputs["masked_lm_logits"][..., : len(self.tokenizer)]
        logits_BV = tf.gather(logits_BPV, places[:, 0], batch_dims=1)
        best_B = tf.argmax(logits_BV, axis=-1, output_type=tf.int32)
        return beliefs.log_odds(logits_BV, places[:, 1]), best_B

    def show(self, model, data):
        """The first rows of `data`, with a number for each masked token, and the best guesses."""
        part = BatchSlice(global_batch_size=_NUM_SHOWN)
        batch = next(iter(self.make_dataset(data, part, training=False)))
        guesses = self.decode(model(batch), batch)["tokens"].numpy()[..., 0]
        arrays = {name: values.numpy() for name, values in batch.items()}
        return [
            self._show_row({name: values[row] for name, values in arrays.items()}, guesses[row])
            for row in np.flatnonzero(arrays["masked_lm_weights"].any(axis=1))
        ]

    def _show_row(self, row: dict[str, np.ndarray], guesses: np.ndarray) -> dict[str, list[str]]:
        names = self.tokenizer.tokens
        used = np.flatnonzero(row["masked_lm_weights"] > 0)
        places = row["masked_lm_positions"][used]
        return {
            "text": self.text_with_numbers(row["input_ids"], row["input_mask"], places),
            "expected": [names[token] for token in row["masked_lm_ids"][used]],
            "given": [guess.decode() for guess in guesses[used]],
        }
