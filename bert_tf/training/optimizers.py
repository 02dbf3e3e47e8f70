"""AdamW as BERT uses it: a pure update function and the class that keeps its slots.

The slots are plain variables named `<path>/m` and `<path>/v`, so that a checkpoint is a flat dict.
Every replica updates its own copy from the same all-reduced gradient: no second all-reduce.
"""

import math
import re
from collections.abc import Mapping, Sequence

import tensorflow as tf

from bert_tf.config import OptimizerConfig

# google-research/bert, optimization.py: these take no weight decay.
_NOT_DECAYED = re.compile(r"LayerNorm|bias")


def adamw_update(
    weight: tf.Tensor,
    gradient: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
    *,
    step: tf.Tensor,
    learning_rate: tf.Tensor,
    weight_decay: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    bias_correction: bool,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """One step of Adam with decoupled weight decay.

    Args:
      weight, gradient, m, v: float32 of one shape: the weight, its gradient, both moments.
      step: number of this update, from 1 (only used for the bias correction).
      learning_rate: float32 scalar.
      weight_decay: 0 for none.
      beta_1, beta_2, epsilon: of Adam.
      bias_correction: divide the moments by 1 - beta^step (Kingma and Ba 2015, algorithm 1);
        google-research/bert does not.

    Returns:
      The new (weight, m, v).

    Reference: Loshchilov and Hutter 2019, algorithm 2.
    """
    m = beta_1 * m + (1.0 - beta_1) * gradient
    v = beta_2 * v + (1.0 - beta_2) * tf.square(gradient)
    m_hat, v_hat = m, v
    if bias_correction:
        m_hat = m / _one_minus_power(beta_1, step)
        v_hat = v / _one_minus_power(beta_2, step)
    update = m_hat / (tf.sqrt(v_hat) + epsilon) + weight_decay * weight
    return weight - learning_rate * update, m, v


def _one_minus_power(beta: float, step: tf.Tensor) -> tf.Tensor:
    """1 - beta^step without the cancellation of float32 for beta near 1."""
    return -tf.math.expm1(tf.cast(step, tf.float32) * math.log(beta))


def is_decayed(path: str) -> bool:
    """Whether the variable at `path` takes weight decay: not biases, not LayerNorms."""
    return not _NOT_DECAYED.search(path)


class AdamW:
    """The slots of every weight, and the update of all of them.

    Args:
      config: the optimizer config.
      weights: {path: variable}. Slots are created here: call it in the strategy's scope.
    """

    def __init__(self, config: OptimizerConfig, weights: Mapping[str, tf.Variable]):
        self._config = config
        self._weights = dict(weights)
        self.decayed = [path for path in weights if is_decayed(path) and config.weight_decay]
        self.slots = {
            f"{path}/{slot}": _zeros_like(weight, f"{path}/{slot}")
            for path, weight in weights.items()
            for slot in ("m", "v")
        }

    def apply(
        self, gradients: Sequence[tf.Tensor], *, step: tf.Tensor, learning_rate: tf.Tensor
    ) -> None:
        """Updates this replica's weights and slots from the reduced `gradients`, in their order."""
        config = self._config
        for (path, weight), gradient in zip(self._weights.items(), gradients, strict=True):
            m, v = self.slots[f"{path}/m"], self.slots[f"{path}/v"]
            new_weight, new_m, new_v = adamw_update(
                tf.convert_to_tensor(weight),
                gradient,
                tf.convert_to_tensor(m),
                tf.convert_to_tensor(v),
                step=step,
                learning_rate=learning_rate,
                weight_decay=config.weight_decay if path in self.decayed else 0.0,
                beta_1=config.beta_1,
                beta_2=config.beta_2,
                epsilon=config.epsilon,
                bias_correction=config.bias_correction,
            )
            weight.assign(new_weight)
            m.assign(new_m)
            v.assign(new_v)


def _zeros_like(weight: tf.Variable, name: str) -> tf.Variable:
    return tf.Variable(
        tf.zeros(weight.shape, weight.dtype),
        trainable=False,
        name=name.replace("/", "_"),
        aggregation=tf.VariableAggregation.NONE,
    )
