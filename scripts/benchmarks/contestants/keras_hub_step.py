"""keras-hub's masked LMs as contestants: `fit`, which has no next-sentence objective."""

from typing import Any

import keras
import keras_hub
import tensorflow as tf

from benchmarks import synthetic
from bert_tf import members
from bert_tf.config import as_json
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.measuring import timing


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
    """keras-hub's masked LM of the encoder; inputs that it does not have are not used."""
    train, optimizer = config["train"], config["optimizer"]
    model = as_json.from_dict(ExperimentConfig, config, where="config").model
    names = members.find("models", model.model_type).CHECKPOINT_NAMES["keras"]
    shape = {
        key: getattr(model, ours) - names.larger.get(ours, 0) for key, ours in names.config.items()
    }
    backbone = getattr(keras_hub.models, names.backbone)(**shape, dtype=train["dtype"])
    masked_lm = getattr(keras_hub.models, names.tasks["pretraining"])(backbone, preprocessor=None)
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
