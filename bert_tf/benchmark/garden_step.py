"""Model Garden's BERT as a contestant: `BertPretrainerV2` and its AdamW in a `tf.function`.

Keras 2 (tf_keras): nothing of ours that imports Keras 3 may be imported here.
"""

from importlib import metadata
from typing import Any

import tensorflow as tf
import tf_keras
from official.modeling.optimization.legacy_adamw import AdamWeightDecay
from official.nlp.modeling import layers, models, networks

from bert_tf.benchmark import synthetic, timing


def make_round(settings: dict[str, Any]):
    """(does `steps_per_round` steps and returns sequences/s, info)."""
    config, count = settings["config"], settings["steps_per_round"]
    tf_keras.mixed_precision.set_global_policy(config["train"]["dtype"])
    data = tf.data.Dataset.from_tensor_slices(synthetic.batches(config)).map(_as_garden_names)
    iterator = iter(data.repeat())
    train_steps = _make_train_steps(config)

    def work():
        loss = train_steps(iterator, tf.constant(count)).numpy()
        if not loss < float("inf"):
            raise ValueError(f"Model Garden's loss is {loss}")

    info = {
        "trains": ["masked_lm_loss", "next_sentence_loss"],
        "version": metadata.version("tf-models-official"),
    }
    return timing.rate_of(work, count * config["train"]["global_batch_size"]), info


def _as_garden_names(batch):
    names = {
        "input_ids": "input_word_ids",
        "segment_ids": "input_type_ids",
        "next_sentence_labels": "next_sentence_labels",
    }
    return {names.get(name, name): rows for name, rows in batch.items()}


def _make_model(config: dict[str, Any]) -> tf_keras.Model:
    model = config["model"]
    initializer = tf_keras.initializers.TruncatedNormal(stddev=model["initializer_range"])
    encoder = networks.BertEncoderV2(
        vocab_size=model["vocab_size"],
        hidden_size=model["hidden_size"],
        num_layers=model["num_hidden_layers"],
        num_attention_heads=model["num_attention_heads"],
        max_sequence_length=model["max_position_embeddings"],
        type_vocab_size=model["type_vocab_size"],
        inner_dim=model["intermediate_size"],
        output_dropout=model["hidden_dropout_prob"],
        attention_dropout=model["attention_probs_dropout_prob"],
        initializer=initializer,
    )
    head = layers.ClassificationHead(
        model["hidden_size"], 2, initializer=initializer, name="next_sentence"
    )
    return models.BertPretrainerV2(
        encoder,
        mlm_activation=lambda x: tf_keras.activations.gelu(x, approximate=True),
        mlm_initializer=initializer,
        classification_heads=[head],
    )


def _make_train_steps(config: dict[str, Any]):
    optimizer_config = config["optimizer"]
    optimizer = AdamWeightDecay(
        optimizer_config["learning_rate"],
        beta_1=optimizer_config["beta_1"],
        beta_2=optimizer_config["beta_2"],
        epsilon=optimizer_config["epsilon"],
        weight_decay_rate=optimizer_config["weight_decay"],
        exclude_from_weight_decay=["LayerNorm", "layer_norm", "bias"],
        gradient_clip_norm=optimizer_config["clip_norm"],
    )
    model = _make_model(config)
    model(_as_garden_names(synthetic.batch(config, seed=0)))
    optimizer._create_all_weights(model.trainable_variables)  # XLA cannot create variables

    def step(batch):
        with tf.GradientTape() as tape:
            outputs = model(batch, training=True)
            loss = _loss(outputs, batch)
        gradients = tape.gradient(loss, model.trainable_variables)
        pairs = zip(gradients, model.trainable_variables, strict=True)
        optimizer.apply_gradients([(g, v) for g, v in pairs if g is not None])
        return loss

    step = tf.function(step, jit_compile=config["train"]["jit_compile"] or None)

    @tf.function
    def train_steps(iterator, num_steps):
        loss = tf.zeros(())
        for _ in tf.range(num_steps):
            loss = step(next(iterator))
        return loss

    return train_steps


def _loss(outputs, batch):
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits
    weights = batch["masked_lm_weights"]
    masked_lm = cross_entropy(batch["masked_lm_ids"], tf.cast(outputs["mlm_logits"], tf.float32))
    next_sentence = cross_entropy(
        batch["next_sentence_labels"][:, 0], tf.cast(outputs["next_sentence"], tf.float32)
    )
    mean = tf.math.divide_no_nan(tf.reduce_sum(masked_lm * weights), tf.reduce_sum(weights))
    return mean + tf.reduce_mean(next_sentence)
