"""bert_config.json of ours and of others, and the published sizes."""

import json
import math
import pathlib

import pytest
import tensorflow as tf

from bert_tf.models import published_config
from bert_tf.models.bert import SIZES, BertConfig, BertEncoder

# Encoder and pooler with a vocabulary of 30,522 (Devlin et al. 2018; Turc et al. 2019; counted in
# the released checkpoints).
PARAMETERS = {
    "tiny": 4_385_920,
    "mini": 11_170_560,
    "small": 28_763_648,
    "medium": 41_373_184,
    "base": 109_482_240,
    "large": 335_141_888,
}

GOOGLE = {
    "attention_probs_dropout_prob": 0.1,
    "directionality": "bidi",
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 128,
    "initializer_range": 0.02,
    "intermediate_size": 512,
    "max_position_embeddings": 512,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "pooler_fc_size": 768,
    "type_vocab_size": 2,
    "vocab_size": 30522,
}
HUGGING_FACE = {
    **{key: GOOGLE[key] for key in GOOGLE if key not in ("directionality", "pooler_fc_size")},
    "architectures": ["BertForMaskedLM"],
    "layer_norm_eps": 1e-12,
    "model_type": "bert",
    "position_embedding_type": "absolute",
    "use_cache": True,
}


def write(folder, values):
    path = folder / "bert_config.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return str(path)


@pytest.fixture
def warnings(monkeypatch):
    """The warnings the config logs, as text."""
    lines = []
    monkeypatch.setattr(
        published_config.logging, "warning", lambda text, *values: lines.append(text % values)
    )
    return lines


def test_every_size_has_its_published_number_of_parameters():
    assert set(PARAMETERS) == set(SIZES)


@pytest.mark.parametrize("size", PARAMETERS)
def test_number_of_parameters(size):
    with tf.Graph().as_default():  # shapes alone: large would be 1.3 GB
        encoder = BertEncoder(BertConfig.from_size(size))
    assert sum(math.prod(weight.shape) for weight in encoder.weights) == PARAMETERS[size]


@pytest.mark.parametrize("size", ["tiny", "mini"])
def test_number_of_parameters_of_a_model_that_is_really_there(size):
    weights = BertEncoder(BertConfig.from_size(size)).weights
    assert sum(weight.numpy().size for weight in weights) == PARAMETERS[size]


def test_an_unknown_size_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match="'huge'.*tiny, mini, small, medium, base, large"):
        BertConfig.from_size("huge")


def test_a_size_can_be_changed():
    config = BertConfig.from_size("tiny", vocab_size=7, hidden_dropout_prob=0.0)
    assert (config.hidden_size, config.vocab_size, config.hidden_dropout_prob) == (128, 7, 0.0)


def test_ours_comes_back_as_it_was_written(tmp_path):
    config = BertConfig.from_size(
        "mini", hidden_act="relu", masked_lm_hidden_act="gelu", layer_norm_eps=1e-5
    )
    config.other_keys = {"id2label": {"0": "a"}, "architectures": ["BertModel"]}
    path = write(tmp_path, config.to_json())
    assert json.loads(pathlib.Path(path).read_text())["format_version"] == 1
    assert BertConfig.from_json(path) == config


def test_gelu_of_ours_is_exact(tmp_path):
    path = write(tmp_path, BertConfig(hidden_act="gelu").to_json())
    assert BertConfig.from_json(path).hidden_act == "gelu"


def test_gelu_of_google_is_the_tanh_form(tmp_path, warnings):
    config = BertConfig.from_json(write(tmp_path, GOOGLE))
    assert config == BertConfig.from_size(
        "tiny",
        hidden_act="gelu_new",
        other_keys={"directionality": "bidi", "pooler_fc_size": 768},
    )
    assert warnings == []


def test_gelu_of_hugging_face_is_exact(tmp_path, warnings):
    config = BertConfig.from_json(write(tmp_path, HUGGING_FACE))
    assert config.hidden_act == "gelu"
    assert config.hidden_size == 128
    assert warnings == []


@pytest.mark.parametrize("hidden_act", ["relu", "gelu_new", "tanh"])
def test_other_activations_of_google_stay(tmp_path, hidden_act):
    path = write(tmp_path, {**GOOGLE, "hidden_act": hidden_act})
    assert BertConfig.from_json(path).hidden_act == hidden_act


@pytest.mark.parametrize("foreign", [GOOGLE, HUGGING_FACE], ids=["google", "hugging_face"])
def test_unknown_keys_of_others_are_kept_with_one_warning(tmp_path, warnings, foreign):
    path = write(tmp_path, {**foreign, "zeta": [1, 2], "alpha": None})
    config = BertConfig.from_json(path)
    assert config.other_keys["zeta"] == [1, 2]
    assert config.other_keys["alpha"] is None
    (line,) = warnings
    assert line == f"{path}: ignored unknown keys: alpha, zeta"


def test_keys_kept_from_another_file_survive_ours(tmp_path, warnings):
    config = BertConfig.from_json(write(tmp_path, {**HUGGING_FACE, "zeta": [1, 2]}))
    warnings.clear()
    again = BertConfig.from_json(write(tmp_path, config.to_json()))
    assert again == config
    assert warnings == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("position_embedding_type", "relative_key"),
        ("is_decoder", True),
        ("is_encoder_decoder", True),
        ("add_cross_attention", True),
        ("chunk_size_feed_forward", 64),
        ("pruned_heads", {"0": [1]}),
        ("embedding_size", 64),
    ],
)
def test_what_this_encoder_cannot_compute_is_an_error(tmp_path, key, value):
    with pytest.raises(ValueError, match=f"bert_config.json: {key} is"):
        BertConfig.from_json(write(tmp_path, {**HUGGING_FACE, key: value}))


def test_the_same_keys_at_the_values_of_bert_are_read(tmp_path, warnings):
    values = {"is_decoder": False, "pruned_heads": {}, "embedding_size": 128}
    assert BertConfig.from_json(write(tmp_path, {**HUGGING_FACE, **values})).hidden_size == 128
    assert warnings == []


def test_an_untied_masked_lm_head_is_read(tmp_path, warnings):
    path = write(tmp_path, {**HUGGING_FACE, "tie_word_embeddings": False})
    assert not BertConfig.from_json(path).tie_word_embeddings
    assert warnings == []


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("hidden_size", "128", "a whole number"),
        ("num_hidden_layers", 0, "at least 1"),
        ("vocab_size", 2**31, "a whole number below"),
        ("layer_norm_eps", None, "a number that is not negative"),
        ("tie_word_embeddings", 1, "true or false"),
    ],
)
def test_a_value_of_the_wrong_kind_is_an_error(tmp_path, key, value, expected):
    with pytest.raises(ValueError, match=f"bert_config.json: {key} is .*expected {expected}"):
        BertConfig.from_json(write(tmp_path, {**HUGGING_FACE, key: value}))


def test_another_model_type_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="model_type is 'roberta'; expected 'bert'"):
        BertConfig.from_json(write(tmp_path, {**HUGGING_FACE, "model_type": "roberta"}))


def test_a_newer_format_is_refused_with_a_sentence(tmp_path):
    path = write(tmp_path, {"format_version": 99, "hidden_size": 8})
    with pytest.raises(ValueError, match="format_version 99.*reads up to 1.*newer bert_tf"):
        BertConfig.from_json(path)


def test_an_unknown_key_of_ours_is_an_error_that_lists_the_known(tmp_path):
    path = write(tmp_path, {"format_version": 1, "hiden_size": 8})
    with pytest.raises(ValueError, match="unknown keys hiden_size. Known: .*hidden_size"):
        BertConfig.from_json(path)


@pytest.mark.parametrize("content", ["{", "", "[1]", '"text"'])
def test_what_is_no_json_object_is_an_error_that_names_the_file(tmp_path, content):
    with pytest.raises(ValueError, match="bert_config.json: expected a JSON object"):
        BertConfig.from_json(write(tmp_path, content))


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.json: no such file"):
        BertConfig.from_json(str(tmp_path / "nowhere.json"))


def test_hidden_size_not_divisible_by_the_heads_is_an_error():
    with pytest.raises(ValueError, match=r"hidden_size \(30\).*num_attention_heads \(4\)"):
        BertEncoder(BertConfig(hidden_size=30, num_attention_heads=4, num_hidden_layers=1))


def test_an_unknown_activation_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match="'swish'.*gelu, gelu_new, gelu_pytorch_tanh"):
        BertEncoder(BertConfig(hidden_size=8, num_attention_heads=2, hidden_act="swish"))
