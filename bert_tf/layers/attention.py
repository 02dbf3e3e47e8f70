"""Multi-head self-attention.

Shape suffixes: B batch, S sequence of queries, T sequence of keys, D hidden, N heads, H head size.
"""

import contextlib
import functools
import math
import threading
from collections.abc import Iterator, Mapping

import keras
from keras import ops

from bert_tf.layers.dense import Dense, project
from bert_tf.layers.dropout import dropout
from bert_tf.layers.fused import fused
from bert_tf.layers.gates import gated
from bert_tf.layers.precision import at_least_float32
from bert_tf.layers.quantization import ranges_of, with_ranges
from bert_tf.layers.reductions import maximum_of_rows, sum_of_rows

# Added to the scores of pairs that must not see each other. The softmax is float32, so exp() of it
# is exactly 0, and a row in which nothing may be seen stays finite.
MASKED = -1e9

_held: dict[int, tuple] = {}  # {id of a SelfAttention: (kernel, bias)}, see `holding`

_recording = threading.local()  # each replica is traced in its own thread


@contextlib.contextmanager
def recorded() -> Iterator[list[tuple]]:
    """Inside, every `SelfAttention` that is called adds to the list that this gives.

    So an encoder can give the projections of any of its blocks (`Encoder`, `output_projections`),
    whatever the block looks like. An attention layer that is not a `SelfAttention` calls `record`.

    Yields:
      A list of (queries, keys, values), float [B, N, S, H] each, in the order of the calls.
    """
    before, found = getattr(_recording, "found", None), []
    _recording.found = found
    try:
        yield found
    finally:
        _recording.found = before


def record(query_BNSH, key_BNTH, value_BNTH) -> None:
    """Adds the projections of an attention layer to the list of `recorded`, if there is one."""
    if getattr(_recording, "found", None) is not None:
        _recording.found.append((query_BNSH, key_BNTH, value_BNTH))


@contextlib.contextmanager
def holding(joined: Mapping["SelfAttention", tuple]):
    """Inside, these layers use what they are given in place of `SelfAttention.joined()`.

    Joining the matrices copies them. In training that is little beside the products; a served model
    that answers one text would copy a quarter of its weights for it.

    Args:
      joined: {layer: (kernel [D, 3 N H], bias [3 N H] or None)}.
    """
    _held.update({id(layer): value for layer, value in joined.items()})
    try:
        yield
    finally:
        for layer in joined:
            del _held[id(layer)]


def attention_bias(input_mask, example_ids=None):
    """What is added to the attention scores: 0 where a query may see a key, `MASKED` elsewhere.

    Args:
      input_mask: int32 [B, T], 1 for tokens and 0 for padding.
      example_ids: int32 [B, T] for packed rows, 0 for padding: attention only between equal ids.

    Returns:
      float32 [B, 1, 1, T], or [B, 1, T, T] for packed rows.
    """
    if example_ids is None:
        visible = ops.expand_dims(ops.expand_dims(input_mask, 1), 1) > 0
    else:
        keys_B1T = ops.expand_dims(example_ids, 1)
        same_BST = ops.expand_dims(example_ids, 2) == keys_B1T
        visible = ops.expand_dims(ops.logical_and(same_BST, keys_B1T > 0), 1)
    return ops.where(visible, 0.0, MASKED)


def _softmax_gradient(probs_BNST, upstream_BNST, *, scale):
    """Of the scores: p * (u - the mean of u by p) * scale."""
    # Rounded to bfloat16, p does not add up to 1: with the sum of p * u in place of the mean, a u
    # that is the same everywhere would have a gradient.
    means_BNS1 = sum_of_rows(probs_BNST * upstream_BNST) / sum_of_rows(probs_BNST)
    return probs_BNST * (upstream_BNST - means_BNS1) * scale


def _softmax_body(scores_BNST, bias, *, scale):
    scaled_BNST = scores_BNST * scale + bias
    exps_BNST = ops.exp(scaled_BNST - maximum_of_rows(scaled_BNST))
    return exps_BNST / sum_of_rows(exps_BNST)


@functools.partial(fused, body=_softmax_body, gradient=_softmax_gradient)
def _softmax(scores_BNST, bias, *, scale):
    """Of `scores * scale + bias`, in float32, returned in the dtype of the scores."""
    scaled_BNST = at_least_float32(scores_BNST) * scale
    scaled_BNST += ops.cast(bias, scaled_BNST.dtype)
    return ops.cast(ops.softmax(scaled_BNST, axis=-1), scores_BNST.dtype)


def attention_layers(model: keras.Model) -> list["SelfAttention"]:
    """The attention layers of a model, in the order in which they were made."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, SelfAttention)]


class SelfAttention(keras.layers.Layer):
    """Scaled dot-product attention with N heads, softmax in float32.

    The three projections are separate variables, because optimizers and checkpoints work per
    matrix, and are computed as one product.

    Args:
      num_attention_heads: N.
      hidden_size: D.
      head_size: H; 0: D / N, and D must be divisible by N.
      attention_probs_dropout_prob: dropout rate of the attention probabilities.
      initializer_range: standard deviation of the truncated normal the kernels start from.
      use_bias: the projections have a bias.

    Call arguments:
      inputs_BSD: float [B, S, D].
      bias: float32, broadcast to [B, N, S, T]; see `attention_bias`.
      dropout_seed: int32 [2], or None for no dropout.
      rotate: None, or a function of (queries, keys), float [B, N, S, H] each, that gives them with
        their positions in them (rotary positions).

    Returns:
      (context float [B, S, N H] in the compute dtype, probabilities float32 [B, N, S, T] before
      dropout, rounded to the compute dtype, as they are used).

    Reference: Vaswani et al. 2017, section 3.2.
    """

    def __init__(
        self,
        *,
        num_attention_heads: int,
        hidden_size: int,
        head_size: int = 0,
        attention_probs_dropout_prob: float = 0.1,
        initializer_range: float = 0.02,
        use_bias: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not head_size and hidden_size % num_attention_heads:
            raise ValueError(
                f"hidden_size ({hidden_size}) is not divisible by num_attention_heads "
                f"({num_attention_heads})."
            )
        self.num_attention_heads = num_attention_heads
        self.hidden_size = hidden_size
        self.head_size = head_size or hidden_size // num_attention_heads
        self.attention_probs_dropout_prob = attention_probs_dropout_prob
        self.initializer_range = initializer_range
        self.use_bias = use_bias
        options = {
            "initializer_range": initializer_range,
            "use_bias": use_bias,
            "dtype": self.dtype_policy,
        }
        width = self.num_attention_heads * self.head_size
        self.query = Dense(width, name="query", **options)
        self.key = Dense(width, name="key", **options)
        self.value = Dense(width, name="value", **options)

    def build(self, input_shape=None):
        self.ranges = ranges_of(self)
        with with_ranges(False):  # of the joined product, not of each
            for projection in (self.query, self.key, self.value):
                projection.build((None, None, self.hidden_size))

    def call(self, inputs_BSD, bias, dropout_seed=None, rotate=None):
        query_BNSH, key_BNTH, value_BNTH = self._heads(inputs_BSD)
        if rotate is not None:
            query_BNSH, key_BNTH = rotate(query_BNSH, key_BNTH)
        record(query_BNSH, key_BNTH, value_BNTH)
        scores_BNST = ops.matmul(query_BNSH, ops.transpose(key_BNTH, (0, 1, 3, 2)))
        scale = 1.0 / math.sqrt(self.head_size)
        probs_BNST = _softmax(scores_BNST, bias, scale=scale)
        dropped_BNST = dropout(probs_BNST, self.attention_probs_dropout_prob, dropout_seed)
        context_BNSH = gated(self, ops.matmul(dropped_BNST, value_BNTH), axis=1)
        context_BSNH = ops.transpose(context_BNSH, (0, 2, 1, 3))
        width = self.num_attention_heads * self.head_size
        context = ops.reshape(context_BSNH, (*ops.shape(inputs_BSD)[:2], width))
        return context, at_least_float32(probs_BNST)

    @property
    def projection_variables(self) -> list[keras.Variable]:
        """The variables that `joined` reads."""
        return [v for layer in (self.query, self.key, self.value) for v in layer.weights]

    def joined(self):
        """The three projections as one: kernel [D, 3 N H], bias [3 N H] or None."""
        projections = (self.query, self.key, self.value)
        kernel = ops.concatenate([p.kernel for p in projections], axis=1)
        bias = ops.concatenate([p.bias for p in projections], axis=0) if self.use_bias else None
        return kernel, bias

    def _heads(self, inputs_BSD):
        """Queries, keys and values, each [B, N, S, H]."""
        kernel, bias = _held.get(id(self)) or self.joined()
        kernel = ops.convert_to_tensor(kernel)
        parts = project(inputs_BSD, kernel, bias, ranges=self.ranges)
        batch, length = ops.shape(inputs_BSD)[:2]
        shape = (batch, length, 3, self.num_attention_heads, self.head_size)
        # One transposition; a part of the first axis is no copy.
        parts_3BNSH = ops.transpose(ops.reshape(parts, shape), (2, 0, 3, 1, 4))
        return [parts_3BNSH[i] for i in range(3)]

    def get_config(self):
        config = {
            "num_attention_heads": self.num_attention_heads,
            "hidden_size": self.hidden_size,
            "head_size": self.head_size,
            "attention_probs_dropout_prob": self.attention_probs_dropout_prob,
            "initializer_range": self.initializer_range,
            "use_bias": self.use_bias,
        }
        return {**super().get_config(), **config}
