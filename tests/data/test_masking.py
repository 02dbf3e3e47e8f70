"""Masking: equal bit for bit to a plain Python twin, and the shares it promises."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data import hashing
from bert_tf.data.masks import mask_choice, masking
from bert_tf.tokenization.row_layout import RowLayout
from tests.data.fake_tokenizer import TOKENIZER

PAD, UNK, CLS, SEP, MASK = range(5)
VOCAB_SIZE = 200
IS_CONTINUATION = np.arange(VOCAB_SIZE) >= 120
SEED = 77
TOKENS, WORDS, NGRAMS = {"whole_word": False}, {"whole_word": True}, {"max_ngram": 3}
EVERY_KIND = pytest.mark.parametrize("kind", [TOKENS, WORDS, NGRAMS, {"max_ngram": 5}], ids=str)


class _Tokens:
    """What a masker asks of a tokenizer."""

    layout = RowLayout(before=(CLS,), between=(SEP,), after=(SEP,), pad=PAD)
    mask_id, begins_word = MASK, ~IS_CONTINUATION

    def __len__(self):
        return VOCAB_SIZE


def random_batch(seed, rows=8, length=40):
    generator = np.random.default_rng(seed)
    ids = generator.integers(5, VOCAB_SIZE, (rows, length)).astype(np.int32)
    mask = np.zeros_like(ids)
    for row in range(rows):
        size = generator.integers(5, length + 1)
        mask[row, :size] = 1
        ids[row, size:] = PAD
        ids[row, 0] = CLS
        ids[row, [generator.integers(1, size - 1), size - 1]] = SEP
    return ids, mask


def mask(
    input_ids,
    input_mask,
    epoch,
    example,
    *,
    whole_word=True,
    max_ngram=1,
    prob=0.15,
    slots=6,
    **inputs,
):
    batch = {"input_ids": input_ids, "input_mask": input_mask, **inputs}
    masker = masking.Masker(_Tokens(), SEED, prob, slots, whole_word, max_ngram)
    outputs = masker(
        {name: tf.constant(value) for name, value in batch.items()},
        tf.constant(epoch, tf.int64),
        tf.constant(example, tf.int64),
    )
    return {name: value.numpy() for name, value in outputs.items()}


def words_of_row(ids, input_mask, whole_word=True):
    """The positions of each word, as lists."""
    words = []
    for position, (token, real) in enumerate(zip(ids.tolist(), input_mask.tolist(), strict=True)):
        if not real or token in (CLS, SEP):
            continue
        follows = bool(words) and words[-1][-1] == position - 1
        if whole_word and IS_CONTINUATION[token] and follows:
            words[-1].append(position)
        else:
            words.append([position])
    return words


def ngrams_of(words, sizes):
    """Lists of words: as many as `sizes` says one after the other, cut at gaps."""
    ngrams, sizes, left = [], iter(sizes), 0
    for number, word in enumerate(words):
        begins = left == 0
        left = (next(sizes) if begins else left) - 1
        if begins or words[number - 1][-1] != word[0] - 1:
            ngrams.append([])
        ngrams[-1].append(word)
    return ngrams


def twin_of_row(
    ids, input_mask, epoch, example, *, whole_word=True, max_ngram=1, prob=0.15, slots=6
):
    """One row, in Python: (masked ids, positions, labels), positions and labels not padded."""

    def draw(position, stream):
        words = hashing.split_words(example)
        return int(hashing.hash_u32(SEED, epoch, *words, position, stream))

    words = words_of_row(ids, input_mask, whole_word)
    candidates = sum(words, [])
    shares = np.cumsum([1 / n for n in range(1, max_ngram + 1)])
    sizes = [
        1 + int(np.searchsorted(shares / shares[-1], u / 2**32, "right"))
        for u in (draw(position, hashing.STREAM_MASK_NGRAM) for position in candidates)
    ]
    ngrams = ngrams_of(words, sizes)
    number = min(slots, max(1, round(prob * len(candidates))))
    ngrams.sort(key=lambda ngram: (draw(ngram[0][0], hashing.STREAM_MASK_ORDER), ngram[0][0]))
    chosen = []
    for ngram in ngrams:
        for n in range(len(ngram), 0, -1):
            if len(chosen) + len(sum(ngram[:n], [])) <= number:
                chosen += sum(ngram[:n], [])
                break
    masked = ids.copy()
    for position in chosen:
        kind = draw(position, hashing.STREAM_MASK_KIND) / 2**32
        if kind < 0.8:
            masked[position] = MASK
        elif kind >= 0.9:
            masked[position] = draw(position, hashing.STREAM_MASK_TOKEN) * VOCAB_SIZE // 2**32
    return masked, sorted(chosen), ids[sorted(chosen)].tolist()


@EVERY_KIND
@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(0, 2**40), st.integers(0, 5000), st.floats(0.01, 1))
def test_masks_equal_the_plain_python_twin(kind, seed, first_example, epoch, prob):
    ids, input_mask = random_batch(seed)
    examples = first_example + 3 * np.arange(len(ids))
    epochs = epoch + np.arange(len(ids))
    outputs = mask(ids, input_mask, epochs, examples, **kind, prob=prob)
    for row in range(len(ids)):
        counters = (int(epochs[row]), int(examples[row]))
        masked, positions, labels = twin_of_row(
            ids[row], input_mask[row], *counters, **kind, prob=prob
        )
        filler = [0] * (6 - len(positions))
        assert outputs["input_ids"][row].tolist() == masked.tolist()
        assert outputs["masked_lm_positions"][row].tolist() == positions + filler
        assert outputs["masked_lm_ids"][row].tolist() == labels + filler
        assert outputs["masked_lm_weights"][row].tolist() == [1.0] * len(positions) + filler


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**31),
    st.integers(1, 6),
    st.floats(0.01, 1),
    st.integers(1, 12),
    st.integers(0, 2**40),
)
def test_ngrams_keep_to_the_budget_and_are_whole_words_of_the_text(
    seed, max_ngram, prob, slots, example
):
    """The same every time, too; what is left of the budget is too little for a further word."""
    ids, input_mask = random_batch(seed, rows=4)
    arguments = (ids, input_mask, np.zeros(4), example + np.arange(4))
    outputs, again = (mask(*arguments, max_ngram=max_ngram, prob=prob, slots=slots) for _ in "ab")
    for name, values in outputs.items():
        np.testing.assert_array_equal(values, again[name])
    for row in range(4):
        used = outputs["masked_lm_weights"][row] > 0
        chosen = set(outputs["masked_lm_positions"][row][used].tolist())
        words = words_of_row(ids[row], input_mask[row])
        assert chosen <= set(sum(words, []))
        assert all(chosen >= set(word) or chosen.isdisjoint(word) for word in words)
        number = min(slots, max(1, round(prob * sum(map(len, words)))))
        assert len(chosen) == used.sum() <= number
        rest = [len(word) for word in words if chosen.isdisjoint(word)]
        assert not rest or number - len(chosen) < max(rest)
        untouched = sorted(set(range(ids.shape[1])) - chosen)
        np.testing.assert_array_equal(outputs["input_ids"][row, untouched], ids[row, untouched])


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2**62), min_size=1, max_size=5))
@settings(deadline=None, max_examples=50)
def test_the_hash_in_tensorflow_equals_the_one_in_numpy(seed, counters):
    tensors = [tf.constant(counter, tf.int64) for counter in counters]
    assert int(masking.hash_u32(seed, *tensors)) == int(hashing.hash_u32(seed, *counters))


@pytest.mark.parametrize("kind", [TOKENS, NGRAMS], ids=str)
def test_shares_are_80_10_10_of_15_percent_over_100_000_masked_tokens(kind):
    rows, length = 5600, 122  # 120 candidates: 18 predictions a row
    ids = np.full((rows, length), 50, np.int32)
    ids[:, 0], ids[:, -1] = CLS, SEP
    outputs = mask(ids, np.ones_like(ids), np.zeros(rows), np.arange(rows), **kind, slots=20)
    total = int(outputs["masked_lm_weights"].sum())
    assert total == 18 * rows > 100_000
    at = outputs["masked_lm_positions"][:, :18]
    tokens = np.take_along_axis(outputs["input_ids"], at, axis=1).ravel()
    shares = {
        "mask": (np.mean(tokens == MASK), 0.8 + 0.1 / VOCAB_SIZE),
        "kept": (np.mean(tokens == 50), 0.1 + 0.1 / VOCAB_SIZE),
    }
    for share, expected in shares.values():
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / total)
    drawn = np.bincount(tokens[(tokens != MASK) & (tokens != 50)], minlength=VOCAB_SIZE)
    drawn = np.delete(drawn, [MASK, 50])
    expected = 0.1 * total / VOCAB_SIZE
    assert np.abs(drawn - expected).max() < 5 * np.sqrt(expected)
    chosen = np.bincount(at.ravel(), minlength=length)[1:-1]
    assert np.abs(chosen - 0.15 * rows).max() < 4.5 * np.sqrt(0.15 * 0.85 * rows)


def test_ngrams_have_n_words_with_a_probability_proportional_to_1_by_n():
    """Few words (of one token) are masked, so that two n-grams seldom touch, but far more than one
    n-gram has, so that the last one of a row, which may be cut, does not count for much."""
    rows, length = 300, 4000
    ids = np.full((rows, length), 50, np.int32)
    outputs = mask(
        ids, np.ones_like(ids), np.zeros(rows), np.arange(rows), max_ngram=3, prob=0.02, slots=80
    )
    assert outputs["masked_lm_weights"].all()
    gaps = np.diff(outputs["masked_lm_positions"], prepend=-9, append=length + 9)
    begins = np.nonzero(gaps.ravel() != 1)[0]
    lengths = np.bincount(np.diff(begins))
    found = lengths[1:4] / lengths.sum()
    np.testing.assert_allclose(found, np.array([6, 3, 2]) / 11, atol=0.03)
    assert lengths[4:].sum() < 0.03 * lengths.sum()


def test_the_text_is_cut_into_ngrams_of_exactly_the_lengths_of_the_formula():
    words = np.ones((100, 4096), bool)
    hashes = np.random.default_rng(0).integers(0, 2**32, words.shape)
    begins = mask_choice.ngram_begins(
        tf.constant(words),
        tf.constant(words),
        tf.zeros(words.shape, tf.int64),
        tf.constant(hashes),
        max_ngram=4,
        max_examples=1,
    )
    lengths = np.concatenate([np.diff(np.nonzero(row)[0]) for row in begins.numpy()])
    expected = len(lengths) * np.array([12, 6, 4, 3]) / 25
    assert np.abs(np.bincount(lengths)[1:] - expected).max() < 4 * np.sqrt(expected.max())


@EVERY_KIND
def test_only_real_tokens_but_cls_and_sep_are_predicted(kind):
    ids, input_mask = random_batch(3, rows=200)
    outputs = mask(ids, input_mask, np.zeros(200), np.arange(200), **kind, prob=1.0, slots=40)
    used = outputs["masked_lm_weights"] > 0
    candidates = (input_mask == 1) & (ids != CLS) & (ids != SEP)
    assert used.sum() == candidates.sum()
    assert not np.isin(outputs["masked_lm_ids"][used], [PAD, CLS, SEP]).any()
    untouched = ~candidates
    np.testing.assert_array_equal(outputs["input_ids"][untouched], ids[untouched])


def test_whole_words_are_masked_whole_or_not_at_all():
    ids, input_mask = random_batch(4, rows=200)
    outputs = mask(ids, input_mask, np.zeros(200), np.arange(200), whole_word=True, slots=9)
    for row in range(200):
        used = outputs["masked_lm_weights"][row] > 0
        chosen = set(outputs["masked_lm_positions"][row][used].tolist())
        for position in range(1, ids.shape[1]):
            real = input_mask[row, position] and ids[row, position] not in (CLS, SEP)
            previous_is_word = ids[row, position - 1] not in (CLS, SEP)
            if real and previous_is_word and IS_CONTINUATION[ids[row, position]]:
                assert (position in chosen) == (position - 1 in chosen)


@EVERY_KIND
def test_a_mask_does_not_depend_on_the_batch_and_changes_with_epoch_and_example(kind):
    ids, input_mask = random_batch(5)
    zeros, examples = np.zeros(8), np.arange(8)
    whole = mask(ids, input_mask, zeros, examples, **kind)["input_ids"]
    parts = [
        mask(ids[i : i + 1], input_mask[i : i + 1], [0], [i], **kind)["input_ids"] for i in range(8)
    ]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    other_epoch = mask(ids, input_mask, zeros + 1, examples, **kind)["input_ids"]
    other_example = mask(ids, input_mask, zeros, examples + 8, **kind)["input_ids"]
    assert (whole != other_epoch).any() and (whole != other_example).any()


@EVERY_KIND
def test_a_row_of_padding_has_no_predictions(kind):
    ids, input_mask = np.array([[CLS, 0, 0]], np.int32), np.array([[1, 0, 0]], np.int32)
    outputs = mask(ids, input_mask, [0], [0], **kind)
    assert outputs["masked_lm_weights"].sum() == 0
    np.testing.assert_array_equal(outputs["input_ids"], ids)


def pack(ids, input_mask, groups, length):
    """Rows of several examples: `groups` says which rows of `ids` share a row."""
    shape = (len(groups), length)
    batch = {
        name: np.zeros(shape, np.int32)
        for name in ("input_ids", "input_mask", "position_ids", "example_ids")
    }
    index = np.zeros((len(groups), max(map(len, groups))), np.int64)
    for row, group in enumerate(groups):
        end = 0
        for number, example in enumerate(group):
            size = input_mask[example].sum()
            part = slice(end, end + size)
            batch["input_ids"][row, part] = ids[example, :size]
            batch["input_mask"][row, part] = 1
            batch["position_ids"][row, part] = np.arange(size)
            batch["example_ids"][row, part] = number + 1
            index[row, number] = example
            end += size
    return batch, index


@EVERY_KIND
@pytest.mark.parametrize("prob", [0.15, 0.6])
def test_examples_of_a_packed_row_are_masked_as_in_rows_of_their_own(kind, prob):
    ids, input_mask = random_batch(5, rows=9, length=24)
    groups = [[0, 1, 2], [3, 4], [5, 6, 7, 8]]
    batch, index = pack(ids, input_mask, groups, length=96)
    options = {**kind, "prob": prob, "slots": 96}
    packed = mask(**batch, epoch=[2, 2, 2], example=index, **options)
    alone = mask(ids, input_mask, np.full(9, 2), np.arange(9), **options)
    for row, group in enumerate(groups):
        labels = []
        end = 0
        for example in group:
            size = input_mask[example].sum()
            got = packed["input_ids"][row, end : end + size]
            assert got.tolist() == alone["input_ids"][example, :size].tolist()
            labels += alone["masked_lm_ids"][example][
                alone["masked_lm_weights"][example] > 0
            ].tolist()
            end += size
        used = packed["masked_lm_weights"][row] > 0
        assert packed["masked_lm_ids"][row][used].tolist() == labels


@EVERY_KIND
def test_a_packed_row_predicts_no_more_than_it_has_slots_and_leaves_the_rest_unmasked(kind):
    ids, input_mask = random_batch(6, rows=3, length=24)
    batch, index = pack(ids, input_mask, [[0, 1, 2]], length=72)
    masked = mask(**batch, epoch=[0], example=index, **kind, prob=0.5, slots=8)
    assert masked["masked_lm_weights"].sum() == 8
    last = masked["masked_lm_positions"].max()
    after = slice(last + 1, None)
    assert masked["input_ids"][0, after].tolist() == batch["input_ids"][0, after].tolist()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_ngram": 0, "whole_word": True}, "max_ngram is 0"),
        ({"max_ngram": 3}, "max_ngram is 3, but do_whole_word_mask is false"),
    ],
)
def test_ngrams_of_nothing_or_of_pieces_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        masking.Masker(TOKENIZER, **settings)


@pytest.mark.parametrize("kind", [TOKENS, WORDS])
def test_what_the_layout_adds_is_never_masked_and_all_else_may_be(kind):
    layout = RowLayout(before=(7,), between=(8, 9), after=(8,), pad=1)
    row = [7, 130, CLS, 150, 8, 9, SEP, 131, MASK, 8, 1, 1]
    ids = np.tile(np.array(row, np.int32), (300, 1))
    tokens = _Tokens()
    tokens.layout = layout
    masker = masking.Masker(tokens, SEED, 1.0, len(row), **kind)
    batch = {"input_ids": tf.constant(ids), "input_mask": tf.constant((ids != 1).astype(np.int32))}
    numbers = tf.range(300, dtype=tf.int64)
    found = masker(batch, tf.zeros_like(numbers), numbers)
    assert found["masked_lm_positions"].numpy()[:, :6].tolist() == [[1, 2, 3, 6, 7, 8]] * 300
    kept = [0, 4, 5, 9, 10, 11]
    np.testing.assert_array_equal(found["input_ids"].numpy()[:, kept], ids[:, kept])
