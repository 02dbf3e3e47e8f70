"""Dynamic loss scaling, which keeps small gradients from becoming 0 in float16.

Reference: Micikevicius et al. 2018, section 3.2. The all-reduced gradient shows whether a step
overflowed, so all replicas decide the same.
"""

from collections.abc import Sequence

import tensorflow as tf

INITIAL = 2.0**15
LARGEST = 2.0**24
GROW_EVERY = 2000  # consecutive steps without overflow


class LossScale:
    """The scale, and the steps since its last change. Create it in the strategy's scope."""

    def __init__(self):
        self.value = _variable(tf.constant(INITIAL), "loss_scale")
        self._good_steps = _variable(tf.constant(0, tf.int64), "loss_scale_good_steps")

    def variables(self) -> dict[str, tf.Variable]:
        """{path: variable} for the checkpoint."""
        return {"loss_scale": self.value, "loss_scale_good_steps": self._good_steps}

    def scale(self, loss: tf.Tensor) -> tf.Tensor:
        """The loss to differentiate."""
        return loss * tf.convert_to_tensor(self.value)

    def unscale(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The gradients of the unscaled loss. The scale is a power of 2, so this is exact."""
        inverse = 1.0 / tf.convert_to_tensor(self.value)
        return [gradient * inverse for gradient in gradients]

    def count_good_step(self) -> None:
        """Doubles the scale after `GROW_EVERY` steps without overflow."""
        good = tf.convert_to_tensor(self._good_steps) + 1
        value = tf.convert_to_tensor(self.value)
        is_time = good >= GROW_EVERY
        self.value.assign(tf.where(is_time, tf.minimum(2.0 * value, LARGEST), value))
        self._good_steps.assign(tf.where(is_time, tf.zeros_like(good), good))

    def can_shrink(self) -> tf.Tensor:
        """False at 1, because an overflow without a scale has another cause."""
        return tf.convert_to_tensor(self.value) > 1.0

    def shrink(self) -> bool:
        """Halves the scale after an overflow."""
        self.value.assign(tf.convert_to_tensor(self.value) / 2.0)
        self._good_steps.assign(tf.zeros([], tf.int64))
        return True


def _variable(initial: tf.Tensor, name: str) -> tf.Variable:
    return tf.Variable(initial, trainable=False, name=name, aggregation=tf.VariableAggregation.NONE)
