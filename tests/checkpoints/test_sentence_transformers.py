"""Folders of sentence-transformers, versions 2 to 6: their steps are honoured or refused."""

import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.checkpoints import sentence_transformers
from bert_tf.checkpoints.source_files import Files
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.layers.pooling import pool
from bert_tf.tasks import embedding
from bert_tf.tasks.embedding.task import EmbeddingTask
from tests.checkpoints.models import make_checkpoint

OLD, NEW = "sentence_transformers.models", "sentence_transformers.base.modules"
TYPES = {
    "old": {name: f"{OLD}.{name}" for name in ("Transformer", "Pooling", "Dense", "Normalize")},
    "new": {
        "Transformer": f"{NEW}.transformer.Transformer",
        "Pooling": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
        "Dense": f"{NEW}.dense.Dense",
        "Normalize": f"{NEW}.normalize.Normalize",
        "LayerNorm": "sentence_transformers.sentence_transformer.modules.layer_norm.LayerNorm",
    },
}


def make(folder, version, *names, pooling=None, settings=None):
    modules = [
        {"idx": i, "name": str(i), "path": f"{i}_{name}" if i else "", "type": TYPES[version][name]}
        for i, name in enumerate(("Transformer", *names))
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling or {}))
    if settings is not None:
        (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    return Files(str(folder), str(folder))


@pytest.mark.parametrize("version", ["old", "new"])
@pytest.mark.parametrize("normalize", [True, False])
def test_normalisation_is_found_in_every_version(tmp_path, version, normalize):
    files = make(tmp_path, version, "Pooling", *["Normalize"] * normalize)
    found = sentence_transformers.read(files)
    assert found == {"pooling": "mean", "normalize": normalize, "prompt": ""}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"pooling_mode": "mean"}, "mean"),
        ({"pooling_mode": "weightedmean"}, "weighted_mean"),
        ({"pooling_mode": ["cls", "lasttoken"]}, "cls+last"),
        (
            {"pooling_mode_mean_sqrt_len_tokens": True, "pooling_mode_mean_tokens": False},
            "mean_sqrt_len",
        ),
        ({"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}, "cls+max"),
        ({"pooling_mode_weightedmean_tokens": True}, "weighted_mean"),
        ({"pooling_mode_lasttoken": True}, "last"),
    ],
)
def test_every_pooling_is_read(tmp_path, values, expected):
    files = make(tmp_path, "old", "Pooling", pooling=values)
    assert sentence_transformers.read(files)["pooling"] == expected


@pytest.mark.parametrize(
    ("version", "names", "message"),
    [
        ("old", ("Pooling", "Dense"), "the module sentence_transformers.models.Dense"),
        ("new", ("Pooling", "LayerNorm"), ".*layer_norm.LayerNorm .* makes another vector"),
        ("old", ("Normalize", "Pooling"), "the modules are Transformer, Normalize, Pooling"),
    ],
)
def test_other_steps_are_refused_in_one_line(tmp_path, version, names, message):
    with pytest.raises(ValueError, match=rf"modules\.json: {message}") as error:
        sentence_transformers.read(make(tmp_path, version, *names))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("pooling", "settings", "message"),
    [
        ({"pooling_mode": "median"}, None, "pooling_mode is 'median'; bert_tf reads cls, max"),
        ({"pooling_mode": 3}, None, "pooling_mode is 3"),
        ({}, {"default_prompt_name": "q", "prompts": {}}, "default_prompt_name is 'q', which is"),
        (
            {"include_prompt": False},
            {"default_prompt_name": "q", "prompts": {"q": "query: "}},
            "include_prompt is false",
        ),
    ],
)
def test_so_are_other_settings(tmp_path, pooling, settings, message):
    files = make(tmp_path, "new", "Pooling", pooling=pooling, settings=settings)
    with pytest.raises(ValueError, match=message):
        sentence_transformers.read(files)


def test_the_length_is_read_or_refused(tmp_path):
    files = Files(str(tmp_path), str(tmp_path))
    assert sentence_transformers.read_length(files) is None
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    assert sentence_transformers.read_length(files) == 128
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 10**40}))
    with pytest.raises(ValueError, match="max_seq_length is 1000"):
        sentence_transformers.read_length(files)


def test_a_default_prompt_stands_before_every_text(tmp_path):
    settings = {"default_prompt_name": "q", "prompts": {"q": "a b: ", "document": ""}}
    found = sentence_transformers.read(make(tmp_path, "new", "Pooling", settings=settings))
    assert found["prompt"] == "a b: "
    checkpoint = make_checkpoint("embedding")
    config = ExperimentConfig(task=embedding.Config(**found), model=checkpoint.config)
    config.data.max_seq_length = 16
    task = EmbeddingTask(config, checkpoint.tokenizer, None)
    plain = checkpoint.tokenizer.encode(["a b: cat"], max_seq_length=16, pad=False)
    assert task.encode(tf.constant(["cat"]))["input_ids"].numpy().tolist() == (
        plain["input_ids"].numpy().tolist()
    )


def test_poolings_are_what_they_are_called():
    values = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    mask = np.array([[1, 1, 1, 0], [1, 1, 1, 1]])
    rows = [values[0, :3], values[1]]
    expected = {
        "cls": [row[0] for row in rows],
        "max": [row.max(0) for row in rows],
        "mean": [row.mean(0) for row in rows],
        "mean_sqrt_len": [row.sum(0) / np.sqrt(len(row)) for row in rows],
        "weighted_mean": [np.average(row, 0, np.arange(1, len(row) + 1)) for row in rows],
        "last": [row[-1] for row in rows],
    }
    expected["cls+last"] = np.concatenate([expected["cls"], expected["last"]], axis=1)
    for how, wanted in expected.items():
        found = pool({"sequence_output": tf.constant(values)}, tf.constant(mask), how)
        np.testing.assert_allclose(found, np.array(wanted), rtol=1e-6, err_msg=how)
