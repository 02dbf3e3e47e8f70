"""Generator and discriminator (Clark et al. 2020, section 2).

Shape suffixes: B batch, S sequence, P predictions, V vocabulary.
"""

import contextlib
import inspect

import keras
import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.config.task import Facts
from bert_tf.layers.dropout import fold_in
from bert_tf.models.model import EncoderConfig
from bert_tf.tasks.replaced_tokens.sampling import put, sample
from bert_tf.tasks.task_model import TaskModel, encoder_inputs, make_encoder

GENERATOR = "generator"
_SEED_OF_GENERATOR = 2**16  # the discriminator's layers fold in smaller numbers


class ReplacedTokensModel(TaskModel):
    """A discriminator with its head and, in training, a generator with the masked-LM head.

    `encoder` is the discriminator. Variables of the generator have `generator/` in front;
    embeddings that both share have the discriminator's paths.

    Call arguments:
      batch: dict with `input_ids` and any other inputs of the encoder.
        With masked rows, as `MaskedRows` reads them, the generator fills the masks first:
        `masked_lm_positions`, `masked_lm_ids`, `masked_lm_weights` [B, P] and `masked_lm_draws`
        [B, P, 2].
      dropout_seed: int32 [2]; None for no dropout.

    Returns:
      The discriminator's outputs and `logits` [B, S]. With masked rows also the
      generator's `masked_lm_logits` [B, P, V], `sampled_ids` int32 [B, P], and `is_replaced` int32
      [B, S], 1 where what was sampled is not the original token.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        facts: Facts | None = None,
        *,
        name: str = "replaced_tokens",
    ):
        super().__init__(config, facts, name=name)
        self.encoder = make_encoder(config)
        self.replaced_tokens = self.encoder.replaced_token_head()
        self.replaced_tokens.build()
        self.generator = None
        generator_config = config.task.generator(config.model)
        if generator_config is not None:
            self._add_generator(generator_config)
        self.built = True

    def _add_generator(self, config: EncoderConfig) -> None:
        shared = {} if self.config.task.untied_generator_embeddings else self._shared_embeddings()
        self.generator = make_encoder(self.config, config, name=GENERATOR, **shared)
        self.masked_lm = self.generator.masked_lm_head()
        with contextlib.ExitStack() as scopes:
            for scope in (GENERATOR, "cls"):
                scopes.enter_context(keras.name_scope(scope))
            self.masked_lm.build()

    def _shared_embeddings(self) -> dict[str, keras.layers.Layer]:
        if "embeddings" not in inspect.signature(type(self.encoder)).parameters:
            raise ValueError(
                f"the encoder {self.config.model.model_type!r} cannot share its embeddings with a "
                "generator. Set task.untied_generator_embeddings to true."
            )
        return {"embeddings": self.encoder.embeddings}

    def call(self, batch, dropout_seed=None):
        outputs = {}
        if self.generator is not None and "masked_lm_positions" in batch:
            outputs = self._fill_masks(batch, fold_in(dropout_seed, _SEED_OF_GENERATOR))
            batch = {**batch, "input_ids": outputs.pop("filled_ids")}
        inputs = encoder_inputs(batch, self.config.model)
        outputs |= self.encoder(**inputs, dropout_seed=dropout_seed)
        outputs["logits"] = self.replaced_tokens(outputs["sequence_output"])
        return outputs

    def _fill_masks(self, batch: dict[str, tf.Tensor], dropout_seed) -> dict[str, tf.Tensor]:
        positions_BP, is_used_BP = batch["masked_lm_positions"], batch["masked_lm_weights"] > 0
        inputs = encoder_inputs(batch, self.generator.config)
        generated = self.generator(**inputs, dropout_seed=dropout_seed)
        table_VW = tf.convert_to_tensor(self.generator.word_embeddings)
        logits_BPV = self.masked_lm(generated["sequence_output"], table_VW, positions_BP)
        sampled_BP = sample(logits_BPV, batch["masked_lm_draws"])
        original_BS = put(batch["input_ids"], positions_BP, batch["masked_lm_ids"], is_used_BP)
        filled_BS = put(original_BS, positions_BP, sampled_BP, is_used_BP)
        return {
            "masked_lm_logits": logits_BPV,
            "sampled_ids": sampled_BP,
            "filled_ids": filled_BS,
            "is_replaced": tf.cast(filled_BS != original_BS, tf.int32),
        }
