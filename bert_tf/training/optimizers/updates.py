"""The update of one weight with each optimizer: pure functions of tensors.

A function returns the new weight and the new values of its slots, in the order of its arguments.
`optimizer` decides which weights have decay, and keeps the slots.
"""

import dataclasses
import math

import tensorflow as tf

# Shazeer and Stern 2018, section 9.
_ADAFACTOR_EPSILON_1 = 1e-30  # keeps the second moment above 0
_ADAFACTOR_EPSILON_2 = 1e-3  # the least root mean square of a weight in the relative step

# Jordan et al. 2024 (Muon): a x + b x^3 + c x^5. Five rounds of it move singular values from (0, 1]
# to between 0.7 and 1.2.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_QUINTIC_ROUNDS = 5


def sgd_update(
    weight: tf.Tensor, gradient: tf.Tensor, *, learning_rate: tf.Tensor, weight_decay: float
) -> tf.Tensor:
    """One step of gradient descent, with decoupled weight decay; no slots."""
    return weight - learning_rate * (gradient + weight_decay * weight)


@dataclasses.dataclass(frozen=True)
class Moments:
    """Adam's running means of the gradient (m) and of its square (v), and the update from them.

    Attributes:
      beta_1, beta_2: decay rates of m and v.
      epsilon: added to the root of v.
      corrections: float32 scalars, the factors of m and of the root of v; None for no correction.
    """

    beta_1: float
    beta_2: float
    epsilon: float
    corrections: tuple[tf.Tensor, tf.Tensor] | None

    @classmethod
    def at(
        cls, step: tf.Tensor, *, beta_1: float, beta_2: float, epsilon: float, corrected: bool
    ) -> "Moments":
        """The moments of update `step`, from 1. All weights of one pace can share them.

        With `corrected`, m and v are divided by 1 - beta^step (Kingma and Ba 2015, algorithm 1);
        google-research/bert does not.
        """
        corrections = None
        if corrected:  # factors, because a division takes longer
            factor = 1.0 / _one_minus_power(beta_1, step)
            corrections = factor, tf.math.rsqrt(_one_minus_power(beta_2, step))
        return cls(beta_1, beta_2, epsilon, corrections)

    def direction(
        self, gradient: tf.Tensor, m: tf.Tensor, v: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns Adam's update before the learning rate, the new m and the new v."""
        m = self.beta_1 * m + (1.0 - self.beta_1) * gradient
        v = self.beta_2 * v + (1.0 - self.beta_2) * tf.square(gradient)
        m_hat, root = m, tf.sqrt(v)
        if self.corrections:
            m_factor, root_factor = self.corrections
            m_hat, root = m_hat * m_factor, root * root_factor
        return m_hat / (root + self.epsilon), m, v


def _one_minus_power(beta: float, step: tf.Tensor) -> tf.Tensor:
    """1 - beta^step without the cancellation of float32 for beta near 1."""
    if beta == 0.0:
        return tf.constant(1.0)
    return -tf.math.expm1(tf.cast(step, tf.float32) * math.log(beta))


def adamw_update(
    weight: tf.Tensor,
    gradient: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
    *,
    moments: Moments,
    learning_rate: tf.Tensor,
    weight_decay: float,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """One step of Adam with decoupled weight decay.

    Args:
      weight, gradient, m, v: float32 of the same shape.
      moments: of this update.
      learning_rate: float32 scalar.
      weight_decay: 0 for none.

    Returns:
      The new (weight, m, v).

    Reference: Loshchilov and Hutter 2019, algorithm 2.
    """
    update, m, v = moments.direction(gradient, m, v)
    return weight - learning_rate * (update + weight_decay * weight), m, v


def lamb_update(
    weight: tf.Tensor,
    gradient: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
    *,
    moments: Moments,
    learning_rate: tf.Tensor,
    weight_decay: float,
    is_adapted: bool,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """One step of LAMB: Adam's update plus the decay, scaled to the norm of the weight.

    Args:
      weight, gradient, m, v, moments, learning_rate, weight_decay: as in `adamw_update`; the trust
        ratio scales the decay too.
      is_adapted: scale by the trust ratio |weight| / |update|. The ratio is 1 if a norm is 0, or if
        the weight has not had a gradient yet: otherwise the scaled decay alone would remove the
        share `learning_rate` of the weight at every step.

    Returns:
      The new (weight, m, v).

    Reference: You et al. 2020, algorithm 2, with the identity as phi.
    """
    update, m, v = moments.direction(gradient, m, v)
    is_reached = tf.reduce_any(m != 0.0)
    update += weight_decay * weight
    if is_adapted:
        weight_norm, update_norm = tf.norm(weight), tf.norm(update)
        has_ratio = is_reached & (weight_norm > 0.0) & (update_norm > 0.0)
        update *= tf.where(has_ratio, weight_norm / update_norm, 1.0)
    return weight - learning_rate * update, m, v


def adafactor_update(
    weight: tf.Tensor,
    gradient: tf.Tensor,
    *moments: tf.Tensor,
    step: tf.Tensor,
    learning_rate: tf.Tensor,
    weight_decay: float,
    decay_exponent: float,
    update_clip: float,
    relative_step: bool,
) -> tuple[tf.Tensor, ...]:
    """One step of Adafactor, without momentum.

    Args:
      weight, gradient: float32 of the same shape, [R, C] or of another rank.
      moments: for a matrix vr [R] and vc [C], the means of the squared gradients over columns and
        rows; for any other weight v, with its shape.
      step: number of this update, from 1.
      learning_rate: float32 scalar.
      weight_decay: decoupled, 0 for none (the paper has none).
      decay_exponent: the second moment decays with 1 - step^-decay_exponent (section 7.2).
      update_clip: largest root mean square of an update before the rate (section 6).
      relative_step: multiply the rate by the root mean square of the weight, at least 1e-3
        (section 8).

    Returns:
      The new (weight, *moments).

    Reference: Shazeer and Stern 2018, algorithms 4 and 5; with relative_step, the learning rate is
    rho_t in the paper.
    """
    beta_2 = 1.0 - tf.cast(step, tf.float32) ** -decay_exponent
    squared = tf.square(gradient) + _ADAFACTOR_EPSILON_1
    observed = (squared,)
    if len(moments) == 2:
        observed = (tf.reduce_mean(squared, axis=1), tf.reduce_mean(squared, axis=0))
    moments = [
        beta_2 * old + (1.0 - beta_2) * new for old, new in zip(moments, observed, strict=True)
    ]
    update = gradient * _inverse_root(*moments)
    update /= tf.maximum(1.0, _root_mean_square(update) / update_clip)
    rate = learning_rate
    if relative_step:
        rate *= tf.maximum(_root_mean_square(weight), _ADAFACTOR_EPSILON_2)
    return weight - rate * update - learning_rate * weight_decay * weight, *moments


def _inverse_root(*moments: tf.Tensor) -> tf.Tensor:
    """1 / sqrt(v); for a matrix, v is vr x vc / mean(vr)."""
    if len(moments) == 1:
        return tf.math.rsqrt(moments[0])
    vr, vc = moments
    # Two roots, because the product of two tiny means is 0 in float32.
    rows = tf.math.rsqrt(vr / tf.reduce_mean(vr))
    return rows[:, tf.newaxis] * tf.math.rsqrt(vc)[tf.newaxis, :]


def _root_mean_square(values: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_mean(tf.square(values)))


def muon_update(
    weight: tf.Tensor,
    gradient: tf.Tensor,
    m: tf.Tensor,
    *,
    learning_rate: tf.Tensor,
    weight_decay: float,
    momentum: float,
    update_rms: float,
) -> tuple[tf.Tensor, tf.Tensor]:
    """One step of Muon for a matrix: orthogonalised momentum, with decoupled weight decay.

    Args:
      weight, gradient, m: float32 [R, C]: the weight, its gradient and the mean of gradients.
      learning_rate: float32 scalar.
      weight_decay: 0 for none.
      momentum: decay rate of `m`; Nesterov momentum.
      update_rms: root mean square of an orthogonal update before the learning rate.

    Returns:
      The new (weight, m).

    References: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; Liu
    et al. 2025, "Muon is scalable for LLM training", section 2.2, for decay and scale.
    """
    m = momentum * m + (1.0 - momentum) * gradient
    ahead = momentum * m + (1.0 - momentum) * gradient
    scale = update_rms * math.sqrt(max(weight.shape))
    update = scale * tf.cast(_orthogonal(ahead), weight.dtype)
    return weight - learning_rate * (update + weight_decay * weight), m


def _orthogonal(matrix: tf.Tensor) -> tf.Tensor:
    """bfloat16 [R, C]: approximately U V^T, where U S V^T is the SVD of `matrix`."""
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = matrix / (tf.norm(matrix) + 1e-20)
    x = tf.cast(x, tf.bfloat16)  # as the authors do: the rounds correct the rounding errors
    a, b, c = _QUINTIC
    for _ in range(_QUINTIC_ROUNDS):
        gram = tf.matmul(x, x, transpose_a=is_tall, transpose_b=not is_tall)
        polynomial = b * gram + c * tf.matmul(gram, gram)
        x = a * x + (tf.matmul(x, polynomial) if is_tall else tf.matmul(polynomial, x))
    return x
