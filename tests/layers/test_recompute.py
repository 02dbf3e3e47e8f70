"""What is computed twice is computed twice: no compiler may find out that it is the same."""

import re

import pytest
import tensorflow as tf

from bert_tf.layers import fused
from bert_tf.layers.recompute import recomputed
from bert_tf.layers.transformer import TransformerBlock


@pytest.fixture(scope="module")
def block():
    block = TransformerBlock(
        hidden_size=8, num_attention_heads=2, intermediate_size=16, name="block"
    )
    block.build()
    return block


def gradient_of(run):
    """A function of (inputs, seed): the gradients of the inputs through two calls of `run`."""

    def gradient(inputs_BSD, seed):
        bias = tf.zeros((1, 1, 1, 4))
        with tf.GradientTape() as tape:
            tape.watch(inputs_BSD)
            hidden_BSD, _ = run(inputs_BSD, bias, dropout_seed=seed)
            hidden_BSD, _ = run(hidden_BSD, bias, dropout_seed=seed)
            loss = tf.reduce_sum(hidden_BSD**3)
        return tape.gradient(loss, inputs_BSD)

    return gradient


INPUTS = (tf.random.stateless_normal((2, 4, 8), (1, 2)), tf.constant([3, 4]))


def test_xla_computes_the_products_and_the_masks_again(block):
    def count(run, word):
        compiled = tf.function(gradient_of(run), jit_compile=True)
        text = compiled.experimental_get_compiler_ir(*INPUTS)(stage="optimized_hlo")
        return len(re.findall(word, text))

    assert count(recomputed(block), r" dot\(") > count(block, r" dot\(")


def test_the_gradient_is_that_of_the_block(block):
    again = tf.function(gradient_of(recomputed(block)))(*INPUTS)
    once = tf.function(gradient_of(block))(*INPUTS)
    assert float(tf.reduce_max(tf.abs(once))) > 0.1
    tf.debugging.assert_near(again, once, rtol=1e-5, atol=1e-6)
    other_masks = gradient_of(recomputed(block))(INPUTS[0], tf.constant([5, 6]))
    assert float(tf.reduce_max(tf.abs(other_masks - once))) > 0.01


def test_the_backward_pass_is_fused_where_the_forward_pass_was(block, monkeypatch):
    calls = []
    call = TransformerBlock.call

    def remember(*args, **options):
        calls.append(fused.are_on())
        return call(*args, **options)

    monkeypatch.setattr(TransformerBlock, "call", remember)
    gradient = gradient_of(lambda *args, **options: with_kernels(block, *args, **options))
    gradient(*INPUTS)
    assert calls == [True] * 4 and not fused.are_on()


def with_kernels(block, *args, **options):
    with fused.kernels(True):
        return recomputed(block)(*args, **options)


def test_a_loss_that_is_not_a_number_stays_none(block):
    inputs = tf.concat([INPUTS[0][:, :3], tf.fill((2, 1, 8), float("nan"))], axis=1)
    assert bool(tf.reduce_any(tf.math.is_nan(gradient_of(recomputed(block))(inputs, INPUTS[1]))))
