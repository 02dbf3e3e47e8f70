"""Each method of explaining against its definition, on tiny models."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.explanation import METHODS, coalitions, faithfulness, rollout, words
from bert_tf.explanation.believer import Believer, make_cases
from bert_tf.explanation.explainer import Explainer, Settings, records
from bert_tf.explanation.gradients import integrated_gradients
from bert_tf.explanation.parts import Parts
from tests.devices import strategy_of
from tests.explanation.tiny import KINDS, explained, model_of, tokenizer
from tests.family import cases

pytestmark = pytest.mark.usefixtures("eagerly")
_FEW = {"steps": 2, "most_steps": 2}


@pytest.mark.parametrize("encoder", cases.ENCODERS)
def test_integrated_gradients_of_every_encoder_add_up_to_the_difference(encoder):
    found = explained(encoder=encoder, flips=False)
    for parts in found.parts["integrated_gradients"]:
        assert parts.about["gap"] < 0.02
        missing = parts.about["belief"] - parts.about["baseline_belief"]
        assert parts.weights.sum() == pytest.approx(missing, rel=0.02, abs=1e-5)


@pytest.mark.parametrize("encoder", cases.ENCODERS)
def test_the_other_methods_keep_their_definitions_for_every_encoder(encoder):
    task, model = model_of(encoder)
    texts, methods = [["hen saw cat."]], ("gradient_x_input", "occlusion", "shapley", "rollout")
    found = Explainer(
        task, model, Settings(methods, baseline="zero", budget=16, flips=False)
    ).explain(texts)
    (parts,) = zip(*(found.parts[method] for method in methods), strict=True)
    slopes, lost, game, rolled = (one.weights for one in parts)
    words, step = len(slopes), 1e-2
    steps = step * np.eye(words)
    asked = np.vstack([np.ones(words), np.zeros(words), 1 - np.eye(words), 1 + steps, 1 - steps])
    (values,), _ = coalitions.values_of(
        Believer(task, model, "zero"), found.cases, [0], [asked.astype(np.float32)]
    )
    full, empty, without, more, less = np.split(values, [1, 2, 2 + words, 2 + 2 * words])
    np.testing.assert_allclose(slopes, (more - less) / (2 * step), atol=0.05, rtol=0.05)
    np.testing.assert_allclose(lost, full - without, atol=1e-4)
    assert game.sum() == pytest.approx((full - empty)[0], abs=1e-4)
    assert (rolled >= 0).all() and 0 < rolled.sum() <= 1 + 1e-6


@pytest.mark.parametrize("baseline", ["mask", "pad", "zero"])
def test_integrated_gradients_are_exact_in_float64(baseline):
    task, model = model_of(dtype="float64")
    settings = Settings(baseline=baseline, steps=64, most_steps=64, flips=False)
    found = Explainer(task, model, settings).explain(KINDS["labels"][1])
    gaps = [parts.about["gap"] for parts in found.parts["integrated_gradients"]]
    assert max(gaps) < 1e-6  # the shares of the steps are float32


def test_steps_are_doubled_only_as_often_as_needed():
    task, model = model_of()
    rows = words.encode(task, KINDS["labels"][1])
    outputs = model({n: rows.batch[n] for n in task.config.model.inputs if n in rows.batch})
    found_cases = make_cases(task, rows, task.believed(outputs, rows.batch))
    believer = Believer(task, model)
    few = integrated_gradients(believer, found_cases, steps=1, largest_gap=np.inf)
    assert {parts.about["steps"] for parts in few} == {1}
    many = integrated_gradients(believer, found_cases, steps=1, largest_gap=0, most_steps=8)
    assert max(parts.about["steps"] for parts in many) == 8
    assert many[0].about["gap"] < few[0].about["gap"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_answer_is_explained_by_every_method(kind):
    found = explained(kind, methods=tuple(METHODS), budget=8, most_answers=2, flips=False, **_FEW)
    task, _ = model_of(kind=kind)
    told = records(task, found)
    texts = list(zip(*KINDS[kind][1], strict=True))
    assert len(told) == len(texts) and sum(len(one["answers"]) for one in told)
    for one, given in zip(told, texts, strict=True):
        for answer in one["answers"]:
            for word in answer["words"]:
                assert word["text"] == given[word["in"]][word["start"] : word["end"]]
                assert set(word["parts"]) == set(METHODS)
    for parts in found.parts["shapley"]:
        assert np.isfinite(parts.weights).all()
    if kind == "answers":
        (answer,) = told[0]["answers"]
        assert texts[0][1][slice(*answer["span"])] == answer["answer"]
        assert {word["in"] for word in answer["words"]} == {0, 1}


@pytest.mark.parametrize("kind", ["labels", "tags", "answers", "masked_words"])
def test_shapley_values_add_up_whatever_the_budget(kind):
    task, model = model_of(kind=kind)
    found = explained(kind, methods=("shapley",), budget=8, most_answers=2, flips=False)
    shares = np.where(found.cases.word_ids >= 0, 0, 1).astype(np.float32)
    nothing, _ = Believer(task, model).beliefs(found.cases, np.arange(len(found.cases)), shares)
    totals = [parts.weights.sum() for parts in found.parts["shapley"]]
    np.testing.assert_allclose(totals, found.beliefs - nothing, atol=1e-4)


def test_of_a_pair_one_text_fades_while_the_other_stays():
    task, model = model_of(kind="pairs", dtype="float64")
    settings = Settings(steps=64, most_steps=64, flips=False)
    explainer = Explainer(task, model, settings)
    found = explainer.explain(KINDS["pairs"][1])
    for case, parts in enumerate(found.parts["integrated_gradients"]):
        of_text = np.array([word.text for word in found.cases.words[case]])
        kept = np.stack([of_text != 0, of_text != 1])
        shares = found.cases.token_shares(case, kept)
        without, _ = explainer.believer.beliefs(found.cases, np.array([case, case]), shares)
        for text in (0, 1):
            expected = found.beliefs[case] - without[text]
            assert parts.weights[of_text == text].sum() == pytest.approx(expected, abs=1e-5)
        assert parts.about["baseline_belief"] == pytest.approx(without.tolist())
        assert parts.about["gap"] < 1e-5


def _shapley(value, num_players):
    """The definition: the mean of what a player adds over all orders."""
    values = np.zeros(num_players)
    for order in itertools.permutations(range(num_players)):
        inside = np.zeros(num_players, bool)
        for player in order:
            before = value(inside)
            inside[player] = True
            values[player] += value(inside) - before
    return values / math.factorial(num_players)


def _game(inside):
    return 2.0 * inside[0] - inside[1] + 3.0 * (inside[1] & inside[2]) + float(inside.all())


def test_an_exact_game_has_the_values_of_its_definition():
    game = coalitions.Game(4, 16)
    assert game.is_exact and len(game.coalitions) == 16
    found = game.solve(np.array([_game(some) for some in game.coalitions]))
    np.testing.assert_allclose(found, _shapley(_game, 4), atol=1e-6)


def test_an_estimate_comes_near_and_adds_up():
    weights = np.random.default_rng(0).normal(size=30)

    def value(some):
        return some @ weights + 0.5 * some[0] * some[1]

    game = coalitions.Game(30, 400)
    assert not game.is_exact and len(game.coalitions) <= 400
    values = np.array([value(some) for some in game.coalitions.astype(float)])
    expected = weights + np.eye(30)[0] / 4 + np.eye(30)[1] / 4
    found = game.solve(values)
    np.testing.assert_allclose(found, expected, atol=0.1)
    assert found.sum() == pytest.approx(values[1] - values[0])


@pytest.mark.parametrize("budget", [2, 3, 7])
def test_a_budget_below_the_words_still_adds_up(budget):
    game = coalitions.Game(12, budget)
    values = game.coalitions.sum(axis=1) * 2.0
    assert game.solve(values).sum() == pytest.approx(24.0)


def test_rollout_is_the_product_of_its_definition_and_its_rows_sum_to_1():
    generator = np.random.default_rng(1)
    layers = generator.random((3, 2, 5, 5))
    layers /= layers.sum(axis=-1, keepdims=True)
    expected = np.eye(5)
    for layer in layers:
        expected = (0.5 * layer.mean(axis=0) + 0.5 * np.eye(5)) @ expected
    found = rollout.rolled_out(list(layers))
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(found.sum(axis=-1), 1.0)


def test_attention_of_a_model_rolls_out_to_rows_of_1():
    task, model = model_of()
    batch = task.encode(tf.constant(["hen saw cat."]))
    inputs = {n: batch[n].numpy() for n in task.config.model.inputs if n in batch}
    layers = [layer[0] for layer in rollout.attention_of(model.encoder, inputs)]
    np.testing.assert_allclose(rollout.rolled_out(layers).sum(axis=-1), 1.0, atol=1e-6)


def test_occlusion_is_the_belief_with_the_word_masked_by_hand():
    task, model = model_of()
    found = explained(methods=("occlusion",), flips=False)
    ids = found.cases.inputs["input_ids"][:1].copy()
    parts = found.parts["occlusion"][0].weights
    for word in range(len(parts)):
        masked = np.where(found.cases.word_ids[:1] == word, task.tokenizer.mask_id, ids)
        batch = {**{n: v[:1] for n, v in found.cases.inputs.items()}}
        place = found.cases.places[:1]
        beliefs = [
            task.belief(model({**batch, "input_ids": some}), batch, place)[0].numpy()[0]
            for some in (ids, masked)
        ]
        assert parts[word] == pytest.approx(beliefs[0] - beliefs[1], abs=1e-5)


def test_faithfulness_is_that_of_its_definition():
    task, model = model_of()
    found = explained(methods=("occlusion",), flips=False)
    believer = Believer(task, model)
    every = faithfulness.measure(believer, found.cases, found.parts)
    scores, expected = faithfulness.means(every), []
    for case, parts in enumerate(found.parts["occlusion"]):
        order = np.argsort(-parts.weights, kind="stable")
        losses = {True: [], False: []}
        for share in (0.01, 0.05, 0.1, 0.2, 0.5):
            count = max(1, math.ceil(share * len(order)))
            for is_removed in (True, False):
                kept = np.full(len(order), is_removed)
                kept[order[:count]] = not is_removed
                shares = found.cases.token_shares(case, np.stack([np.ones(len(order)), kept]))
                logs, _ = believer.beliefs(found.cases, np.array([case, case]), shares)
                probs = 1 / (1 + np.exp(-logs))
                losses[is_removed].append(probs[0] - probs[1])
        expected.append((np.mean(losses[True]), np.mean(losses[False])))
    means = np.mean(expected, axis=0)
    assert scores["occlusion"]["comprehensiveness"] == pytest.approx(means[0], abs=1e-5)
    assert scores["occlusion"]["sufficiency"] == pytest.approx(means[1], abs=1e-5)
    assert set(scores) == {"occlusion", "random"}
    contrasts = []
    for case, parts in enumerate(found.parts["occlusion"]):
        order, rises = np.argsort(-parts.weights, kind="stable"), []
        for share in (0.01, 0.05, 0.1, 0.2, 0.5):
            count = max(1, math.ceil(share * len(order)))
            kept = np.ones((2, len(order)))
            kept[0, order[:count]] = kept[1, order[::-1][:count]] = 0
            shares = found.cases.token_shares(case, kept)
            without, with_them = believer.beliefs(found.cases, np.array([case, case]), shares)[0]
            rises.append(with_them - without)
        contrasts.append(np.mean(rises))
    np.testing.assert_allclose(every["occlusion"]["contrast"], contrasts, atol=1e-5)


def test_a_flip_flips_and_none_of_its_words_is_needless():
    task, model = model_of(kind="tags")
    found = explained("tags", most_answers=4, **_FEW)
    believer, tried = Believer(task, model), 0
    for case, flip in enumerate(found.flips):
        if flip is None:
            continue
        tried += 1
        sets = [flip.words, *itertools.combinations(flip.words, len(flip.words) - 1)]
        kept = np.array([~np.isin(np.arange(len(found.cases.words[case])), s) for s in sets])
        shares = found.cases.token_shares(case, kept)
        _, answers = believer.beliefs(found.cases, np.full(len(sets), case), shares)
        expected = found.cases.beliefs[case].answer
        assert answers[0] != expected
        assert (answers[1:] == expected).all()
    assert tried


def test_two_replicas_and_other_batches_explain_as_one(monkeypatch):
    strategy = strategy_of(2)
    task, one = model_of()
    with strategy.scope():
        both = task.build_model()
    both.set_weights(one.get_weights())
    settings = Settings(methods=("integrated_gradients", "occlusion"), flips=False, **_FEW)
    expected = Explainer(task, one, settings).explain(KINDS["labels"][1])
    monkeypatch.setattr("bert_tf.explanation.believer._TOKENS_PER_STEP", 40)
    found = Explainer(task, both, settings, strategy).explain(KINDS["labels"][1])
    for method, parts in expected.parts.items():
        for a, b in zip(parts, found.parts[method], strict=True):
            np.testing.assert_allclose(a.weights, b.weights, atol=2e-5)


def test_an_encoder_that_does_not_heed_word_vectors_is_named(monkeypatch):
    task, model = model_of()
    plain = type(model.encoder.embeddings).call
    monkeypatch.setattr(
        type(model.encoder.embeddings),
        "call",
        lambda self, *args, word_vectors=None, **named: plain(self, *args, **named),
    )
    with pytest.raises(ValueError, match="does not heed `word_vectors`"):
        Explainer(task, model, Settings(flips=False)).explain(KINDS["labels"][1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"methods": ("lime",)}, "methods: 'lime'. Known: integrated_gradients"),
        ({"methods": ()}, "methods: empty"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        Settings(**settings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hen met  cat.", ["hen", "met", "cat", "."]),
        ("\u6211\u7231 cat", ["\u6211", "\u7231", "cat"]),
    ],
)
def test_words_are_those_of_the_original_text(text, expected):
    task, _ = model_of()
    rows = words.encode(task, [[text]])
    assert [text[word.start : word.end] for word in rows.words[0]] == expected


def test_a_character_of_several_bytes_is_in_one_word():
    byte_pairs = tokenizer(cases.BYTE_PAIR)
    texts = ["\u0645\u0631 cat"]
    begins = words._begins(byte_pairs, texts, *byte_pairs.tokenize_with_offsets(tf.constant(texts)))
    assert begins.sum() == 2


def test_another_answer_is_explained_on_request():
    given = {belief.name for belief in explained(flips=False).cases.beliefs}
    (other,) = {"no", "yes"} - given if len(given) == 1 else {"yes"}
    found = explained(wanted=other, flips=False)
    assert {belief.name for belief in found.cases.beliefs} == {other}
    with pytest.raises(ValueError, match="no label 'maybe' to explain. Labels of the model: no"):
        explained(wanted="maybe", flips=False)


def test_a_model_without_answers_is_refused():
    from bert_tf.explanation.explainer import check
    from bert_tf.tasks import embedding

    task, _ = model_of()
    config = type(task.config)(model=task.config.model, task=embedding.Config())
    with pytest.raises(ValueError, match="a 'embedding' model gives no answer"):
        from bert_tf.tasks.task import make_task

        check(make_task(config, task.tokenizer))


def test_empty_parts_are_sorted_too():
    assert faithfulness.without(np.argsort(-Parts(np.zeros(0)).weights)).shape == (5, 0)


def test_flips_of_numbers_are_none():
    assert explained("number", **_FEW).flips == [None]
