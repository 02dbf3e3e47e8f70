"""The scripts on checkpoints of other projects, as a user runs them."""

import json

import numpy as np
import pytest

from bert_tf import model_folder
from bert_tf.checkpoints import checkpoint
from tests.checkpoints.models import assert_same_weights, make_checkpoint
from tests.scripts.conftest import ok_here, run_here


@pytest.fixture(scope="module")
def hugging_face(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hf") / "model"
    checkpoint.write(make_checkpoint(), str(folder), "hugging_face")
    return folder


def test_convert_prints_every_tensor_and_the_way_back_gives_the_same(tmp_path, hugging_face):
    out = ok_here("convert_checkpoint", input=hugging_face, output=tmp_path / "own", to="bert_tf")
    assert out.count("46 matched, 0 not") == 2
    words = "bert.embeddings.word_embeddings.weight"
    assert f"{words}" in out and "bert/embeddings/word_embeddings" in out and "64x32" in out
    out = ok_here("convert_checkpoint", input=tmp_path / "own", output=tmp_path / "g", to="google")
    assert "bert_model.ckpt" in {p.stem for p in (tmp_path / "g").iterdir()}
    assert_same_weights(make_checkpoint(), model_folder.read_checkpoint(str(tmp_path / "g")))


def test_what_keras_cannot_hold_is_refused_and_with_allow_lossy_measured(tmp_path, hugging_face):
    flags = {"input": hugging_face, "output": tmp_path / "k", "to": "keras"}
    process = run_here("convert_checkpoint", **flags)
    assert process.returncode == 1
    assert "the next-sentence head: keras has none" in process.stderr
    assert not (tmp_path / "k").exists()
    out = ok_here("convert_checkpoint", "--allow_lossy", **flags)
    assert "LOST: the next-sentence head" in out
    assert "largest difference of sequence_output: 0.0e+00" in out
    assert "largest difference of masked_lm_logits" in out


def test_predict_takes_a_foreign_checkpoint(hugging_face):
    out = ok_here("predict", model=hugging_face, task="embed", stdin="cat a dog\nb\n")
    vectors = [json.loads(line)["embedding"] for line in out.splitlines()]
    assert np.shape(vectors) == (2, 32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    out = ok_here("predict", model=hugging_face, task="fill_mask", stdin="cat [MASK] dog\n")
    assert len(json.loads(out)["masks"][0]) == 5
    process = run_here("predict", model=hugging_face, task="classify", stdin="cat\n")
    assert "--task=classify needs the head of 'classification'" in process.stderr


def test_finetune_starts_from_a_foreign_checkpoint(tmp_path, work, hugging_face):
    out = ok_here(
        "finetune",
        config=work / "classification.py",
        train_data=work / "train.tsv",
        init_checkpoint=hugging_face,
        work_dir=tmp_path / "w",
        **{"config.train.num_train_steps": 1, "config.data.max_seq_length": 16},
    )
    assert "model:" in out
    assert model_folder.read_checkpoint(str(tmp_path / "w")).config.num_attention_heads == 4


def test_extract_features_writes_shards(tmp_path, hugging_face):
    (tmp_path / "in.txt").write_text("cat a dog\nb\n")
    flags = {"model": hugging_face, "input": tmp_path / "in.txt", "output_dir": tmp_path / "f"}
    ok_here("extract_features", layers="-1,0", format="npy", **flags)
    assert np.load(tmp_path / "f" / "features-00000.npy").shape == (8, 2, 32)
    process = run_here("extract_features", max_seq_length=17, **flags)
    assert "--max_seq_length is 17, but the model takes at most 16" in process.stderr
