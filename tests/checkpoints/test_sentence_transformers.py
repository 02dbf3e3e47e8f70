"""Folders of sentence-transformers, versions 2 to 6: their steps are honoured or refused."""

import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf import model_folder
from bert_tf.checkpoints import checkpoint as foreign
from bert_tf.checkpoints import sentence_transformers, tensors
from bert_tf.checkpoints.source_files import Files
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.export.saved_model import export_saved_model
from bert_tf.layers.pooling import pool
from bert_tf.tasks import embedding
from bert_tf.tasks.embedding.task import EmbeddingTask
from tests.checkpoints.models import assert_same_weights, make_checkpoint
from tests.export.models import without_clean_process

HIDDEN = 32  # of `make_checkpoint`
TORCH = "torch.nn.modules"

OLD, NEW = "sentence_transformers.models", "sentence_transformers.base.modules"
TYPES = {
    "old": {
        name: f"{OLD}.{name}"
        for name in ("Transformer", "Pooling", "Dense", "LayerNorm", "Normalize", "CNN")
    },
    "new": {
        "Transformer": f"{NEW}.transformer.Transformer",
        "Pooling": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
        "Dense": f"{NEW}.dense.Dense",
        "Dropout": "sentence_transformers.sentence_transformer.modules.dropout.Dropout",
        "Normalize": f"{NEW}.normalize.Normalize",
        "LayerNorm": "sentence_transformers.sentence_transformer.modules.layer_norm.LayerNorm",
    },
}


def make(folder, version, *names, pooling=None, settings=None):
    modules = [
        {
            "idx": i,
            "name": str(i),
            "path": f"{i}_{name}" if i else "",
            "type": TYPES[version].get(name, name),
        }
        for i, name in enumerate(("Transformer", *names))
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    put(folder / "1_Pooling", pooling or {})
    if settings is not None:
        (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    return Files(str(folder), str(folder))


def put(folder, config, arrays=None):
    """A module's folder."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    if arrays:
        written = [(name, array.shape, lambda array=array: array) for name, array in arrays.items()]
        tensors.write(str(folder / "model.safetensors"), written)


def read(files):
    """What the folder says of an encoder as `make_checkpoint` makes it."""
    checkpoint = make_checkpoint("embedding")
    return sentence_transformers.read(files, checkpoint.config, checkpoint.tokenizer)


@pytest.mark.parametrize("version", ["old", "new"])
@pytest.mark.parametrize("normalize", [True, False])
def test_normalisation_is_found_in_every_version(tmp_path, version, normalize):
    files = make(tmp_path, version, "Pooling", *["Normalize"] * normalize)
    found = read(files).settings
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
    assert read(files).settings["pooling"] == expected


@pytest.mark.parametrize(
    ("version", "names", "message"),
    [
        ("old", ("Pooling", "CNN"), r"the module sentence_transformers.models.CNN \(2_CNN\) makes"),
        ("new", ("Pooling", "my_code.Dense"), "the module my_code.Dense .* makes another vector"),
        ("old", ("Normalize", "Pooling"), "the modules are Transformer, Normalize, Pooling"),
        ("old", ("Pooling", "Pooling"), "the modules are Transformer, Pooling, Pooling"),
        ("new", (), "expected Pooling behind Transformer, nothing is"),
    ],
)
def test_other_steps_are_refused_in_one_line(tmp_path, version, names, message):
    with pytest.raises(ValueError, match=rf"modules\.json: {message}") as error:
        read(make(tmp_path, version, *names))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("path", ["/etc", "../other"])
def test_a_module_outside_of_the_folder_is_refused(tmp_path, path):
    files = make(tmp_path, "new", "Pooling", "Dense")
    text = (tmp_path / "modules.json").read_text()
    (tmp_path / "modules.json").write_text(text.replace("2_Dense", path))
    with pytest.raises(ValueError, match=f"path is '{path}'; expected a folder inside this one"):
        read(files)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"in_features": 48}, "in_features is 48; bert_tf reads 32"),
        ({"out_features": "8"}, "out_features is '8'; expected a whole number from 1 on"),
        ({"out_features": 9}, r"linear.weight has shape \[8, 32\]; .*config.json says \[9, 32\]"),
        ({"activation_function": f"{TORCH}.activation.Mish"}, "is '.*Mish'; bert_tf reads torch"),
        ({"module_input_name": "token_embeddings"}, "module_input_name is 'token_embeddings'"),
        ({"use_residual": 1}, "use_residual is 1; expected true or false"),
        ({"use_residual": True}, "residual.weight has shape none"),
    ],
)
def test_a_dense_module_that_is_other_or_damaged_is_refused(tmp_path, changes, message):
    files = make(tmp_path, "new", "Pooling", "Dense")
    values = {"in_features": HIDDEN, "out_features": 8}
    arrays = {"linear.weight": np.zeros((8, HIDDEN)), "linear.bias": np.zeros(8)}
    put(tmp_path / "2_Dense", {**values, **changes}, arrays)
    with pytest.raises(ValueError, match=message) as error:
        read(files)
    assert "\n" not in str(error.value)


def test_the_weights_of_a_module_are_no_pickle(tmp_path):
    files = make(tmp_path, "new", "Pooling", "Dense")
    put(tmp_path / "2_Dense", {"in_features": HIDDEN, "out_features": 8})
    (tmp_path / "2_Dense" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=r"2_Dense/pytorch_model.bin is not read: it is a pickle"):
        read(files)


def dense(random, size, width, bias=True):
    arrays = {"linear.weight": random.normal(size=(width, size)).astype(np.float32)}
    return arrays | ({"linear.bias": random.normal(size=width).astype(np.float32)} if bias else {})


@pytest.fixture(scope="module")
def with_modules(tmp_path_factory):
    """A folder with modules of every kind, and what they do to pooled vectors."""
    folder = tmp_path_factory.mktemp("st") / "model"
    foreign.write(make_checkpoint("embedding"), str(folder), "hugging_face")
    settings = {"prompts": {"q": "cat: ", "d": ""}, "default_prompt_name": "q"}
    modes = {"pooling_mode": ["lasttoken", "cls"]}
    names = ("Pooling", "Dense", "LayerNorm", "Dense", "Dropout", "Dense", "Normalize")
    make(folder, "new", *names, pooling=modes, settings=settings)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 12}')
    random = np.random.default_rng(0)
    first, second, third = (
        dense(random, 2 * HIDDEN, 6),
        dense(random, 6, 4, bias=False) | {"residual.weight": random.normal(size=(4, 6))},
        dense(random, 4, 4),
    )
    norm = {"norm.weight": random.normal(size=6), "norm.bias": random.normal(size=6)}
    put(folder / "2_Dense", {"in_features": 2 * HIDDEN, "out_features": 6}, first)
    put(folder / "3_LayerNorm", {"dimension": 6}, norm)
    relu = {"activation_function": f"{TORCH}.activation.ReLU", "bias": False, "use_residual": True}
    put(folder / "4_Dense", {"in_features": 6, "out_features": 4, **relu}, second)
    put(folder / "5_Dropout", {"dropout": 0.3})
    last = {"activation_function": f"{TORCH}.linear.Identity", "use_residual": True}
    put(folder / "6_Dense", {"in_features": 4, "out_features": 4, **last}, third)

    def applied(x):
        x = np.tanh(x @ first["linear.weight"].T + first["linear.bias"])
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        x = x * norm["norm.weight"] + norm["norm.bias"]
        x = np.maximum(x @ second["linear.weight"].T, 0) + x @ second["residual.weight"].T
        x = x + x @ third["linear.weight"].T + third["linear.bias"]
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    return str(folder), applied


TEXTS = ["cat dog", "", "a b c cat dog a b c cat dog a b c"]


def test_modules_make_the_vector_in_their_order(with_modules):
    folder, applied = with_modules
    task, model = model_folder.load(folder)
    batch = task.encode(tf.constant(TEXTS))
    hidden = model.encoder(**batch_of(batch))["sequence_output"].numpy()
    last = batch["input_mask"].numpy().sum(1) - 1
    pooled = np.concatenate([hidden[np.arange(3), last], hidden[:, 0]], axis=1)
    found = task.decode(model(batch), batch)["embedding"].numpy()
    np.testing.assert_allclose(found, applied(pooled), rtol=1e-4, atol=1e-6)
    assert batch["input_ids"].shape == (3, 12)


def batch_of(batch):
    return {name: batch[name] for name in ("input_ids", "input_mask", "segment_ids")}


def test_they_are_written_back_and_kept_in_a_model_folder(with_modules, tmp_path):
    checkpoint = model_folder.read_checkpoint(with_modules[0])
    rows = foreign.write(checkpoint, str(tmp_path / "back"), "hugging_face")
    assert all(row.theirs for row in rows)
    model_folder.save_checkpoint(str(tmp_path / "own"), checkpoint, {})
    for name in ("back", "own"):
        again = model_folder.read_checkpoint(str(tmp_path / name))
        assert (again.task, again.facts, again.data) == (
            checkpoint.task,
            checkpoint.facts,
            checkpoint.data,
        )
        assert_same_weights(again, checkpoint)
    names = [m["path"] for m in json.loads((tmp_path / "back" / "modules.json").read_text())]
    assert names[:4] == ["", "1_Pooling", "2_Dense", "3_LayerNorm"]
    assert names[4:] == ["4_Dense", "5_Dropout", "6_Dense", "7_Normalize"]


def test_a_format_without_them_says_so(with_modules, tmp_path):
    checkpoint = model_folder.read_checkpoint(with_modules[0])
    with pytest.raises(ValueError, match=r"the way from tokens to a vector \(pooling 'last\+cls'"):
        foreign.write(checkpoint, str(tmp_path / "google"), "google")


def test_an_exported_model_has_them(with_modules, tmp_path):
    task, model = model_folder.load(with_modules[0])
    with without_clean_process():
        export_saved_model(task, model, str(tmp_path / "served" / "1"), TEXTS)
    served = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures
    batch = task.encode(tf.constant(TEXTS))
    expected = model(batch)["embedding"]
    by_ids = served["ids"](**batch_of(batch))["embedding"]
    np.testing.assert_allclose(by_ids, expected, rtol=1e-4, atol=1e-6)
    expected = task.decode({"embedding": expected}, batch)["embedding"]
    answers = served["serving_default"](text=tf.constant(TEXTS))["embedding"]
    np.testing.assert_allclose(answers, expected, rtol=1e-4, atol=1e-6)


def test_a_prompt_that_is_not_pooled_is_passed_over(tmp_path):
    values = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    mask = np.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
    rows = [values[0, 2:4], values[1, 2:]]
    expected = {
        "cls": [row[0] for row in rows],
        "max": [row.max(0) for row in rows],
        "mean": [row.mean(0) for row in rows],
        "mean_sqrt_len": [row.sum(0) / np.sqrt(len(row)) for row in rows],
        "weighted_mean": [np.average(row, 0, np.arange(3, len(row) + 3)) for row in rows],
        "last": [row[-1] for row in rows],
    }
    for how, wanted in expected.items():
        outputs = {"sequence_output": tf.constant(values)}
        found = pool(outputs, tf.constant(mask), how, pooled_from=2)
        np.testing.assert_allclose(found, np.array(wanted), rtol=1e-5, err_msg=how)
    settings = {"default_prompt_name": "q", "prompts": {"q": "cat a: "}}
    found = read(
        make(tmp_path, "new", "Pooling", pooling={"include_prompt": False}, settings=settings)
    )
    assert found.facts["pooled_from"] == 4  # [CLS] cat a [UNK]


@pytest.mark.parametrize(
    ("pooling", "settings", "message"),
    [
        ({"pooling_mode": "median"}, None, "pooling_mode is 'median'; bert_tf reads cls, max"),
        ({"pooling_mode": 3}, None, "pooling_mode is 3"),
        ({}, {"default_prompt_name": "q", "prompts": {}}, "default_prompt_name is 'q', which is"),
        (
            {},
            {"default_prompt_name": {"q": 1}, "prompts": {"q": ""}},
            "default_prompt_name is {'q'",
        ),
        ({"include_prompt": 0}, None, "include_prompt is 0; expected true or false"),
    ],
)
def test_so_are_other_settings(tmp_path, pooling, settings, message):
    files = make(tmp_path, "new", "Pooling", pooling=pooling, settings=settings)
    with pytest.raises(ValueError, match=message):
        read(files)


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
    found = read(make(tmp_path, "new", "Pooling", settings=settings)).settings
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
