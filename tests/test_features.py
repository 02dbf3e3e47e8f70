"""Vectors of tokens: the right ones, for the right characters, once."""

import dataclasses
import json

import numpy as np
import pytest

from bert_tf import model_folder
from bert_tf.inference import features
from tests.checkpoints.models import make_checkpoint

LINES = ["cat a dog", "Ab", "", "dog c, cat " * 9, "e"]


@pytest.fixture(scope="module")
def loaded():
    task, model = model_folder.build(make_checkpoint("embedding"))
    return task.tokenizer, model.encoder


def run(loaded, folder, lines=LINES, **changes):
    tokenizer, encoder = loaded
    options = {
        "layers": (-1, 0),
        "format": "jsonl",
        "max_seq_length": 12,
        "lines_per_shard": 2,
        "source": "here",
    }
    settings = features.Settings(**{**options, **changes})
    return features.extract(encoder, tokenizer, lines, str(folder), settings, batch_size=2)


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_vectors_are_those_of_the_encoder_with_words_and_characters(loaded, tmp_path):
    assert run(loaded, tmp_path) == 1
    records = [r for i in range(3) for r in read(tmp_path / f"features-0000{i}.jsonl")]
    assert [record["line"] for record in records] == [1, 2, 3, 4, 5]
    assert records[1]["tokens"] == ["[CLS]", "a", "##b", "[SEP]"]
    assert records[1]["words"] == [None, 0, 0, None]
    assert records[1]["offsets"] == [None, [0, 1], [1, 2], None]
    assert records[2]["tokens"] == ["[CLS]", "[SEP]"]
    assert len(records[3]["tokens"]) == 12
    tokenizer, encoder = loaded
    for record, text in zip(records, LINES, strict=True):
        batch = tokenizer.encode([text], max_seq_length=12, pad=False)
        states = encoder(batch["input_ids"], output_hidden_states=True)["hidden_states"]
        expected = [states[-1][0], states[0][0]]
        np.testing.assert_allclose(record["layers"], expected, atol=1e-5)


def test_numpy_files_hold_the_same(loaded, tmp_path):
    run(loaded, tmp_path / "j")
    run(loaded, tmp_path / "n", format="npy")
    for shard in range(3):
        lines = read(tmp_path / "j" / f"features-0000{shard}.jsonl")
        array = np.load(tmp_path / "n" / f"features-0000{shard}.npy")
        about = read(tmp_path / "n" / f"features-0000{shard}.tokens.jsonl")
        for line, other in zip(lines, about, strict=True):
            rows = array[other["first_row"] :][: len(other["tokens"])]
            np.testing.assert_allclose(np.moveaxis(rows, 1, 0), line["layers"], atol=1e-6)
            assert {k: line[k] for k in ("line", "tokens", "words", "offsets")} == {
                k: other[k] for k in ("line", "tokens", "words", "offsets")
            }


def test_a_second_run_writes_only_what_is_missing(loaded, tmp_path):
    run(loaded, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "features-00001.jsonl").unlink()
    (tmp_path / "features-00000.jsonl").write_text("kept")
    run(loaded, tmp_path)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after == {**before, "features-00000.jsonl": b"kept"}


OTHERS = {
    "layers": (1,),
    "format": "npy",
    "max_seq_length": 11,
    "lines_per_shard": 3,
    "source": "there",
    "model_files": "1" * 64,
    "input_sha256": "2" * 64,
}


def test_every_setting_decides_what_a_folder_belongs_to():
    assert set(OTHERS) == {field.name for field in dataclasses.fields(features.Settings)}


@pytest.mark.parametrize("name", OTHERS)
def test_a_folder_of_other_settings_is_refused_and_left_alone(loaded, tmp_path, name):
    run(loaded, tmp_path, lines=LINES[:1])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=f"was made with {name} .*Choose another folder"):
        run(loaded, tmp_path, **{name: OTHERS[name]})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_of_before_there_was_a_setting_goes_on(loaded, tmp_path):
    run(loaded, tmp_path, lines=LINES[:1])
    settings = tmp_path / "settings.json"
    values = json.loads(settings.read_text())
    del values["model_files"], values["input_sha256"]
    settings.write_text(json.dumps(values))
    run(loaded, tmp_path, lines=LINES[:1], input_sha256="2" * 64)


def test_a_layer_that_is_not_there_is_refused(loaded, tmp_path):
    with pytest.raises(ValueError, match=r"layers \[3\]: expected some of -3 to 2"):
        run(loaded, tmp_path, layers=(3,))
