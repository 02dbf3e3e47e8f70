"""keras-hub's BERT as a contestant: `BertMaskedLM.fit`, which has no next-sentence objective."""

from typing import Any

import keras
import keras_hub
import tensorflow as tf

from benchmarks import synthetic, timing


def make_round(settings: dict[str, Any]):
    """(does `steps_per_round` steps and returns sequences/s, info)."""
    config, count = settings["config"], settings["steps_per_round"]
    model = _compiled_model(config)
    data = tf.data.Dataset.from_tensor_slices(synthetic.batches(config)).map(_as_keras_hub_names)
    data = data.repeat()
    work = lambda: model.fit(data, steps_per_epoch=count, verbose=0)  # noqa: E731
    info = {"trains": ["masked_lm_loss"], "version": keras_hub.__version__}
    return timing.rate_of(work, count * config["train"]["global_batch_size"]), info


def _as_keras_hub_names(batch):
    inputs = {
        "token_ids": batch["input_ids"],
        "padding_mask": batch["input_mask"],
        "segment_ids": batch["segment_ids"],
        "mask_positions": batch["masked_lm_positions"],
    }
    return inputs, batch["masked_lm_ids"], batch["masked_lm_weights"]


def _compiled_model(config: dict[str, Any]) -> keras.Model:
    model, train, optimizer = config["model"], config["train"], config["optimizer"]
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=model["vocab_size"],
        num_layers=model["num_hidden_layers"],
        num_heads=model["num_attention_heads"],
        hidden_dim=model["hidden_size"],
        intermediate_dim=model["intermediate_size"],
        dropout=model["hidden_dropout_prob"],
        max_sequence_length=model["max_position_embeddings"],
        num_segments=model["type_vocab_size"],
        dtype=train["dtype"],
    )
    masked_lm = keras_hub.models.BertMaskedLM(backbone, preprocessor=None)
    adamw = keras.optimizers.AdamW(
        optimizer["learning_rate"],
        weight_decay=optimizer["weight_decay"],
        beta_1=optimizer["beta_1"],
        beta_2=optimizer["beta_2"],
        epsilon=optimizer["epsilon"],
        global_clipnorm=optimizer["clip_norm"] or None,
    )
    masked_lm.compile(optimizer=adamw, jit_compile=train["jit_compile"])
    return masked_lm
