"""`bert_tf.load_tokenizer`: a tokenizer without a model, on strings, lists and tensors."""

import json

import numpy as np
import pytest
import tensorflow as tf

import bert_tf
from bert_tf import model_folder
from bert_tf.checkpoints import hugging_face_word_piece
from bert_tf.tokenization.added_tokens import AddedToken
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from tests.tokenization import byte_pair_vocabularies
from tests.tokenization.test_vectors import FOLDER

TEXT = "The quick brown fox."
NAMES = ("wordpiece_uncased", "wordpiece_cased", "byte_pair", "albert", "xlm_roberta")


@pytest.fixture(scope="module", params=NAMES)
def tokenizer(request):
    return bert_tf.load_tokenizer(str(FOLDER / request.param))


def test_a_single_text_gives_its_tokens_without_a_row_around_them(tokenizer):
    ids = tokenizer.tokenize(TEXT)
    assert ids.shape.rank == 1
    for texts in ([TEXT], tf.constant([TEXT]), np.array([TEXT])):
        assert tokenizer.tokenize(texts).to_list() == [ids.numpy().tolist()]
    for one, many in zip(
        tokenizer.tokenize_with_offsets(TEXT),
        tokenizer.tokenize_with_offsets([TEXT, ""]),
        strict=True,
    ):
        assert many.to_list() == [one.numpy().tolist(), []]


def test_a_single_text_or_pair_is_encoded_as_one_row(tokenizer):
    for pair in (None, "A dog."):
        row = tokenizer.encode(TEXT, pair)
        rows = tokenizer.encode([TEXT], pair and [pair], max_seq_length=100, pad=False)
        assert row["input_ids"].shape.rank == 1 and row["num_truncated_tokens"] == 0
        for name, values in rows.items():
            np.testing.assert_array_equal(row[name], values[0])
    padded = tokenizer.encode(TEXT, max_seq_length=60)
    assert padded["input_ids"].shape == [60]


def test_ids_of_any_form_are_decoded(tokenizer):
    ids = tokenizer.tokenize(TEXT)
    expected = tokenizer.decode(tf.RaggedTensor.from_row_lengths(ids, [len(ids)])).numpy()[0]
    for form in (ids, ids.numpy(), ids.numpy().tolist(), tokenizer.encode(TEXT)["input_ids"]):
        assert tokenizer.decode(form).numpy() == expected
    for form in ([ids.numpy().tolist(), []], tokenizer.tokenize([TEXT, ""])):
        assert tokenizer.decode(form).numpy().tolist() == [expected, b""]


def test_a_file_or_a_folder_or_a_model_names_it(tmp_path):
    byte_pair = byte_pair_vocabularies.tokenizer()
    byte_pair.save(str(tmp_path / "own"))
    byte_pair.save(str(tmp_path / "work" / "model"))
    (tmp_path / "work" / "model" / "task.json").write_text("{}")
    for path in (
        "own",
        "own/",
        "own/vocab.json",
        "own/tokenizer_config.json",
        "work",
        "work/model",
    ):
        assert bert_tf.load_tokenizer(str(tmp_path / path)).identity == byte_pair.identity
    (tmp_path / "other.txt").write_text((FOLDER / "wordpiece_cased" / "vocab.txt").read_text())
    other = bert_tf.load_tokenizer(str(tmp_path / "other.txt"))
    assert type(other) is WordPieceTokenizer and other.do_lower_case is False
    (tmp_path / "google").mkdir()
    (tmp_path / "other.txt").rename(tmp_path / "google" / "vocab.txt")
    google = bert_tf.load_tokenizer(str(tmp_path / "google" / "vocab.txt"))
    assert google.max_input_chars_per_word == 200
    (tmp_path / "google" / "config.json").write_text(json.dumps({"model_type": "bert"}))
    there = bert_tf.load_tokenizer(str(tmp_path / "google"))  # now it is one of Hugging Face
    assert there.max_input_chars_per_word == 100 and there.identity == google.identity


@pytest.mark.parametrize("path", ["none", "empty"])
def test_a_path_without_a_tokenizer_is_one_line(tmp_path, path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no such file|expected the files of a tokenizer") as error:
        bert_tf.load_tokenizer(str(tmp_path / path))
    assert "\n" not in str(error.value) and path in str(error.value)


def test_the_base_class_says_what_to_call():
    with pytest.raises(TypeError, match=r"load_tokenizer\('vocab.txt'\)"):
        bert_tf.Tokenizer("vocab.txt")


def test_a_matrix_of_texts_is_refused(tokenizer):
    with pytest.raises(ValueError, match="expected a text or a vector"):
        tokenizer.tokenize([[TEXT]])


def test_a_folder_of_hugging_face_is_read_by_one_reader_or_refused(tmp_path):
    """What Python and the commands load is the same; no half of it is read."""
    tokenizer = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "mo", "m\u00f6", "new"]))
    added = [AddedToken("[E1]", len(tokenizer.vocabulary_tokens), normalized=True)]
    tokenizer = WordPieceTokenizer(tokenizer.vocabulary, strip_accents=False, added=added)
    hugging_face_word_piece.write(tokenizer, str(tmp_path), 16)
    for path in (tmp_path, tmp_path / "vocab.txt"):
        assert model_folder.load_tokenizer(str(path)).settings() == (
            bert_tf.load_tokenizer(str(path)).settings()
        )
        with pytest.raises(
            ValueError, match=r"of Hugging Face; bert_tf.load_tokenizer\('.*reads it"
        ):
            Tokenizer.from_folder(str(path))
    found = bert_tf.load_tokenizer(str(tmp_path))
    assert (found.strip_accents, found.added) == (False, tokenizer.added)
    assert (
        found.tokenize("m\u00f6 [E1]").numpy().tolist()
        == tokenizer.tokenize("m\u00f6 [E1]").numpy().tolist()
    )


def test_settings_can_be_changed_when_it_is_loaded(tmp_path, caplog):
    hugging_face_word_piece.write(
        WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "A", "b"])), str(tmp_path), 16
    )
    with caplog.at_level("WARNING", logger="absl"):
        found = bert_tf.load_tokenizer(str(tmp_path), do_lower_case=False)
    assert f"{tmp_path} was saved with do_lower_case=True" in caplog.text
    assert found.tokenize("A").numpy().tolist() == [5]
    with pytest.raises(ValueError, match=f"{tmp_path}: a tokenizer of kind 'wordpiece' has no set"):
        bert_tf.load_tokenizer(str(tmp_path), family="albert")
