"""ELECTRA's pretraining with the scripts: a run that goes on, its scores and its answers."""

import json
import shutil

import numpy as np
import pytest
import safetensors.numpy

from tests.scripts.conftest import config_text, ok_here, run_here

_FILE = "model.safetensors"


@pytest.fixture(scope="module")
def flags(work, tmp_path_factory):
    """Of pretrain.py, without a work directory."""
    folder = tmp_path_factory.mktemp("electra")
    text = config_text("replaced_tokens").replace("20, steps_per_loop=5", "6, steps_per_loop=2")
    text = text.replace("BertConfig(", "electra.Config(embedding_size=16, ")
    text = text.replace("Config()", "Config(max_predictions_per_seq=5)")
    text = text.replace("import *", "import *\nfrom bert_tf.models import electra", 1)
    (folder / "config.py").write_text(text)
    return {
        "config": folder / "config.py",
        "train_data": work / "train",
        "eval_data": work / "valid",
        "config.train.checkpoint_every": 4,
        "config.train.dtype": "mixed_bfloat16",
    }


@pytest.fixture(scope="module")
def unbroken(flags, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    ok_here("pretrain", **flags, work_dir=folder)
    return folder


def test_a_resumed_run_leaves_the_same_two_models_bit_for_bit(flags, unbroken, tmp_path):
    shutil.copytree(unbroken, tmp_path, dirs_exist_ok=True)
    for name in ("model", "generator", "checkpoints/step-00000006"):
        shutil.rmtree(tmp_path / name)
    ok_here("pretrain", **flags, **{"config.train.num_micro_batches": 1}, work_dir=tmp_path)
    for name in ("model", "generator"):
        expected, found = (
            safetensors.numpy.load_file(folder / name / _FILE) for folder in (unbroken, tmp_path)
        )
        assert set(found) == set(expected)
        for path, array in found.items():
            np.testing.assert_array_equal(array, expected[path], err_msg=path)


def test_the_model_is_scored_and_asked(unbroken, work, tmp_path):
    expected = json.loads((unbroken / "model" / "metrics.json").read_text())["eval"]
    assert {"discriminator_auc", "sampled_accuracy", "commonest_token_accuracy"} <= set(expected)
    flags = {"model": unbroken, "data": work / "valid", "output": tmp_path / "scores.json"}
    ok_here("evaluate", **flags)
    found = json.loads((tmp_path / "scores.json").read_text())
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    answered = run_here("predict", stdin="the hen sees the dog .\n", model=unbroken)
    (line,) = answered.stdout.splitlines()
    tokens = json.loads(line)["tokens"]
    assert "dog" in [found["token"] for found in tokens]
    assert all(0 < found["replaced"] < 1 for found in tokens)
