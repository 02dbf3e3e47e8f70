"""A second encoder and a second tokenizer, one file each, do all that BERT and WordPiece do.

Each capability is tried with one pair of members, by turns; scripts/development/check_all.py tries
every pair with all of them.
"""

import json
import shutil

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from bert_tf.tokenization.tokenizer import Tokenizer
from tests.export.models import without_clean_process
from tests.family import cases
from tests.family.pairs import OBJECTIVES, weights_of
from tests.scripts.conftest import ok_here, run_here


def rows_of(folder):
    """The rows of all shards as lists of ids."""
    paths = sorted(str(path) for path in folder.glob("*.tfrecord"))
    return [
        list(tf.train.Example.FromString(record).features.feature["input_ids"].int64_list.value)
        for record in tf.data.TFRecordDataset(paths).as_numpy_iterator()
    ]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_examples_have_the_layout_of_the_tokenizer(toys, objective):
    """`<s> A </s></s> B </s>`, whatever tells where B is from."""
    tokenizer = Tokenizer.from_folder(str(toys.texts / cases.LETTERS))
    first, end = tokenizer.cls_id, tokenizer.sep_id
    rows = rows_of(toys.records("train", objective))
    assert len(rows) > 20 and max(map(len, rows)) <= cases.LENGTH
    for row in rows:
        assert row[0] == first and row.count(first) == 1 and row[-1] == end
        if objective != "none":
            second = row.index(end)
            assert row[second : second + 2] == [end, end] and row.count(end) == 3


@pytest.mark.parametrize("kind", ["byte_pairs", "unigrams"])
def test_words_of_every_kind_are_masked_whole_and_reported(request, kind):
    pair = request.getfixturevalue(kind)
    flags = {"static_masks": True, "do_whole_word_mask": True, "max_ngram": 2}
    records = pair.records("valid", **flags, max_predictions_per_seq=12)
    begins_word = Tokenizer.from_folder(str(pair.texts / pair.tokenizer)).begins_word
    num_parts = 0
    for ids, masked, length in masked_rows_of(records):
        begins = begins_word[ids[:length]]
        begins[1] = True  # the first word of a text has no space before it
        word = np.cumsum(begins)
        for place in masked:
            assert set(np.flatnonzero(word == word[place])) <= masked
        num_parts += sum(not begins[place] for place in masked)
    assert num_parts > 10
    page = ok_here("report_pretraining_data", cases.MEMBERS, data=records)
    assert "tokens" in page


def masked_rows_of(folder):
    """(ids as they were, masked places, length) of each row."""
    for path in sorted(map(str, folder.glob("*.tfrecord"))):
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            ids = np.array(features["input_ids"].int64_list.value)
            count = int(sum(features["masked_lm_weights"].float_list.value))
            places = features["masked_lm_positions"].int64_list.value[:count]
            ids[places] = features["masked_lm_ids"].int64_list.value[:count]
            yield ids, set(places), int(sum(features["input_mask"].int64_list.value)) or len(ids)


def test_a_pretrained_model_is_evaluated_again_and_guesses_a_mask(toys):
    scores = toys.scores("pretraining")
    assert {"masked_lm_loss", "masked_lm_accuracy", "commonest_token_accuracy"} <= set(scores)
    assert toys.evaluated("pretraining") == pytest.approx(scores, rel=1e-5)
    answer = toys.answer(toys.pretrained(), "the c<mask>t saw <mask>.")
    tokens = Tokenizer.from_folder(str(toys.texts / cases.LETTERS)).tokens
    assert [len(guesses) for guesses in answer["masks"]] == [5, 5]
    assert all(guess["token"] in tokens for guesses in answer["masks"] for guess in guesses)


def test_a_model_folder_has_the_files_of_its_members(toys, toy_encoder, toy_tokenizer):
    own = {"task.json", "model.safetensors", "metrics.json", "tokenizer_config.json"}
    for pair, files in (
        (toys, {"config.json", "alphabet.json"}),
        (toy_encoder, {"config.json", "vocab.txt"}),
        (toy_tokenizer, {"bert_config.json", "alphabet.json"}),
    ):
        folder = pair.pretrained() / "model"
        assert {path.name for path in folder.iterdir()} == own | files
    config = json.loads((toys.pretrained() / "model" / "config.json").read_text())
    assert config["model_type"] == cases.TOY and config["d_embedding"] == 8


@pytest.mark.parametrize(
    ("pair", "task", "form"),
    [
        ("toys", "classification", "saved_model"),
        ("toy_encoder", "pairs", "onnx"),
        ("toy_tokenizer", "token_classification", "litert"),
        ("toys", "question_answering", None),
        ("toys", "pretraining", "onnx"),
        ("byte_pairs", "token_classification", "saved_model"),
        ("byte_pairs", "pretraining", None),
    ],
)
def test_a_task_is_learned_scored_answered_and_exported(request, pair, task, form):
    """The exported model answers what the model in the work directory does."""
    pair = request.getfixturevalue(pair)
    pair.learned(task)
    if form:
        with without_clean_process():
            exported = pair.exported(task, form)
        answers = [pair.answer(model, pair.line(task)) for model in (pair.model(task), exported)]
        assert close(*answers)


def close(first, second) -> bool:
    """Whether two answers are the same, numbers to five digits."""
    if isinstance(first, dict):
        return set(first) == set(second) and all(close(first[k], second[k]) for k in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(close, first, second))
    return first == pytest.approx(second, abs=1e-4) if isinstance(first, float) else first == second


def test_features_of_every_token_are_written(toy_tokenizer):
    first, *_ = toy_tokenizer.features()
    assert first["tokens"][:3] == ["<s>", "_h", "e"] and first["words"][:3] == [None, 0, 0]
    assert first["offsets"][1:5] == [[0, 1], [1, 2], [2, 3], [4, 5]]
    assert np.shape(first["layers"]) == (3, len(first["tokens"]), 16)


def test_a_conversion_to_hugging_face_and_back_is_exact(toys):
    """Of a masked LM, whose head is narrower than the encoder; the folder answers the same."""
    back = toys.converted("pretraining", "hugging_face")
    start, end = weights_of(toys.pretrained() / "model"), weights_of(back)
    assert set(start) == set(end) and len(start) > 35
    for path, weight in start.items():
        np.testing.assert_array_equal(end[path], weight, err_msg=path)
    line = toys.line("pretraining")
    assert toys.answer(back, line) == toys.answer(toys.pretrained(), line)


def test_a_variable_that_a_checkpoint_lacks_is_an_error(toys, tmp_path):
    shutil.copytree(toys.pretrained() / "model", tmp_path / "model")
    weights = weights_of(tmp_path / "model")
    (lost,) = (path for path in weights if path.endswith("group_1/ffn_norm/scale"))
    del weights[lost]
    safetensors.numpy.save_file(weights, tmp_path / "model" / "model.safetensors")
    process = run_here(
        "finetune",
        cases.MEMBERS,
        config=toys.config("classification"),
        train_data=toys.texts / "train.tsv",
        init_checkpoint=tmp_path / "model",
        work_dir=tmp_path / "work",
    )
    assert process.returncode == 1 and lost in process.stderr
    assert "Traceback" not in process.stderr and not (tmp_path / "work").exists()


def test_a_member_that_a_folder_names_is_not_imported(toys, tmp_path):
    """A model folder may be from anybody."""
    shutil.copytree(toys.pretrained() / "model", tmp_path / "model")
    for file in (tmp_path / "model").glob("*.json"):
        file.write_text(file.read_text().replace(cases.TOY, "antigravity.x"))
    process = run_here("predict", cases.MEMBERS, model=tmp_path / "model", stdin="a\n")
    assert process.returncode == 1 and "antigravity.x" in process.stderr
    assert "--members" in process.stderr and "Traceback" not in process.stderr
