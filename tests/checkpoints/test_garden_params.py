"""What Model Garden's params.yaml adds to a checkpoint without a bert_config.json."""

import copy
import dataclasses
import pathlib

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.checkpoints import checkpoint, garden_params
from bert_tf.checkpoints.model_variables import variables_of
from bert_tf.models.albert import AlbertConfig
from bert_tf.models.bert.checkpoint_names import GARDEN
from tests.checkpoints.models import make_checkpoint, make_config

HEADS = frozenset(["masked_lm", "next_sentence"])
ENCODER = {
    "attention_dropout_rate": 0.2,
    "dropout_rate": 0.3,
    "embedding_size": None,
    "hidden_activation": "relu",
    "hidden_size": 32,
    "initializer_range": 0.05,
    "intermediate_size": 48,
    "max_position_embeddings": 16,
    "norm_first": False,
    "num_attention_heads": 4,
    "num_layers": 2,
    "type_vocab_size": 2,
    "vocab_size": 64,
}
MODEL = {
    "cls_heads": [{"activation": "tanh", "name": "next_sentence", "num_classes": 2}],
    "encoder": {"type": "bert", "bert": ENCODER},
    "mlm_activation": "gelu",
}
EXPERIMENT = {"runtime": {"mixed_precision_dtype": "bfloat16"}, "task": {"model": MODEL}}


@pytest.fixture
def folder(tmp_path):
    """A pretrainer's checkpoint without its bert_config.json."""
    checkpoint.write(make_checkpoint(), str(tmp_path / "garden"), "garden")
    (tmp_path / "garden" / "bert_config.json").unlink()
    return tmp_path / "garden"


def write(folder, values):
    (folder / "params.yaml").write_text(yaml.dump(values))


def changed(part, **changes):
    """The experiment with other values in its encoder's settings, its model or its head."""
    values = copy.deepcopy(EXPERIMENT)
    model = values["task"]["model"]
    parts = {"model": model, "encoder": model["encoder"], "bert": model["encoder"]["bert"]}
    parts["head"] = model["cls_heads"][0]
    parts[part].update(changes)
    return values


def test_activations_and_rates_are_those_of_the_experiment(folder):
    write(folder, EXPERIMENT)
    config = checkpoint.read(str(folder)).config
    assert (config.hidden_act, config.masked_lm_hidden_act) == ("relu", "gelu_new")
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.3, 0.2)
    assert config.initializer_range == 0.05


@pytest.mark.parametrize("values", [MODEL, MODEL["encoder"]], ids=["model", "encoder"])
def test_a_file_with_a_part_of_the_experiment_is_read(folder, values):
    write(folder, values)
    assert checkpoint.read(str(folder)).config.hidden_act == "relu"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("gelu", "gelu_new"), ("GELU", "gelu_new"), ("swish", "silu"), ("tanh", "tanh")],
)
def test_activations_have_model_gardens_meaning(folder, name, expected):
    write(folder, changed("bert", hidden_activation=name))
    assert checkpoint.read(str(folder)).config.hidden_act == expected


def test_one_activation_for_both_is_said_once(folder):
    write(folder, changed("bert", hidden_activation="gelu"))
    assert checkpoint.read(str(folder)).config.masked_lm_hidden_act == ""


def test_heads_that_the_checkpoint_does_not_have_do_not_matter(tmp_path):
    checkpoint.write(make_checkpoint("embedding"), str(tmp_path / "garden"), "garden")
    (tmp_path / "garden" / "bert_config.json").unlink()
    values = changed("model", mlm_activation="mish", cls_heads=[{"activation": "relu"}])
    write(tmp_path / "garden", values)
    config = checkpoint.read(str(tmp_path / "garden")).config
    assert (config.hidden_act, config.masked_lm_hidden_act) == ("relu", "")


def test_bert_config_json_wins(tmp_path):
    checkpoint.write(make_checkpoint(), str(tmp_path / "garden"), "garden")
    write(tmp_path / "garden", EXPERIMENT)
    assert checkpoint.read(str(tmp_path / "garden")).config.hidden_act == "gelu_new"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (changed("bert", hidden_activation="mish"), "hidden_activation is 'mish'; supported"),
        (changed("model", mlm_activation=None), "mlm_activation is None; supported"),
        (changed("bert", norm_first=True), "norm_first is True; only False"),
        (changed("head", activation="relu"), "activation is 'relu'; only 'tanh'"),
        (changed("bert", num_layers=3), "num_layers is 3, but the weights have 2"),
        (changed("bert", dropout_rate="much"), "hidden_dropout_prob is 'much'"),
        (changed("encoder", type="albert"), "type is 'albert'; expected bert"),
        ({"task": {}}, "type is None; expected bert"),
        ([1, 2], "found list; expected keys and values"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_bert_tf_cannot_compute_is_refused(folder, values, message):
    write(folder, values)
    with pytest.raises(ValueError, match=rf"params\.yaml: .*{message}"):
        checkpoint.read(str(folder))


MERGES = ["a0: &a0 {x: 1}"] + [f"a{i + 1}: &a{i + 1} {{<<: [*a{i}, *a{i}]}}" for i in range(60)]


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: !!python/object/apply:os.system ['true']",
        "a: !!timestamp x",
        "[" * 5000,
        "\n".join(MERGES),
        "a: " + "x" * (1 << 18),
    ],
    ids=["cut", "object", "timestamp", "deep", "merges", "large"],
)
def test_damaged_and_hostile_files_are_refused(folder, text):
    (folder / "params.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"params\.yaml: not Model Garden's YAML"):
        checkpoint.read(str(folder))


@settings(deadline=None)
@given(st.data())
def test_damaged_bytes_are_read_or_refused(tmp_path_factory, data):
    content = bytearray(yaml.dump(EXPERIMENT).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content)))
        content[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=3))
    path = pathlib.Path(tmp_path_factory.getbasetemp()) / "params.yaml"
    path.write_bytes(content)
    try:
        garden_params.complete(make_config(), GARDEN.params, str(path), HEADS)
    except ValueError as error:
        assert str(path) in str(error)


def albert(**changes):
    """An ALBERT without weights, that Model Garden can hold."""
    sizes = {"vocab_size": 64, "embedding_size": 8, "hidden_size": 16, "intermediate_size": 20}
    sizes |= {"num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 16}
    config = AlbertConfig(**{**sizes, **changes})
    variables = variables_of(config, (), "embedding")
    weights = {path: np.zeros(shape, np.float32) for path, shape in variables.shapes.items()}
    own = make_checkpoint("embedding")
    return dataclasses.replace(own, config=config, weights=weights)


def test_only_the_experiment_says_how_many_layers_share_albert_s_block(tmp_path):
    folder = tmp_path / "garden"
    checkpoint.write(albert(), str(folder), "garden")
    (folder / "albert_config.json").unlink()
    with pytest.raises(ValueError, match=r"do not show num_hidden_layers.* params.yaml"):
        checkpoint.read(str(folder))
    section = {"num_layers": 3, "embedding_width": 8, "hidden_activation": "relu"}
    write(folder, {"type": "albert", "albert": section})
    config = checkpoint.read(str(folder)).config
    assert (config.num_hidden_layers, config.embedding_size, config.hidden_act) == (3, 8, "relu")
    write(folder, {"type": "albert", "albert": {**section, "embedding_width": 9}})
    with pytest.raises(ValueError, match="embedding_width is 9, but the weights have 8"):
        checkpoint.read(str(folder))


def test_model_garden_cannot_hold_an_albert_of_several_groups():
    lost = checkpoint.losses(albert(num_hidden_groups=3), "garden")
    assert lost == ["num_hidden_groups is 3; Model Garden's ALBERT has one block."]
