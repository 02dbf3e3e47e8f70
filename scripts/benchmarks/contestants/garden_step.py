"""Model Garden's BERT as a contestant: `BertPretrainerV2` and its AdamW in a `tf.function`.

Keras 2 (tf_keras): nothing of ours that imports Keras 3 may be imported here.
"""

from importlib import metadata
from typing import Any

import tensorflow as tf
import tf_keras
from official.modeling.optimization.legacy_adamw import AdamWeightDecay
from official.nlp.modeling import layers, models, networks

from benchmarks import synthetic
from bert_tf.measuring import timing


def make_round(settings: dict[str, Any]):
    """(does `steps_per_round` steps and returns sequences/s, info)."""
    config, count = settings["config"], settings["steps_per_round"]
    tf_keras.mixed_precision.set_global_policy(config["train"]["dtype"])
    data = tf.data.Dataset.from_tensor_slices(synthetic.batches(config)).map(as_garden_names)
    iterator = iter(data.repeat())
    model = make_model(config)
    train_steps = make_train_steps(model, config, config["optimizer"]["learning_rate"])

    def work():
        loss = sum(train_steps(iterator, tf.constant(count)).numpy())
        if not loss < float("inf"):
            raise ValueError(f"Model Garden's loss is {loss}")

    info = {
        "trains": ["masked_lm_loss", "next_sentence_loss"],
        "version": metadata.version("tf-models-official"),
    }
    return timing.rate_of(work, count * config["train"]["global_batch_size"]), info


def as_garden_names(batch):
    """A batch of ours as `BertPretrainerV2` takes it."""
    names = {
        "input_ids": "input_word_ids",
        "segment_ids": "input_type_ids",
        "next_sentence_labels": "next_sentence_labels",
    }
    return {names.get(name, name): rows for name, rows in batch.items()}


def make_model(config: dict[str, Any]) -> tf_keras.Model:
    """Their pretrainer in the shape of `config`, an ExperimentConfig as nested dicts, built."""
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
    pretrainer = models.BertPretrainerV2(
        encoder,
        mlm_activation=lambda x: tf_keras.activations.gelu(x, approximate=True),
        mlm_initializer=initializer,
        classification_heads=[head],
    )
    pretrainer(as_garden_names(synthetic.batch(config, seed=0)))
    return pretrainer


def make_train_steps(model: tf_keras.Model, config: dict[str, Any], learning_rate):
    """Compiles steps of `model` with Model Garden's AdamW.

    Args:
      model: from `make_model`.
      config: its `optimizer` and `train.jit_compile`.
      learning_rate: a number, or a schedule of Keras 2.

    Returns:
      A function (iterator, number of steps) that trains, and returns the mean losses of these
      steps: masked LM, next sentence.
    """
    optimizer_config = config["optimizer"]
    optimizer = AdamWeightDecay(
        learning_rate,
        beta_1=optimizer_config["beta_1"],
        beta_2=optimizer_config["beta_2"],
        epsilon=optimizer_config["epsilon"],
        weight_decay_rate=optimizer_config["weight_decay"],
        exclude_from_weight_decay=["LayerNorm", "layer_norm", "bias"],
        gradient_clip_norm=optimizer_config["clip_norm"],
    )
    optimizer._create_all_weights(model.trainable_variables)  # XLA cannot create variables

    def step(batch):
        with tf.GradientTape() as tape:
            losses = losses_of(model(batch, training=True), batch)
            loss = tf.add_n(losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        pairs = zip(gradients, model.trainable_variables, strict=True)
        optimizer.apply_gradients([(g, v) for g, v in pairs if g is not None])
        return losses

    step = tf.function(step, jit_compile=config["train"]["jit_compile"] or None)

    @tf.function
    def train_steps(iterator, num_steps):
        sums = tf.zeros(2)
        for _ in tf.range(num_steps):
            sums += tf.stack(step(next(iterator)))
        return sums / tf.cast(num_steps, tf.float32)

    return train_steps


def losses_of(outputs, batch):
    """The mean losses of the masked tokens and of the pairs."""
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits
    weights = batch["masked_lm_weights"]
    masked_lm = cross_entropy(batch["masked_lm_ids"], tf.cast(outputs["mlm_logits"], tf.float32))
    next_sentence = cross_entropy(
        batch["next_sentence_labels"][:, 0], tf.cast(outputs["next_sentence"], tf.float32)
    )
    mean = tf.math.divide_no_nan(tf.reduce_sum(masked_lm * weights), tf.reduce_sum(weights))
    return [mean, tf.reduce_mean(next_sentence)]
