"""Model Garden's BERT, pretrained for some minutes on records with static masks.

Its model, its AdamW and its warm-up, with the settings of one of our configs: what `recipes` sets
beside our own training. Keras 2, see `garden_step`.
"""

import json
import math
import time
from typing import Any

import tensorflow as tf
import tf_keras
from official.modeling.optimization import lr_schedule

from benchmarks import synthetic
from benchmarks.contestants import garden_step
from bert_tf.files import write_lines
from bert_tf.measuring import timing

_TIMED_STEPS = 20
_STEPS_PER_LINE = 50
_NUM_EVALS = 5
_SHUFFLED_ROWS = 20_000
_EVAL_BATCH = 64


def make_round(settings: dict[str, Any]):
    """(trains for `minutes`, writes `output` and returns sequences/s, info).

    `settings` has `config`, `train_files`, `eval_files`, `eval_length`, `eval_slots`, `minutes` and
    `output`, a file like metrics.jsonl of ours.
    """
    tf_keras.mixed_precision.set_global_policy(settings["config"]["train"]["dtype"])
    tf_keras.utils.set_random_seed(settings["config"]["train"]["seed"])
    info = {"steps": _steps_in_time(settings)}
    batch_size = settings["config"]["train"]["global_batch_size"]
    amount = info["steps"] * batch_size
    return timing.rate_of(lambda: _train(settings, info["steps"]), amount), info


def _steps_in_time(settings: dict[str, Any]) -> int:
    """How many steps fit, from the time of some with another model on random batches."""
    config = settings["config"]
    data = tf.data.Dataset.from_tensor_slices(synthetic.batches(config))
    iterator = iter(data.map(garden_step.as_garden_names).repeat())
    train_steps = garden_step.make_train_steps(garden_step.make_model(config), config, 0.0)
    train_steps(iterator, tf.constant(1)).numpy()
    start = time.perf_counter()
    train_steps(iterator, tf.constant(_TIMED_STEPS)).numpy()
    return int(settings["minutes"] * 60.0 / (time.perf_counter() - start) * _TIMED_STEPS)


def _train(settings: dict[str, Any], num_steps: int) -> None:
    config = settings["config"]
    model = garden_step.make_model(config)
    train_steps = garden_step.make_train_steps(model, config, _schedule(config, num_steps))
    data, batch_size = config["data"], config["train"]["global_batch_size"]
    slots = config["task"]["max_predictions_per_seq"]
    rows = _rows(settings["train_files"], data["max_seq_length"], slots)
    rows = rows.shuffle(_SHUFFLED_ROWS, seed=config["train"]["seed"]).repeat()
    batches = rows.batch(batch_size, drop_remainder=True)
    iterator = iter(batches.map(garden_step.as_garden_names).prefetch(2))
    lines, eval_every = [], math.ceil(num_steps / _NUM_EVALS)
    step = 0
    while step < num_steps:
        count = min(_STEPS_PER_LINE, num_steps - step, eval_every - step % eval_every)
        start = time.perf_counter()
        masked_lm, next_sentence = train_steps(iterator, tf.constant(count)).numpy().tolist()
        seconds, step = time.perf_counter() - start, step + count
        lines.append(
            {
                "step": step,
                "masked_lm_loss": masked_lm,
                "next_sentence_loss": next_sentence,
                "examples_per_second": count * batch_size / seconds,
            }
        )
        if step % eval_every == 0 or step == num_steps:
            lines.append({"step": step, **_evaluate(model, settings)})
            print(lines[-1], flush=True)
    write_lines(settings["output"], map(json.dumps, lines))


def _schedule(config: dict[str, Any], num_steps: int):
    """Their linear decay with their linear warm-up."""
    peak = config["optimizer"]["learning_rate"]
    decay = tf_keras.optimizers.schedules.PolynomialDecay(peak, num_steps, 0.0)
    warmup = int(config["optimizer"]["warmup_proportion"] * num_steps)
    return lr_schedule.LinearWarmup(decay, warmup_steps=warmup, warmup_learning_rate=0.0)


def _rows(files: list[str], length: int, slots: int) -> tf.data.Dataset:
    per_token = ("input_ids", "input_mask", "segment_ids")
    spec = {name: tf.io.FixedLenFeature([length], tf.int64) for name in per_token}
    for name in ("masked_lm_positions", "masked_lm_ids"):
        spec[name] = tf.io.FixedLenFeature([slots], tf.int64)
    spec["masked_lm_weights"] = tf.io.FixedLenFeature([slots], tf.float32)
    spec["next_sentence_labels"] = tf.io.FixedLenFeature([1], tf.int64)

    def parse(record):
        row = tf.io.parse_single_example(record, spec)
        return {n: tf.cast(v, tf.int32) if v.dtype == tf.int64 else v for n, v in row.items()}

    return tf.data.TFRecordDataset(files).map(parse, num_parallel_calls=2)


def _evaluate(model: tf_keras.Model, settings: dict[str, Any]) -> dict[str, float]:
    @tf.function
    def sums(batch):
        outputs = model(batch, training=False)
        logits, weights = tf.cast(outputs["mlm_logits"], tf.float32), batch["masked_lm_weights"]
        labels = batch["masked_lm_ids"]
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        hits = tf.cast(tf.argmax(logits, -1, output_type=tf.int32) == labels, tf.float32)
        return [tf.reduce_sum(x * weights) for x in (losses, hits, tf.ones_like(hits))]

    rows = _rows(settings["eval_files"], settings["eval_length"], settings["eval_slots"])
    batches = rows.batch(_EVAL_BATCH).map(garden_step.as_garden_names)
    parts = [[float(value) for value in sums(batch)] for batch in batches]
    loss, hits, count = map(sum, zip(*parts, strict=True))
    return {"eval_masked_lm_loss": loss / count, "eval_masked_lm_accuracy": hits / count}
