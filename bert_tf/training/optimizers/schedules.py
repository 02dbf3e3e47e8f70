"""Learning rates as functions of the number of finished optimizer steps.

Every schedule rises linearly during the warm-up. Afterwards the rate falls from the peak to the end
rate: `shape(remaining)`, from 1 to 0, is a function of the share of the steps that remain.
"""

import math

import tensorflow as tf

from bert_tf.config.experiment import OptimizerConfig

# Functions of `remaining` (float32, 1 to 0) and of the config.
_SHAPES = {
    "linear": lambda remaining, config: remaining,
    "polynomial": lambda remaining, config: remaining**config.power,
    "cosine": lambda remaining, config: 0.5 * (1.0 - tf.cos(math.pi * remaining)),
    "constant": lambda remaining, config: tf.ones_like(remaining),
    "warmup_stable_decay": lambda remaining, config: remaining,
}


def learning_rate(
    step: tf.Tensor, config: OptimizerConfig, num_train_steps: int | tf.Tensor
) -> tf.Tensor:
    """The learning rate of the next update after `step` finished updates.

    Args:
      step: any integer dtype and shape; 0 for the first update.
      config: `schedule`, `learning_rate` (the peak), `end_learning_rate`, `warmup_proportion`; some
        schedules also use `power` or `decay_proportion`.
      num_train_steps: T; a tensor if the run decides it later.

    Returns:
      float32 of the shape of `step`: from 0 to the peak in the warm-up, the end rate from step T on
      (`constant` stays at the peak).

    References: linear, Devlin et al. 2018, appendix A.2; cosine, Loshchilov and Hutter 2017;
    warm-up, stable, decay, Hu et al. 2024 (MiniCPM), section 4, with a linear decay.
    """
    warmup = _share(config.warmup_proportion, num_train_steps)
    falling_from = warmup
    if config.schedule == "warmup_stable_decay":
        falling = _share(config.decay_proportion, num_train_steps)
        falling_from = tf.maximum(warmup, _float(num_train_steps) - falling)
    step, total = _float(step), _float(num_train_steps)
    remaining = (total - step) / tf.maximum(total - falling_from, 1.0)
    share = _SHAPES[config.schedule](tf.clip_by_value(remaining, 0.0, 1.0), config)
    peak, end = config.learning_rate, config.end_learning_rate
    return tf.where(
        step < warmup, peak * (step / tf.maximum(warmup, 1.0)), end + (peak - end) * share
    )


def _share(proportion: float, num_train_steps: int | tf.Tensor) -> tf.Tensor:
    """Whole steps, as in Python's int(proportion * steps); float32 would round some of them up."""
    steps = tf.cast(num_train_steps, tf.float64) * tf.constant(proportion, tf.float64)
    return _float(tf.floor(steps))


def _float(number: int | tf.Tensor) -> tf.Tensor:
    return tf.cast(number, tf.float32)
