"""Activation functions by the values of `hidden_act` in a bert_config.json."""

import math
from collections.abc import Callable

from keras import ops

from bert_tf.layers.activation_names import check_activation
from bert_tf.layers.fused import fused


@fused
def gelu(x):
    """Exact GELU, x * Phi(x) (Hendrycks and Gimpel 2016, section 2). Any shape, any float dtype.

    Written with `erf`, not `erfc`: ONNX has an op only for the former (difference below 1e-6).
    """
    return 0.5 * x * (1.0 + ops.erf(x * (1.0 / math.sqrt(2.0))))


@fused
def gelu_tanh(x):
    """GELU in its tanh form (Hendrycks and Gimpel 2016, section 2), as in google-research/bert."""
    inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1.0 + ops.tanh(inner))


_FUNCTIONS: dict[str, Callable] = {
    "gelu": gelu,
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "relu": ops.relu,
    "silu": ops.silu,
    "tanh": ops.tanh,
}


def get_activation(name: str) -> Callable:
    """The activation function `name`; ValueError, with the known names, if there is none."""
    check_activation(name)
    return _FUNCTIONS[name]
