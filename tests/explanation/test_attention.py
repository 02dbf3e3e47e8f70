"""Attention: the statistics of heads, and what a page of it holds."""

import base64
import json

import numpy as np
import pytest

from bert_tf.explanation import attention, attention_page
from bert_tf.explanation.attention import Attended
from tests.explanation.tiny import model_of
from tests.family import cases

TEXTS = [["hen saw cat.", "cow met a zebra and ate it."]]


def _random(length, layers=2, heads=3):
    probs = np.random.default_rng(length).random((layers, heads, length, length))
    probs /= probs.sum(-1, keepdims=True)
    separators = np.isin(np.arange(length), [0, length - 1])
    return Attended([f"t{i}" for i in range(length)], separators, probs.astype(np.float32))


@pytest.mark.parametrize("encoder", cases.ENCODERS)
def test_the_attention_of_every_encoder_sums_to_1(encoder):
    task, model = model_of(encoder)
    for attended in attention.of_texts(task, model, TEXTS):
        layers, _, length, _ = attended.probs.shape
        assert (layers, length) == (task.config.model.num_hidden_layers, len(attended.tokens))
        np.testing.assert_allclose(attended.probs.sum(-1), 1.0, atol=1e-5)
        assert attended.is_separator[[0, -1]].all()


def test_statistics_of_heads_are_those_of_loops():
    attended = _random(5)
    found = attention.statistics(attended)
    assert set(found) == set(attention.STATISTICS)
    for layer, head in np.ndindex(2, 3):
        probs = attended.probs[layer, head].astype(float)
        expected = dict.fromkeys(found, 0.0)
        for s in range(5):
            for t in range(5):
                p = probs[s, t] / 5
                expected["distance"] += p * abs(s - t)
                expected["entropy"] -= p * np.log2(probs[s, t])
                expected["separators"] += p * (t in (0, 4))
        expected["previous"] = np.mean([probs[s, s - 1] for s in range(1, 5)])
        expected["next"] = np.mean([probs[s, s + 1] for s in range(4)])
        expected["itself"] = np.mean([probs[s, s] for s in range(5)])
        for name, value in expected.items():
            assert found[name][layer, head] == pytest.approx(value, rel=1e-5)


def test_averages_count_each_text_once():
    averages, texts = attention.Averages(), [_random(4), _random(9)]
    for text in texts:
        averages.add(text)
    records = averages.records()
    assert [(one["layer"], one["head"]) for one in records] == [
        (layer, head) for layer in (1, 2) for head in (1, 2, 3)
    ]
    means = np.mean([attention.statistics(text)["distance"] for text in texts], axis=0)
    np.testing.assert_allclose([one["distance"] for one in records], means.ravel(), rtol=1e-5)


def _unpacked(packed):
    layers, heads, length = packed["shape"]
    shape = (layers, heads, length, packed["kept"])
    levels = np.frombuffer(base64.b64decode(packed["weights"]), np.uint8).reshape(shape)
    found = np.zeros((layers, heads, length, length))
    places = np.broadcast_to(np.arange(packed["kept"]), shape)
    if packed["places"]:
        places = np.frombuffer(base64.b64decode(packed["places"]), "<u2").reshape(shape)
    np.put_along_axis(found, places.astype(int), (levels / 255.0) ** 2, axis=-1)
    return found


def test_all_weights_are_packed_where_there_is_room():
    attended = _random(6)
    packed = attention.packed(attended, 10_000)
    assert (packed["kept"], packed["share"]) == (6, 1.0)
    np.testing.assert_allclose(_unpacked(packed), attended.probs, atol=1 / 255)


def test_the_largest_weights_are_packed_where_there_is_not():
    attended = _random(40)
    packed = attention.packed(attended, 3 * 2 * 3 * 40 * 7)
    assert packed["kept"] == 7 and packed["share"] < 1
    found = _unpacked(packed)
    largest = np.sort(attended.probs, axis=-1)[..., -7:]
    np.testing.assert_allclose(np.sort(found, axis=-1)[..., -7:], largest, atol=1 / 255)
    assert packed["share"] == pytest.approx(largest.sum() / attended.probs.sum(), abs=1e-4)


def test_a_text_of_512_tokens_and_144_heads_fits_into_a_page():
    probs = np.full((12, 12, 512, 512), 1 / 512, np.float32)
    separators = np.isin(np.arange(512), [0, 511])
    packed = attention.packed(Attended(["</script>"] * 512, separators, probs), 1_200_000)
    page = attention_page.render("Attention", [packed], [_means()])
    assert len(page.encode()) < 2 * 2**20


def _means():
    return {"layer": 1, "head": 1, **dict.fromkeys(attention.STATISTICS, 0.5)}


def test_a_token_that_ends_a_script_is_text():
    attended = _random(3)
    attended.tokens[1] = "</script><b>"
    page = attention_page.render("<i>", [attention.packed(attended, 100)], [_means()])
    start = page.index('id="texts">') + len('id="texts">')
    (text,) = json.loads(page[start : page.index("</script>", start)])
    assert text["tokens"][1] == "</script><b>"
    assert "<i>" not in page
