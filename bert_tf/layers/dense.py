"""Dense and LayerNorm, the two basic layers.

They replace Keras' layers because they create their variables differently; see `roles.add_weight`.

Shape suffixes: T rows of any leading shape, I inputs, O outputs, D hidden.
"""

import functools

import keras
import tensorflow as tf
from keras import ops

from bert_tf.layers import roles
from bert_tf.layers.activations import get_activation
from bert_tf.layers.fused import are_on, fused
from bert_tf.layers.precision import at_least_float32
from bert_tf.layers.quantization import Ranges, ranges_of
from bert_tf.layers.reductions import sum_of_columns


class Dense(keras.layers.Layer):
    """`activation(x @ kernel + bias)` over the last axis, as one 2-D product.

    Args:
      units: size of the last axis of the output.
      initializer_range: standard deviation of the truncated normal that initialises the kernel.
      use_bias: whether there is a bias.
      hidden_act: name of the activation, see `layers.activations`; None for none.

    Call arguments:
      inputs: float [..., I].

    Returns:
      float [..., units] in the compute dtype.
    """

    def __init__(
        self,
        units: int,
        *,
        initializer_range: float = 0.02,
        use_bias: bool = True,
        hidden_act: str | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.initializer_range = initializer_range
        self.use_bias = use_bias
        self.hidden_act = hidden_act
        self._activation = get_activation(hidden_act) if hidden_act else None

    def build(self, input_shape):
        self.kernel = roles.add_weight(
            self,
            roles.MATRIX,
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=keras.initializers.TruncatedNormal(stddev=self.initializer_range),
        )
        self.bias = None
        if self.use_bias:
            self.bias = roles.add_weight(
                self, roles.BIAS, name="bias", shape=(self.units,), initializer="zeros"
            )
        self.ranges = ranges_of(self)

    def call(self, inputs):
        return project(inputs, self.kernel, self.bias, self._activation, self.ranges)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        names = ("units", "initializer_range", "use_bias", "hidden_act")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def project(inputs, kernel_IO, bias_O=None, activation=None, ranges: Ranges | None = None):
    """`activation(inputs @ kernel + bias)`, one MatMul op over the flattened leading axes.

    Product, bias and activation follow each other directly, so that TensorFlow with oneDNN fuses
    the three operations outside of training. With `ranges`, inputs, kernel and the sum with the
    bias are fake-quantised.
    """
    if ranges is not None:
        inputs, kernel_IO = ranges.quantize_operands(inputs, kernel_IO)
    inputs_TI = ops.reshape(inputs, (-1, inputs.shape[-1]))
    outputs_TO = ops.matmul(inputs_TI, kernel_IO)
    if bias_O is not None:
        outputs_TO = _add_bias(outputs_TO, bias_O)
    if ranges is not None:
        outputs_TO = ranges.quantize_outputs(outputs_TO)
    if activation is not None:
        outputs_TO = activation(outputs_TO)
    return ops.reshape(outputs_TO, (*ops.shape(inputs)[:-1], kernel_IO.shape[-1]))


def _add_bias(outputs_TO, bias_O):
    if not are_on():
        return tf.nn.bias_add(outputs_TO, tf.cast(bias_O, outputs_TO.dtype))

    # On a CPU a product with ones sums bfloat16 in half the time, and accumulates in float32.
    @tf.custom_gradient
    def add(outputs_TO, bias_O):
        return outputs_TO + bias_O, lambda upstream_TO: (upstream_TO, sum_of_columns(upstream_TO))

    return add(outputs_TO, tf.convert_to_tensor(bias_O))


def _normed(x_TD, epsilon):
    """Rows with mean 0 and variance 1, and the factor of each row, [T, 1]."""
    centred_TD = x_TD - ops.mean(x_TD, axis=-1, keepdims=True)
    variance_T1 = ops.mean(ops.square(centred_TD), axis=-1, keepdims=True)
    inverse_T1 = ops.rsqrt(variance_T1 + epsilon)
    return centred_TD * inverse_T1, inverse_T1


def _normalize_body(inputs_TD, gamma_D, beta_D, *, epsilon):
    """Layer normalisation with an explicit gradient (Ba et al. 2016), which sums by products."""

    @tf.custom_gradient
    def normalize(inputs_TD, gamma_D, beta_D):
        normed_TD, inverse_T1 = _normed(inputs_TD, epsilon)

        def gradients(upstream_TD):
            scaled_TD = upstream_TD * gamma_D
            mean_T1 = ops.mean(scaled_TD, axis=-1, keepdims=True)
            slope_T1 = ops.mean(scaled_TD * normed_TD, axis=-1, keepdims=True)
            return (
                inverse_T1 * (scaled_TD - mean_T1 - normed_TD * slope_T1),
                sum_of_columns(upstream_TD * normed_TD),
                sum_of_columns(upstream_TD),
            )

        return normed_TD * gamma_D + beta_D, gradients

    return normalize(inputs_TD, gamma_D, beta_D)


@functools.partial(fused, body=_normalize_body)
def _normalize(inputs_TD, gamma_D, beta_D, *, epsilon):
    normed_TD, _ = _normed(at_least_float32(inputs_TD), epsilon)
    return ops.cast(normed_TD * gamma_D + beta_D, inputs_TD.dtype)


class LayerNorm(keras.layers.Layer):
    """Layer normalisation over the last axis (Ba et al. 2016), computed in float32.

    Args:
      epsilon: added to the variance; `layer_norm_eps` of the config.
      use_beta: whether there is a shift besides the scale.

    Call arguments:
      inputs: float [..., D].

    Returns:
      float [..., D] in the compute dtype.
    """

    def __init__(self, *, epsilon: float = 1e-12, use_beta: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.use_beta = use_beta

    def build(self, input_shape):
        # autocast=False: scale and shift stay float32, like the statistics.
        options = {"shape": (input_shape[-1],), "autocast": False}
        self.gamma = roles.add_weight(
            self, roles.SCALE, name="gamma", initializer="ones", **options
        )
        self.beta = None
        if self.use_beta:
            self.beta = roles.add_weight(
                self, roles.BIAS, name="beta", initializer="zeros", **options
            )

    def call(self, inputs):
        beta_D = self.beta if self.use_beta else ops.zeros_like(self.gamma)
        return _normalize(inputs, self.gamma, beta_D, epsilon=self.epsilon)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"epsilon": self.epsilon, "use_beta": self.use_beta}
        return {**super().get_config(), **config}
