"""Learning rates as functions of the number of finished optimizer steps."""

import tensorflow as tf


def linear_warmup_decay(
    step: tf.Tensor, *, peak: float, num_warmup_steps: int, num_train_steps: int
) -> tf.Tensor:
    """Rises from 0 to `peak` in the warm-up, falls in a straight line to 0 at the last step.

    Args:
      step: finished optimizer steps, any integer dtype, scalar; the first update sees 0.
      peak: the highest rate.
      num_warmup_steps: W; 0 for none.
      num_train_steps: T.

    Returns:
      float32 scalar: peak * step / W, then peak * (T - step) / (T - W), never below 0.

    Reference: Devlin et al. 2018, appendix A.2.
    """
    step = tf.cast(step, tf.float32)
    rising = step / max(num_warmup_steps, 1)
    falling = (num_train_steps - step) / max(num_train_steps - num_warmup_steps, 1)
    return peak * tf.maximum(tf.where(step < num_warmup_steps, rising, falling), 0.0)
