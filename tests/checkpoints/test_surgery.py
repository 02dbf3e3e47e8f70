"""Another vocabulary, another number of positions."""

import numpy as np
import pytest

from bert_tf import model_folder
from bert_tf.checkpoints import surgery
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from tests.checkpoints.models import VOCABULARY, make_checkpoint
from tests.tasks import test_replaced_tokens

WORDS = "bert/embeddings/word_embeddings"
BIAS = "cls/predictions/output_bias"
POSITIONS = "bert/embeddings/position_embeddings"


@pytest.fixture
def vocab_file(tmp_path):
    tokens = [*SPECIAL_TOKENS, "dog", "a", "doc", "##bc", "é", "##a"]
    Vocabulary(tokens).save(str(tmp_path / "vocab.txt"))
    return str(tmp_path / "vocab.txt")


def test_shared_tokens_keep_their_rows_and_new_ones_start_from_their_pieces(vocab_file):
    before = make_checkpoint()
    after = surgery.with_vocabulary(before, vocab_file)
    for path in (WORDS, BIAS):
        old, new = before.weights[path], after.weights[path]
        row = {token: old[VOCABULARY.id_of(token)] for token in VOCABULARY.tokens}
        assert new.shape == (11, *old.shape[1:])
        np.testing.assert_array_equal(new[:7], [row[t] for t in (*SPECIAL_TOKENS, "dog", "a")])
        np.testing.assert_allclose(new[7], (row["d"] + row["##o"] + row["##c"]) / 3, rtol=1e-6)
        np.testing.assert_allclose(new[8], (row["##b"] + row["##c"]) / 2, rtol=1e-6)
        np.testing.assert_array_equal(new[9], row["[UNK]"])
        np.testing.assert_array_equal(new[10], row["##a"])
    assert after.config.vocab_size == len(after.tokenizer) == 11


def test_the_new_vocabulary_can_be_saved_and_loaded(tmp_path, vocab_file):
    after = surgery.with_vocabulary(make_checkpoint(), vocab_file)
    model_folder.save_checkpoint(str(tmp_path / "own"), after, {})
    task, model = model_folder.load(str(tmp_path / "own"))
    batch = task.encode(["doc [MASK]"])
    assert model(batch)["masked_lm_logits"].shape == (1, 1, 11)


@pytest.mark.parametrize("number", [5, 16, 37])
def test_positions_are_cut_or_repeated(number):
    before = make_checkpoint()
    after = surgery.with_positions(before, number)
    expected = np.concatenate([before.weights[POSITIONS]] * 3)[:number]
    np.testing.assert_array_equal(after.weights[POSITIONS], expected)
    assert after.config.max_position_embeddings == number
    assert after.data.max_seq_length == min(16, number)


@pytest.mark.parametrize("untied", [False, True])
def test_the_tables_of_a_generator_change_with_those_of_its_discriminator(tmp_path, untied):
    task = test_replaced_tokens.make(untied_generator_embeddings=untied)
    model_folder.save(str(tmp_path / "electra"), task, task.build_model(), {})
    tokens = [*SPECIAL_TOKENS, "b", "ab"]
    Vocabulary(tokens).save(str(tmp_path / "vocab.txt"))
    before = model_folder.read_checkpoint(str(tmp_path / "electra"))
    after = surgery.with_vocabulary(before, str(tmp_path / "vocab.txt"))
    path = f"generator/{BIAS}"
    old = before.weights[path]
    np.testing.assert_array_equal(after.weights[path][:6], [*old[:5], old[6]])
    longer = surgery.with_positions(after, 20)
    model_folder.save_checkpoint(str(tmp_path / "own"), longer, {})
    _, model = model_folder.load(str(tmp_path / "own"))
    tables = [w for w in model.weights if "word_embeddings" in w.path]
    assert [w.shape[0] for w in tables] == [7] * (1 + untied)
