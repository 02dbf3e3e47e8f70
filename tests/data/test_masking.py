"""Masking: equal bit for bit to a plain Python twin, and the shares it promises."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data import masking, order

PAD, UNK, CLS, SEP, MASK = range(5)
VOCAB_SIZE = 200
IS_CONTINUATION = np.arange(VOCAB_SIZE) >= 120
SEED = 77


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


def mask(ids, input_mask, epoch, example, *, whole_word, prob=0.15, slots=6):
    batch = {"input_ids": tf.constant(ids), "input_mask": tf.constant(input_mask)}
    outputs = masking.mask_tokens(
        batch,
        seed=SEED,
        epoch=tf.constant(epoch, tf.int64),
        example_index=tf.constant(example, tf.int64),
        masked_lm_prob=prob,
        max_predictions_per_seq=slots,
        cls_id=CLS,
        sep_id=SEP,
        mask_id=MASK,
        vocab_size=VOCAB_SIZE,
        is_continuation=tf.constant(IS_CONTINUATION) if whole_word else None,
    )
    return {name: value.numpy() for name, value in outputs.items()}


def twin_of_row(ids, input_mask, epoch, example, *, whole_word, prob=0.15, slots=6):
    """One row, in Python: (masked ids, positions, labels), positions and labels not padded."""

    def draw(position, stream):
        words = order.split_words(example)
        return int(order.hash_u32(SEED, epoch, *words, position, stream))

    words = []
    for position, (token, real) in enumerate(zip(ids.tolist(), input_mask.tolist(), strict=True)):
        if not real or token in (CLS, SEP):
            continue
        follows = bool(words) and words[-1][-1] == position - 1
        if whole_word and IS_CONTINUATION[token] and follows:
            words[-1].append(position)
        else:
            words.append([position])
    number = min(slots, max(1, round(prob * sum(map(len, words)))))
    words.sort(key=lambda word: (draw(word[0], order.STREAM_MASK_ORDER), word[0]))
    chosen = []
    for word in words:
        if len(chosen) + len(word) <= number:
            chosen += word
    masked = ids.copy()
    for position in chosen:
        kind = draw(position, order.STREAM_MASK_KIND) / 2**32
        if kind < 0.8:
            masked[position] = MASK
        elif kind >= 0.9:
            masked[position] = draw(position, order.STREAM_MASK_TOKEN) * VOCAB_SIZE // 2**32
    return masked, sorted(chosen), ids[sorted(chosen)].tolist()


@pytest.mark.parametrize("whole_word", [False, True])
@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(0, 2**40), st.integers(0, 5000), st.floats(0.01, 1))
def test_masks_equal_the_plain_python_twin(whole_word, seed, first_example, epoch, prob):
    ids, input_mask = random_batch(seed)
    examples = first_example + 3 * np.arange(len(ids))
    epochs = epoch + np.arange(len(ids))
    outputs = mask(ids, input_mask, epochs, examples, whole_word=whole_word, prob=prob)
    for row in range(len(ids)):
        counters = (int(epochs[row]), int(examples[row]))
        masked, positions, labels = twin_of_row(
            ids[row], input_mask[row], *counters, whole_word=whole_word, prob=prob
        )
        filler = [0] * (6 - len(positions))
        assert outputs["input_ids"][row].tolist() == masked.tolist()
        assert outputs["masked_lm_positions"][row].tolist() == positions + filler
        assert outputs["masked_lm_ids"][row].tolist() == labels + filler
        assert outputs["masked_lm_weights"][row].tolist() == [1.0] * len(positions) + filler


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2**62), min_size=1, max_size=5))
@settings(deadline=None, max_examples=50)
def test_the_hash_in_tensorflow_equals_the_one_in_numpy(seed, counters):
    tensors = [tf.constant(counter, tf.int64) for counter in counters]
    assert int(masking.hash_u32(seed, *tensors)) == int(order.hash_u32(seed, *counters))


def test_shares_are_80_10_10_of_15_percent_over_100_000_masked_tokens():
    rows, length = 5600, 122  # 120 candidates: 18 predictions a row
    ids = np.full((rows, length), 50, np.int32)
    ids[:, 0], ids[:, -1] = CLS, SEP
    outputs = mask(
        ids, np.ones_like(ids), np.zeros(rows), np.arange(rows), whole_word=False, slots=20
    )
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


def test_only_real_tokens_but_cls_and_sep_are_predicted():
    ids, input_mask = random_batch(3, rows=200)
    outputs = mask(
        ids, input_mask, np.zeros(200), np.arange(200), whole_word=False, prob=1.0, slots=40
    )
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


def test_a_mask_does_not_depend_on_the_batch_and_changes_with_epoch_and_example():
    ids, input_mask = random_batch(5)
    zeros, examples = np.zeros(8), np.arange(8)
    whole = mask(ids, input_mask, zeros, examples, whole_word=False)["input_ids"]
    parts = [
        mask(ids[i : i + 1], input_mask[i : i + 1], [0], [i], whole_word=False)["input_ids"]
        for i in range(8)
    ]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    other_epoch = mask(ids, input_mask, zeros + 1, examples, whole_word=False)["input_ids"]
    other_example = mask(ids, input_mask, zeros, examples + 8, whole_word=False)["input_ids"]
    assert (whole != other_epoch).any() and (whole != other_example).any()


def test_a_row_of_padding_has_no_predictions():
    ids, input_mask = np.array([[CLS, 0, 0]], np.int32), np.array([[1, 0, 0]], np.int32)
    outputs = mask(ids, input_mask, [0], [0], whole_word=False)
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


@pytest.mark.parametrize("whole_word", [False, True])
@pytest.mark.parametrize("prob", [0.15, 0.6])
def test_examples_of_a_packed_row_are_masked_as_in_rows_of_their_own(whole_word, prob):
    ids, input_mask = random_batch(5, rows=9, length=24)
    groups = [[0, 1, 2], [3, 4], [5, 6, 7, 8]]
    batch, index = pack(ids, input_mask, groups, length=96)
    options = {"whole_word": whole_word, "prob": prob}
    packed = masking.mask_tokens(
        {name: tf.constant(value) for name, value in batch.items()},
        seed=SEED,
        epoch=tf.constant([2, 2, 2], tf.int64),
        example_index=tf.constant(index),
        masked_lm_prob=prob,
        max_predictions_per_seq=96,
        cls_id=CLS,
        sep_id=SEP,
        mask_id=MASK,
        vocab_size=VOCAB_SIZE,
        is_continuation=tf.constant(IS_CONTINUATION) if whole_word else None,
    )
    alone = mask(ids, input_mask, np.full(9, 2), np.arange(9), **options, slots=96)
    for row, group in enumerate(groups):
        labels = []
        end = 0
        for example in group:
            size = input_mask[example].sum()
            got = packed["input_ids"][row, end : end + size].numpy()
            assert got.tolist() == alone["input_ids"][example, :size].tolist()
            labels += alone["masked_lm_ids"][example][
                alone["masked_lm_weights"][example] > 0
            ].tolist()
            end += size
        used = packed["masked_lm_weights"][row].numpy() > 0
        assert packed["masked_lm_ids"][row].numpy()[used].tolist() == labels


def test_a_packed_row_predicts_no_more_than_it_has_slots_and_leaves_the_rest_unmasked():
    ids, input_mask = random_batch(6, rows=3, length=24)
    batch, index = pack(ids, input_mask, [[0, 1, 2]], length=72)
    masked = masking.mask_tokens(
        {name: tf.constant(value) for name, value in batch.items()},
        seed=SEED,
        epoch=tf.constant([0], tf.int64),
        example_index=tf.constant(index),
        masked_lm_prob=0.5,
        max_predictions_per_seq=8,
        cls_id=CLS,
        sep_id=SEP,
        mask_id=MASK,
        vocab_size=VOCAB_SIZE,
    )
    assert masked["masked_lm_weights"].numpy().sum() == 8
    last = masked["masked_lm_positions"].numpy().max()
    after = slice(last + 1, None)
    assert masked["input_ids"][0, after].numpy().tolist() == batch["input_ids"][0, after].tolist()
