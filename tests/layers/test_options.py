"""What layers can do that BERT does not need: no bias, no shift, rotated queries, learned biases.

Shape suffixes: B batch, S sequence, D hidden, N heads, H head size.
"""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers.attention import SelfAttention
from bert_tf.layers.dense import Dense, LayerNorm
from bert_tf.layers.heads import MaskedLanguageModelHead
from bert_tf.layers.recompute import recomputed
from bert_tf.layers.transformer import TransformerBlock

X_BSD = tf.random.stateless_normal((2, 4, 8), (1, 2))


def made(layer, shape=(None, None, 8)):
    layer.build(shape)
    return layer


def test_a_dense_layer_without_bias_has_one_variable_and_is_a_product():
    dense = made(Dense(3, use_bias=False, name="dense"))
    (kernel,) = dense.weights
    np.testing.assert_allclose(dense(X_BSD), X_BSD.numpy() @ kernel.numpy(), atol=1e-6)
    assert not Dense.from_config(dense.get_config()).use_bias


def test_a_norm_without_shift_is_one_whose_shift_is_zero():
    norm, other = (made(LayerNorm(use_beta=use, name="norm")) for use in (False, True))
    (gamma,) = norm.weights
    gamma.assign(tf.range(8.0))
    other.gamma.assign(gamma)
    np.testing.assert_array_equal(norm(X_BSD), other(X_BSD))
    assert not LayerNorm.from_config(norm.get_config()).use_beta


def test_attention_without_biases_is_attention_whose_biases_are_zero():
    options = {"num_attention_heads": 2, "hidden_size": 8, "name": "self"}
    attention, other = (made(SelfAttention(use_bias=use, **options)) for use in (False, True))
    assert [weight.name for weight in attention.weights] == ["kernel"] * 3
    for projection in ("query", "key", "value"):
        getattr(other, projection).kernel.assign(getattr(attention, projection).kernel)
    bias = tf.zeros((1, 1, 1, 4))
    np.testing.assert_array_equal(attention(X_BSD, bias)[0], other(X_BSD, bias)[0])


@pytest.fixture
def block():
    block = TransformerBlock(
        hidden_size=8, num_attention_heads=2, intermediate_size=16, name="block"
    )
    block.build()
    return block


@pytest.mark.parametrize("wrap", [lambda block: block, recomputed])
def test_queries_and_keys_can_be_rotated(block, wrap):
    """A scale in place of a rotation: that of the queries is one of the scores."""
    bias = tf.zeros((1, 1, 1, 4))
    rotated, _ = wrap(block)(X_BSD, bias, rotate=lambda query, key: (2.0 * query, key))
    self_attention = block.self_attention
    for variable in (self_attention.query.kernel, self_attention.query.bias):
        variable.assign(2.0 * variable)
    np.testing.assert_allclose(rotated, block(X_BSD, bias)[0], atol=1e-6)


def test_a_bias_that_is_learned_has_the_same_gradient_when_the_block_is_computed_again(block):
    def gradient(run):
        bias = tf.random.stateless_normal((1, 2, 4, 4), (3, 4))
        with tf.GradientTape() as tape:
            tape.watch(bias)
            loss = tf.reduce_sum(run(X_BSD, bias=bias, dropout_seed=tf.constant([5, 6]))[0] ** 3)
        return tape.gradient(loss, bias)

    once, again = gradient(block), gradient(recomputed(block))
    assert float(tf.reduce_max(tf.abs(once))) > 1e-5
    np.testing.assert_allclose(again, once, rtol=1e-4, atol=1e-7)


def test_the_masked_lm_head_scores_with_a_table_that_is_narrower_than_the_hidden_states():
    options = {"hidden_size": 8, "vocab_size": 5, "embedding_size": 3, "name": "head"}
    head, untied = (MaskedLanguageModelHead(tied=tied, **options) for tied in (True, False))
    for made_head in (head, untied):
        made_head.build()
    table = tf.random.stateless_normal((5, 3), (7, 8))
    assert head(X_BSD, table).shape == (2, 4, 5)
    assert untied.output_weights.shape == (5, 3)
    assert head.dense.kernel.shape == (8, 3)
