"""Words in place of others flip an answer: each that is named was tried, and is a like word."""

import numpy as np
import pytest

from bert_tf.explanation import substitutions
from bert_tf.explanation.believer import Believer
from bert_tf.explanation.explainer import records
from bert_tf.explanation.substitutions import Neighbours
from tests.explanation.tiny import KINDS, explained, model_of

pytestmark = pytest.mark.usefixtures("eagerly")


def test_the_answer_is_another_with_the_words_that_are_named():
    task, model = model_of()
    found = explained(steps=4, most_steps=4)
    like, tried = Neighbours(Believer(task, model)), 0
    ids = found.cases.inputs["input_ids"]
    for case, swap in enumerate(found.substitutions):
        if swap is None:
            continue
        tried += 1
        other = ids[case].copy()
        for word, by in zip(swap.words, swap.by, strict=True):
            (place,) = np.flatnonzero(found.cases.word_ids[case] == word)
            near = {like.texts[token]: token for token in like.of(int(ids[case, place]))}
            assert by in near and near[by] != ids[case, place]
            other[place] = near[by]
        batch = {name: values[case : case + 1] for name, values in found.cases.inputs.items()}
        batch["input_ids"] = other[np.newaxis]
        belief, best = task.belief(model(batch), batch, found.cases.places[case : case + 1])
        assert best.numpy()[0] == swap.answer != found.cases.beliefs[case].answer
        assert belief.numpy()[0] == pytest.approx(swap.belief, abs=1e-4)
    assert tried
    told = [answer for record in records(task, found) for answer in record["answers"]]
    (one,) = [one["substitution"] for one in told if one["substitution"]][:1]
    assert len(one["words"]) == len(one["by"]) and one["answer"] in ("no", "yes")


def test_a_like_word_is_near_whole_and_no_special_token():
    task, model = model_of()
    like = Neighbours(Believer(task, model))
    token = task.tokenizer.tokens.index("hen")
    near = like.of(token)
    table = model.encoder.word_embeddings.numpy()
    cosine = table @ table[token] / np.linalg.norm(table, axis=1) / np.linalg.norm(table[token])
    words = [
        number
        for number, text in enumerate(task.tokenizer.token_texts)
        if task.tokenizer.begins_word[number] and text.isalpha() and len(text) > 1
    ]
    words = [w for w in words if w not in (token, *task.tokenizer.special_ids)]
    expected = sorted(words, key=lambda word: -cosine[word])[: len(near)]
    assert near.tolist() == expected and not like.is_word(task.tokenizer.mask_id)


def test_gradients_of_vectors_are_the_slopes_along_them():
    task, model = model_of()
    found = explained(flips=False)
    believer, every = Believer(task, model), np.arange(len(found.cases))
    gradients = believer.gradients(found.cases, every)
    shares = np.ones(found.cases.word_ids.shape, np.float32)
    slopes = believer.slopes(found.cases, every, shares, from_zero=True)
    vectors = model.encoder.word_vectors(found.cases.inputs["input_ids"]).numpy()
    np.testing.assert_allclose((gradients * vectors).sum(-1), slopes, atol=1e-4)


def test_the_words_of_an_answer_and_numbers_stay():
    found = explained("answers", steps=2, most_steps=2)
    (swap,), (belief,) = found.substitutions, found.cases.beliefs
    for word in swap.words if swap else ():
        place = found.cases.words[0][word]
        assert place.text != belief.text or not belief.span[0] <= place.start < belief.span[1]
    task, model = model_of(kind="number")
    cases = explained("number", flips=False).cases
    assert substitutions.find(Believer(task, model), cases, []) == [None]
    assert KINDS["number"]
