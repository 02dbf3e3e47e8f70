"""From the pooled tokens of a text to its vector: the modules of a checkpoint.

Shape suffixes: B batch, D the size of a vector.
"""

import dataclasses
from collections.abc import Sequence

import keras
import tensorflow as tf

from bert_tf.layers.dense import Dense, LayerNorm
from bert_tf.layers.vector_modules import DENSE, LAYER_NORM, NORMALIZE, VectorModule

_EPSILON = 1e-5  # of torch.nn.LayerNorm
_SHORTEST = 1e-12  # a vector of length 0 stays as it is


def of_length_1(vectors_BD: tf.Tensor) -> tf.Tensor:
    """Vectors [B, D] scaled to length 1."""
    norm_B1 = tf.norm(vectors_BD, axis=-1, keepdims=True)
    return vectors_BD / tf.maximum(norm_B1, _SHORTEST)


class Vectors(keras.layers.Layer):
    """Applies modules to pooled vectors, in order.

    Args:
      size: of a pooled vector.
      modules: the modules after the pooling, in order.
      initializer_range: standard deviation of the truncated normal that initialises kernels.

    Call arguments:
      pooled: [B, D], see `layers.pooling.pool`.

    Returns:
      float32 [B, D].

    Reference: Reimers and Gurevych 2020, section 2 (sentence-transformers' Dense on the pooling).
    """

    def __init__(
        self,
        *,
        size: int,
        modules: Sequence[VectorModule | dict],
        initializer_range: float = 0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.size, self.initializer_range = size, initializer_range
        self.modules = tuple(
            VectorModule(**module) if isinstance(module, dict) else module for module in modules
        )
        self._parts, self._residuals = {}, {}
        for i, module in enumerate(self.modules):
            if module.kind == LAYER_NORM:
                self._parts[i] = LayerNorm(epsilon=_EPSILON, name=f"layer_norm_{i}")
            if module.kind != DENSE:
                continue
            options = {"initializer_range": initializer_range, "dtype": self.dtype_policy}
            self._parts[i] = Dense(
                module.size,
                use_bias=module.use_bias,
                hidden_act=module.activation or None,
                name=f"dense_{i}",
                **options,
            )
            if module.residual and module.size != self._size_before(i):
                self._residuals[i] = Dense(
                    module.size, use_bias=False, name=f"residual_{i}", **options
                )

    def _size_before(self, number: int) -> int:
        return self.modules[number - 1].size if number else self.size

    def build(self, input_shape=None):
        del input_shape
        for i in sorted(self._parts):
            self._parts[i].build((None, self._size_before(i)))
            if i in self._residuals:
                self._residuals[i].build((None, self._size_before(i)))

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "modules": [dataclasses.asdict(module) for module in self.modules],
            "initializer_range": self.initializer_range,
        }

    def call(self, pooled: tf.Tensor) -> tf.Tensor:
        vectors_BD = tf.cast(pooled, tf.float32)
        for i, module in enumerate(self.modules):
            if module.kind == NORMALIZE:
                vectors_BD = of_length_1(vectors_BD)
            elif i in self._parts:
                before_BD = vectors_BD
                vectors_BD = tf.cast(self._parts[i](before_BD), tf.float32)
                if module.residual:
                    same = self._residuals.get(i, tf.identity)
                    vectors_BD += tf.cast(same(before_BD), tf.float32)
        return vectors_BD
