"""Checkpoints of Hugging Face as users have them: wrapped, aliased, as tf_model.h5, damaged."""

import json
import pathlib
import shutil

import h5py
import numpy as np
import pytest

from bert_tf import model_folder
from bert_tf.checkpoints import checkpoint, hdf5, tensors
from bert_tf.models.bert import Config

GOLDEN = pathlib.Path(__file__).parents[1] / "testdata" / "hugging_face"
WORDS = "bert.embeddings.word_embeddings.weight"


@pytest.fixture
def folder(tmp_path):
    """A copy of a classifier."""
    copy = tmp_path / "model"
    shutil.copytree(GOLDEN / "BertForSequenceClassification", copy)
    return copy


def arrays(folder):
    file = tensors.SafetensorsFile(str(folder / "model.safetensors"))
    return {name: file.read(name) for name in file.shapes}


def write(folder, values, metadata=None):
    tensors.write(
        str(folder / "model.safetensors"),
        [(name, array.shape, lambda array=array: array) for name, array in values.items()],
        metadata=metadata,
    )


def change_config(folder, **changes):
    values = json.loads((folder / "config.json").read_text()) | changes
    kept = {key: value for key, value in values.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


def assert_same_weights(folder, kind="BertForSequenceClassification"):
    found, expected = (checkpoint.read(str(path)) for path in (folder, GOLDEN / kind))
    assert set(found.weights) == set(expected.weights)
    assert found.task == expected.task
    for name, array in expected.weights.items():
        np.testing.assert_array_equal(found.weights[name], array, name)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "net.encoder."])
def test_a_prefix_before_every_name_is_left_out(folder, prefix):
    write(folder, {prefix + name: array for name, array in arrays(folder).items()})
    assert_same_weights(folder)


def test_the_second_name_of_a_tensor_is_followed(folder):
    values = arrays(folder)
    values["tied"] = values.pop(WORDS)
    write(folder, values, metadata={"format": "pt", WORDS: "tied"})
    assert_same_weights(folder)


def test_names_that_nobody_knows_are_shown(folder):
    write(folder, {f"x{i}.{name}": array for i, (name, array) in enumerate(arrays(folder).items())})
    with pytest.raises(ValueError, match=r"are missing.*Found, but not used: 'x0\..*'x\d+\."):
        checkpoint.read(str(folder))


def test_metadata_that_are_no_strings_are_refused(folder):
    content = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length]) | {"__metadata__": [["a"]]}
    new = json.dumps(header).encode()
    data = len(new).to_bytes(8, "little") + new + content[8 + length :]
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match="__metadata__ is not an object of strings"):
        checkpoint.read(str(folder))


@pytest.mark.parametrize(
    ("given", "here"),
    [("swish", "silu"), ("gelu_python", "gelu"), ("gelu_fast", "gelu_new"), ("gelu", "gelu")],
)
def test_an_activation_has_the_name_that_it_has_here(folder, given, here):
    change_config(folder, hidden_act=given)
    assert checkpoint.read(str(folder)).config.hidden_act == here


def test_a_config_of_six_keys_beside_safetensors_is_in_the_words_of_hugging_face(folder):
    keys = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")
    values = json.loads((folder / "config.json").read_text())
    six = {key: values[key] for key in (*keys, "intermediate_size", "max_position_embeddings")}
    (folder / "config.json").write_text(json.dumps(six | {"hidden_act": "gelu"}))
    config = checkpoint.read(str(folder)).config
    assert config.hidden_act == "gelu" and config.layer_norm_eps == Config().layer_norm_eps
    six["vocab_file_is"] = "of Google, whose gelu is the tanh form"
    (folder / "bert_config.json").write_text(json.dumps(six | {"hidden_act": "gelu"}))
    (folder / "config.json").unlink()
    assert checkpoint.read(str(folder)).config.hidden_act == "gelu_new"


def h5_place(name, model):
    """Where the TensorFlow classes of transformers put a tensor, and whether they turn it."""
    words = name.split(".")
    words = words if words[0] in ("bert", "cls", "classifier") else ["bert", *words]
    last = words[-1]
    if "LayerNorm" in words:
        last = {"weight": "gamma", "bias": "beta"}[last]
    elif words[-2].endswith("_embeddings") and words[-2] != "word_embeddings":
        last = "embeddings"
    elif last == "weight" and words[-2] != "word_embeddings":
        last = "kernel"
    words[0] = words[0].replace("cls", "mlm___cls")
    path = "/".join(words[:-1]).replace("layer/", "layer_._")
    return f"/{words[0]}/{model}/{path}/{last}:0", last == "kernel"


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("BertModel", "tf_bert_model"),
        ("BertForMaskedLM", "tf_bert_for_masked_lm"),
        ("BertForSequenceClassification", "tf_bert_for_sequence_classification_1"),
    ],
)
def test_tf_model_h5_is_read_by_its_names(tmp_path, kind, model):
    for file in ("config.json", "vocab.txt"):
        shutil.copy(GOLDEN / kind / file, tmp_path)
    with h5py.File(tmp_path / "tf_model.h5", "w") as file:
        for name, array in arrays(GOLDEN / kind).items():
            place, is_turned = h5_place(name, model)
            if "decoder" not in name:  # tied
                file[place] = array.T if is_turned else array
    assert_same_weights(tmp_path, kind)


def test_an_hdf5_file_that_unpacks_to_more_than_it_can_hold_is_refused(tmp_path):
    path = str(tmp_path / "model.h5")
    with h5py.File(path, "w") as file:  # nothing is stored of it
        file.create_dataset(
            "a", (1 << 20, 1 << 10), np.float32, compression="gzip", chunks=(64, 64)
        )
    with pytest.raises(ValueError, match="/a claims 4,294,967,296 bytes, more than the file"):
        list(hdf5.datasets(path))


def test_an_hdf5_file_that_points_elsewhere_is_refused(tmp_path):
    path = str(tmp_path / "tf_model.h5")
    (tmp_path / "secret").write_bytes(b"12345678")

    def outside(file):
        file.create_dataset("a", (2,), "f4", external=[(str(tmp_path / "secret"), 0, 8)])

    def circle(file):
        file.create_group("a/b")
        file["a/b/c"] = file["a"]

    faults = [
        lambda file: file.__setitem__("a", h5py.ExternalLink(str(tmp_path / "other.h5"), "/a")),
        lambda file: file.__setitem__("a", h5py.SoftLink("/b")),
        lambda file: file.create_dataset("a", (1 << 40,), "f4", chunks=(1 << 10,)),
        outside,
        circle,
    ]
    for fault in faults:
        with h5py.File(path, "w") as file:
            fault(file)
        with pytest.raises(ValueError, match="link|no numbers|claims|circle"):
            list(hdf5.datasets(path))
    (tmp_path / "tf_model.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ValueError, match="not a whole HDF5 file"):
        list(hdf5.datasets(path))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(folder, number):
    values = arrays(folder)
    values[WORDS] = values[WORDS].copy()
    values[WORDS][1, 2] = number
    write(folder, values)
    with pytest.raises(ValueError, match="word_embeddings: 1 of its .* are NaN or infinite"):
        model_folder.load(str(folder))
    read = checkpoint.read(str(folder))
    with pytest.raises(ValueError, match="NaN or infinite"):
        model_folder.save_checkpoint(str(folder.parent / "converted"), read, {})
    assert not (folder.parent / "converted").exists()
