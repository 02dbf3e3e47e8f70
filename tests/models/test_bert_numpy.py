"""BERT against a second one, written in NumPy from the paper and google-research/bert.

Shape suffixes: B batch, S sequence, T sequence of keys, P predictions, E examples in a packed row,
D hidden, N heads, H head size, F intermediate, V vocabulary.
"""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.tasks import question_answering, token_classification
from bert_tf.tasks.pretraining.task import PretrainingModel
from bert_tf.tasks.question_answering.model import QuestionAnsweringModel
from bert_tf.tasks.token_classification.task import TokenClassificationModel
from tests.conformance.goldens import (
    HEADS,
    LAYERS,
    LENGTHS,
    P,
    S,
    V,
    experiment_config,
    randomize,
    token_batch,
)

_erf = np.vectorize(math.erf, otypes=[float])
ACTIVATIONS = {
    "gelu": lambda x: x * 0.5 * (1 + _erf(x / math.sqrt(2))),
    "gelu_new": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
}


class NumpyBert:
    """BERT with both heads in float64; `weights` are {variable path: array}."""

    def __init__(self, weights, hidden_act, layer_norm_eps=1e-12):
        self.weights = {path: np.asarray(value, np.float64) for path, value in weights.items()}
        self.activation = ACTIVATIONS[hidden_act]
        self.epsilon = layer_norm_eps

    def dense(self, x, path):
        return x @ self.weights[f"{path}/kernel"] + self.weights[f"{path}/bias"]

    def norm(self, x, path):
        path = f"{path}/LayerNorm"
        mean = x.mean(-1, keepdims=True)
        variance = ((x - mean) ** 2).mean(-1, keepdims=True)
        normed = (x - mean) / np.sqrt(variance + self.epsilon)
        return normed * self.weights[f"{path}/gamma"] + self.weights[f"{path}/beta"]

    def attention(self, x_BSD, visible_BST, path):
        def heads(name):
            y_BSD = self.dense(x_BSD, f"{path}/{name}")
            return np.stack(np.split(y_BSD, HEADS, axis=-1), axis=1)

        query_BNSH, key_BNTH, value_BNTH = heads("query"), heads("key"), heads("value")
        scores_BNST = np.einsum("bnsh,bnth->bnst", query_BNSH, key_BNTH)
        scores_BNST /= math.sqrt(query_BNSH.shape[-1])
        scores_BNST = np.where(visible_BST[:, None], scores_BNST, -np.inf)
        with np.errstate(invalid="ignore"):  # padding of a packed row sees nothing: NaN
            exps_BNST = np.exp(scores_BNST - scores_BNST.max(-1, keepdims=True))
        probs_BNST = exps_BNST / exps_BNST.sum(-1, keepdims=True)
        context_BNSH = np.einsum("bnst,bnth->bnsh", np.nan_to_num(probs_BNST), value_BNTH)
        return np.concatenate(list(np.moveaxis(context_BNSH, 1, 0)), axis=-1), probs_BNST

    def block(self, x_BSD, visible_BST, path):
        context_BSD, probs_BNST = self.attention(x_BSD, visible_BST, f"{path}/attention/self")
        output_BSD = self.dense(context_BSD, f"{path}/attention/output/dense")
        attended_BSD = self.norm(x_BSD + output_BSD, f"{path}/attention/output")
        inner_BSF = self.activation(self.dense(attended_BSD, f"{path}/intermediate/dense"))
        output_BSD = self.dense(inner_BSF, f"{path}/output/dense")
        return self.norm(attended_BSD + output_BSD, f"{path}/output"), probs_BNST

    def encode(self, batch):
        """(hidden states, from the embeddings on, and attention probabilities) of every block."""
        ids_BS = batch["input_ids"]
        table = "bert/embeddings"
        position_BS = batch.get("position_ids", np.arange(ids_BS.shape[1])[None])
        x_BSD = (
            self.weights[f"{table}/word_embeddings"][ids_BS]
            + self.weights[f"{table}/position_embeddings"][position_BS]
            + self.weights[f"{table}/token_type_embeddings"][batch["segment_ids"]]
        )
        x_BSD = self.norm(x_BSD, table)
        example_BS = batch.get("example_ids", batch["input_mask"])
        visible_BST = np.broadcast_to(example_BS[:, None, :] > 0, (*ids_BS.shape, ids_BS.shape[1]))
        if "example_ids" in batch:
            visible_BST = visible_BST & (example_BS[:, :, None] == example_BS[:, None, :])
        hidden_states, attention_probs = [x_BSD], []
        for index in range(LAYERS):
            x_BSD, probs_BNST = self.block(x_BSD, visible_BST, f"bert/encoder/layer_{index}")
            hidden_states.append(x_BSD)
            attention_probs.append(probs_BNST)
        return hidden_states, attention_probs

    def __call__(self, batch):
        table = "bert/embeddings"
        hidden_states, attention_probs = self.encode(batch)
        x_BSD = hidden_states[-1]
        rows_B1 = np.arange(len(x_BSD))[:, None]
        first = x_BSD[:, 0]
        if "cls_positions" in batch:
            first = x_BSD[rows_B1, batch["cls_positions"]]
        pooled = np.tanh(self.dense(first, "bert/pooler/dense"))
        masked_BPD = x_BSD
        if "masked_lm_positions" in batch:
            masked_BPD = x_BSD[rows_B1, batch["masked_lm_positions"]]
        head = "cls/predictions"
        masked_BPD = self.activation(self.dense(masked_BPD, f"{head}/transform/dense"))
        masked_BPD = self.norm(masked_BPD, f"{head}/transform")
        embeddings_VD = self.weights[f"{table}/word_embeddings"]
        nsp = "cls/seq_relationship"
        return {
            "sequence_output": x_BSD,
            "pooled_output": pooled,
            "masked_lm_logits": masked_BPD @ embeddings_VD.T + self.weights[f"{head}/output_bias"],
            "next_sentence_logits": pooled @ self.weights[f"{nsp}/output_weights"].T
            + self.weights[f"{nsp}/output_bias"],
            "hidden_states": hidden_states,
            "attention_probs": attention_probs,
        }


def make_pair(hidden_act="gelu", **changes):
    """(Keras model, the same in NumPy) with random weights, biases and LayerNorms."""
    model = PretrainingModel(experiment_config(hidden_act=hidden_act, **changes))
    randomize(model)
    weights = {weight.path: weight.numpy() for weight in model.weights}
    return model, NumpyBert(weights, hidden_act, model.encoder.config.layer_norm_eps)


def packed_batch():
    """(one row that holds three examples and padding, the three examples as rows of their own)."""
    batch = token_batch(seed=5)
    lengths = (6, 4, 3)
    starts = np.cumsum((0, *lengths[:-1]))
    packed = {name: np.zeros((1, S), np.int32) for name in ("input_ids", "segment_ids")}
    packed |= {name: np.zeros((1, S), np.int32) for name in ("position_ids", "example_ids")}
    apart = {name: np.zeros((3, S), np.int32) for name in ("input_ids", "segment_ids")}
    apart["input_mask"] = np.zeros((3, S), np.int32)
    for example, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        ids = batch["input_ids"][0, start : start + length]
        segments = np.arange(length) >= length // 2
        row = slice(start, start + length)
        packed["input_ids"][0, row] = apart["input_ids"][example, :length] = ids
        packed["segment_ids"][0, row] = apart["segment_ids"][example, :length] = segments
        packed["position_ids"][0, row] = np.arange(length)
        packed["example_ids"][0, row] = example + 1
        apart["input_mask"][example, :length] = 1
    packed["input_mask"] = (packed["example_ids"] > 0).astype(np.int32)
    packed["cls_positions"] = starts[None].astype(np.int32)
    return packed, apart, lengths


def tensors(batch):
    return {name: tf.constant(value) for name, value in batch.items()}


def assert_close(actual, expected, tolerance=1e-5):
    np.testing.assert_allclose(actual, expected, atol=tolerance, rtol=tolerance)


OUTPUTS = ("sequence_output", "pooled_output", "masked_lm_logits", "next_sentence_logits")


@pytest.mark.parametrize("hidden_act", ACTIVATIONS)
def test_padded_rows_with_two_segments_equal_numpy(hidden_act):
    model, numpy_bert = make_pair(hidden_act)
    batch = token_batch()
    outputs, expected = model(tensors(batch)), numpy_bert(batch)
    assert outputs["masked_lm_logits"].shape == (len(LENGTHS), P, V)
    for name in OUTPUTS:
        assert_close(outputs[name], expected[name])


def test_the_masked_lm_may_have_another_activation_than_the_blocks():
    config = experiment_config(hidden_act="gelu", masked_lm_hidden_act="relu")
    model = PretrainingModel(config)
    randomize(model)
    weights = {weight.path: weight.numpy() for weight in model.weights}
    batch = token_batch()
    sequence_BSD = NumpyBert(weights, "gelu")(batch)["sequence_output"]
    relu = NumpyBert(weights, "relu")
    masked_BPD = sequence_BSD[np.arange(len(LENGTHS))[:, None], batch["masked_lm_positions"]]
    transformed_BPD = np.maximum(relu.dense(masked_BPD, "cls/predictions/transform/dense"), 0)
    logits_BPV = relu.norm(transformed_BPD, "cls/predictions/transform") @ (
        weights["bert/embeddings/word_embeddings"].T
    )
    logits_BPV += weights["cls/predictions/output_bias"]
    assert_close(model(tensors(batch))["masked_lm_logits"], logits_BPV)


def test_scores_of_tokens_and_spans_equal_numpy():
    batch = token_batch()
    config = experiment_config()
    tags = dataclasses.replace(config, task=token_classification.Config(labels=("A", "B", "C")))
    answers = dataclasses.replace(config, task=question_answering.Config())
    for model, heads in (
        (TokenClassificationModel(tags), {"logits": "classifier"}),
        (QuestionAnsweringModel(answers), {"start_logits": 0, "end_logits": 1}),
    ):
        randomize(model)
        numpy_bert = NumpyBert({w.path: w.numpy() for w in model.weights}, "gelu")
        sequence_BSD = numpy_bert.encode(batch)[0][-1]
        outputs = model(tensors(batch))
        for name, head in heads.items():
            if head == "classifier":
                expected = numpy_bert.dense(sequence_BSD, head)
            else:
                expected = sequence_BSD @ numpy_bert.weights["cls/squad/output_weights"][head]
                expected = expected + numpy_bert.weights["cls/squad/output_bias"][head]
            assert_close(outputs[name], expected)


def test_the_epsilon_of_the_config_is_used():
    model, numpy_bert = make_pair(layer_norm_eps=0.5)
    batch = token_batch()
    outputs, expected = model(tensors(batch)), numpy_bert(batch)
    for name in OUTPUTS:
        assert_close(outputs[name], expected[name])
    other = NumpyBert(numpy_bert.weights, "gelu", 1e-12)(batch)
    assert np.abs(other["sequence_output"] - expected["sequence_output"]).max() > 0.1


def test_packed_rows_equal_numpy():
    model, numpy_bert = make_pair()
    packed, _, _ = packed_batch()
    outputs, expected = model(tensors(packed)), numpy_bert(packed)
    tokens_BS = packed["input_mask"] > 0
    for name in ("sequence_output", "masked_lm_logits"):
        assert_close(outputs[name].numpy()[tokens_BS], expected[name][tokens_BS])
    for name in ("pooled_output", "next_sentence_logits"):
        assert outputs[name].shape[:2] == (1, 3)
        assert_close(outputs[name], expected[name])
    assert np.isfinite(outputs["sequence_output"]).all()


def test_a_packed_row_equals_its_examples_run_apart():
    model, _ = make_pair()
    packed, apart, lengths = packed_batch()
    outputs, expected = model(tensors(packed)), model(tensors(apart))
    for name in ("pooled_output", "next_sentence_logits"):
        assert_close(outputs[name][0], expected[name])
    for name in ("sequence_output", "masked_lm_logits"):
        starts = packed["cls_positions"][0]
        for example, (start, length) in enumerate(zip(starts, lengths, strict=True)):
            row = outputs[name][0, start : start + length]
            assert_close(row, expected[name][example, :length])


def test_hidden_states_and_attention_probs_on_request_equal_numpy():
    model, numpy_bert = make_pair()
    batch = {name: token_batch()[name] for name in ("input_ids", "input_mask", "segment_ids")}
    expected = numpy_bert(batch)
    outputs = model.encoder(
        **tensors(batch), output_hidden_states=True, output_attention_probs=True
    )
    assert len(outputs["hidden_states"]) == LAYERS + 1
    assert len(outputs["attention_probs"]) == LAYERS
    for name in ("hidden_states", "attention_probs"):
        for actual, wanted in zip(outputs[name], expected[name], strict=True):
            assert_close(actual, wanted)
    assert not {"hidden_states", "attention_probs"} & set(model.encoder(**tensors(batch)))


def test_what_stands_in_the_padding_has_no_influence():
    model, _ = make_pair()
    batch = token_batch()
    other = {**batch, "input_ids": np.where(batch["input_mask"] > 0, batch["input_ids"], 7)}
    tokens_BS = batch["input_mask"] > 0
    first, second = (model(tensors(b))["sequence_output"].numpy() for b in (batch, other))
    np.testing.assert_array_equal(first[tokens_BS], second[tokens_BS])


def test_optional_inputs_left_out_mean_one_segment_and_no_padding():
    model, _ = make_pair()
    ids_BS = tf.constant(token_batch()["input_ids"])
    whole = {
        "input_mask": tf.ones_like(ids_BS),
        "segment_ids": tf.zeros_like(ids_BS),
        "position_ids": tf.broadcast_to(tf.range(S), ids_BS.shape),
    }
    expected = model.encoder(ids_BS, **whole)
    outputs = model.encoder(ids_BS)
    for name in ("sequence_output", "pooled_output"):
        np.testing.assert_array_equal(outputs[name], expected[name])


def test_a_sequence_longer_than_the_position_table_is_refused():
    model, _ = make_pair()
    with pytest.raises(ValueError, match=r"17 tokens.*max_position_embeddings is 16"):
        model.encoder(tf.ones((1, S + 1), tf.int32))


def test_the_gradient_of_every_weight_equals_finite_differences_of_numpy():
    model, numpy_bert = make_pair()
    batch = token_batch()
    random = np.random.default_rng(6)
    cotangents = {name: random.normal(size=numpy_bert(batch)[name].shape) for name in OUTPUTS}
    with tf.GradientTape() as tape:
        outputs = model(tensors(batch))
        loss = tf.add_n(
            [tf.reduce_sum(outputs[n] * tf.constant(c, tf.float32)) for n, c in cotangents.items()]
        )
    gradients = tape.gradient(loss, [weight.value for weight in model.weights])

    def numpy_loss():
        outputs = numpy_bert(batch)
        return sum((outputs[name] * cotangents[name]).sum() for name in OUTPUTS)

    for weight, gradient in zip(model.weights, gradients, strict=True):
        gradient = tf.convert_to_tensor(gradient).numpy()
        direction = random.normal(size=gradient.shape)
        original = numpy_bert.weights[weight.path]
        losses = []
        for step in (1e-5, -1e-5):
            numpy_bert.weights[weight.path] = original + step * direction
            losses.append(numpy_loss())
        numpy_bert.weights[weight.path] = original
        slope = (losses[0] - losses[1]) / 2e-5
        tolerance = 1e-3 * max(1.0, float(np.linalg.norm(gradient)))
        assert (gradient * direction).sum() == pytest.approx(slope, abs=tolerance), weight.path
