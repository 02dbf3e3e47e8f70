"""Every encoder in every format that has it: what goes out comes back, what cannot is refused."""

import dataclasses
import json

import numpy as np
import pytest
import safetensors.numpy

from bert_tf import members, model_folder
from bert_tf.checkpoints import checkpoint as foreign
from bert_tf.checkpoints import keras_tokenizer
from bert_tf.checkpoints.found_task import labels_of
from bert_tf.models.albert import AlbertConfig
from bert_tf.models.distilbert import DistilBertConfig
from bert_tf.models.electra import ElectraConfig
from bert_tf.models.roberta import RobertaConfig
from bert_tf.models.xlm_roberta import XlmRobertaConfig
from tests.checkpoints.models import assert_same_weights, make_checkpoint_of, outputs_of
from tests.scripts.conftest import ok_here
from tests.tokenization import unigram_models

_SHAPE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 18,
}
# The tokenizer of these tests has the padding at 0.
_ROBERTA = {**_SHAPE, "type_vocab_size": 1, "pad_token_id": 0}
CONFIGS = {
    "albert": AlbertConfig(**_SHAPE, embedding_size=12),
    "roberta": RobertaConfig(**_ROBERTA),
    "xlm_roberta": XlmRobertaConfig(**_ROBERTA),
    "distilbert": DistilBertConfig(
        vocab_size=64, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=18
    ),
    "electra": ElectraConfig(**{**_SHAPE, "num_attention_heads": 1}, embedding_size=12),
}
TASKS = (
    "embedding",
    "pretraining",
    "classification",
    "token_classification",
    "question_answering",
)
# (format, encoder, task, changes of the config)
CASES = [
    *(("hugging_face", name, task, {}) for name in CONFIGS for task in TASKS[:3]),
    *(
        ("hugging_face", name, task, {"use_pooler": False} if name == "albert" else {})
        for name in CONFIGS
        for task in TASKS[3:]
    ),
    ("hugging_face", "roberta", "embedding", {"use_pooler": True}),
    ("hugging_face", "albert", "classification", {"num_hidden_groups": 2, "inner_group_num": 3}),
    ("hugging_face", "albert", "multiple_choice", {"embedding_size": 32}),
    ("hugging_face", "roberta", "pretraining", {"tie_word_embeddings": False}),
    ("hugging_face", "distilbert", "multiple_choice", {}),
    ("hugging_face", "electra", "replaced_tokens", {"embedding_size": 32}),
    ("hugging_face", "electra", "pretraining", {"tie_word_embeddings": False}),
    ("keras", "distilbert", "pretraining", {"masked_lm_layer_norm_eps": 1e-5}),
    ("keras", "distilbert", "classification", {"masked_lm_layer_norm_eps": 1e-5}),
    ("google", "albert", "pretraining", {}),
    ("google", "albert", "classification", {"num_hidden_groups": 2, "inner_group_num": 2}),
    ("google", "electra", "pretraining", {}),
    ("google", "electra", "replaced_tokens", {"embedding_size": 32}),
]


def make(name, task, **changes):
    config = dataclasses.replace(CONFIGS[name], **changes)
    return make_checkpoint_of(config, task, next_sentence=config.use_pooler)


@pytest.mark.parametrize(("format_name", "name", "task", "changes"), CASES)
def test_weights_config_and_labels_come_back(tmp_path, format_name, name, task, changes):
    before = make(name, task, **changes)
    folder = str(tmp_path / "there")
    rows = foreign.write(before, folder, format_name)
    assert {row.ours for row in rows if row.theirs} == set(before.weights)
    after = model_folder.read_checkpoint(folder)
    assert_same_weights(before, after)
    assert all(row.ours for row in after.rows)
    kept = {"other_keys": {}, "initializer_range": 0.0}
    assert dataclasses.replace(after.config, **kept) == dataclasses.replace(before.config, **kept)
    assert after.task.name == task and len(labels_of(after.facts)) == len(labels_of(before.facts))
    if format_name == "hugging_face":
        assert labels_of(after.facts) == labels_of(before.facts)
    if format_name == "hugging_face" and "classification" in task:
        assert after.task.classifier_dropout_prob == before.task.classifier_dropout_prob


@pytest.mark.parametrize("name", CONFIGS)
def test_a_classifier_of_hugging_face_answers_in_bert_tf_and_starts_a_run(tmp_path, name):
    """convert_checkpoint.py there and back; the model of the folder computes what it did."""
    before = make(name, "classification")
    foreign.write(before, str(tmp_path / "hf"), "hugging_face")
    ok_here("convert_checkpoint", input=tmp_path / "hf", output=tmp_path / "own", to="bert_tf")
    expected = outputs_of(model_folder.build(before)[1])
    for folder in ("hf", "own"):
        _, model = model_folder.load(str(tmp_path / folder))
        np.testing.assert_array_equal(outputs_of(model)["logits"], expected["logits"])


@pytest.mark.parametrize("name", CONFIGS)
def test_missing_and_foreign_tensors_are_named(tmp_path, name):
    folder = tmp_path / "hf"
    foreign.write(make(name, "pretraining"), str(folder), "hugging_face")
    path = folder / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    safetensors.numpy.save_file({**tensors, "extra.weight": np.zeros(3, np.float32)}, path)
    (row,) = [row for row in foreign.read(str(folder)).rows if not row.ours]
    assert (row.theirs, row.note) == ("extra.weight", "NOT USED")
    lost = next(key for key in tensors if "embeddings" in key and key.endswith("orm.bias"))
    del tensors[lost]
    safetensors.numpy.save_file(tensors, path)
    with pytest.raises(ValueError, match=f"missing, among them {name}/embeddings/LayerNorm/beta"):
        foreign.read(str(folder))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_contradicts_its_weights_is_refused(tmp_path, name):
    folder = tmp_path / "hf"
    foreign.write(make(name, "pretraining"), str(folder), "hugging_face")
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "vocab_size": 65}))
    with pytest.raises(ValueError, match="word_embeddings.* has shape .*of the same model"):
        foreign.read(str(folder))


@pytest.mark.parametrize("model_type", ["gpt2", "t5", "deberta-v2", "no-such"])
def test_a_member_that_is_not_here_is_named(tmp_path, model_type):
    folder = tmp_path / "hf"
    foreign.write(make("electra", "embedding"), str(folder), "hugging_face")
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "model_type": model_type}))
    with pytest.raises(
        ValueError, match=f"model_type is '{model_type}', an encoder that bert_tf does"
    ):
        foreign.read(str(folder))


REFUSED = [
    ("google", "albert", "embedding", {"hidden_act": "gelu"}, "exact gelu"),
    ("google", "albert", "embedding", {"embedding_size": 32}, "only if widths differ"),
    ("google", "roberta", "embedding", {}, "no names for the format 'google'"),
    (
        "keras",
        "roberta",
        "embedding",
        {},
        "token_type_embeddings, which is not 0: keras-hub has no",
    ),
    ("keras", "albert", "embedding", {"num_hidden_layers": 3, "num_hidden_groups": 2}, "divides"),
    ("hugging_face", "roberta", "embedding", {"pad_token_id": 1}, "positions skip"),
    ("hugging_face", "roberta", "embedding", {"type_vocab_size": 0}, "always has one"),
    ("hugging_face", "distilbert", "pretraining", {"masked_lm_layer_norm_eps": 1e-5}, "has 1e-12"),
    ("keras", "distilbert", "pretraining", {}, "keras-hub's has 1e-5"),
    ("keras", "distilbert", "token_classification", {}, "the head for token_classification: keras"),
    ("google", "electra", "pretraining", {"hidden_act": "gelu_new"}, "has the exact gelu"),
    ("google", "electra", "pretraining", {"tie_word_embeddings": False}, "Google's is tied"),
    ("google", "electra", "classification", {}, "the classifier: google has none"),
    ("keras", "electra", "embedding", {}, "keras-hub always has one, with random"),
]


@pytest.mark.parametrize(("format_name", "name", "task", "changes", "message"), REFUSED)
def test_what_a_format_cannot_hold_is_refused(
    tmp_path, monkeypatch, format_name, name, task, changes, message
):
    # Another kind of tokenizer would be refused first.
    monkeypatch.setattr(keras_tokenizer, "make", lambda checkpoint, class_name: None)
    with pytest.raises(ValueError, match=message):
        foreign.write(make(name, task, **changes), str(tmp_path / "there"), format_name)
    assert list(tmp_path.iterdir()) == []


def test_a_release_of_electra_without_a_configuration_file_is_read(tmp_path):
    before = make("electra", "replaced_tokens", hidden_size=128, num_attention_heads=2)
    foreign.write(before, str(tmp_path / "there"), "google")
    (tmp_path / "there" / "electra_config.json").unlink()
    after = foreign.read(str(tmp_path / "there"))
    assert_same_weights(before, after)
    assert after.config == before.config and after.task.name == "replaced_tokens"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (RobertaConfig(max_position_embeddings=2), "must be at least 3"),
        (AlbertConfig(num_hidden_groups=13), "at most one group for each layer"),
        (AlbertConfig(inner_group_num=17), "expected at most 16"),
        (ElectraConfig(hidden_size=255), "not divisible by num_attention_heads"),
        (DistilBertConfig(dim=255), r"dim \(255\) is not divisible by n_heads \(12\)"),
        (DistilBertConfig(activation="swish"), "unknown activation 'swish'"),
        (DistilBertConfig(dropout=1.0), "dropout is 1.0; expected less than 1"),
    ],
)
def test_shapes_that_cannot_be_are_refused_in_one_line(config, message):
    with pytest.raises(ValueError, match=message) as error:
        config.check("config.json")
    assert "\n" not in str(error.value)


def test_an_untied_head_keeps_both_biases_of_hugging_face(tmp_path):
    """Untied, the decoder's bias is used and the head's is not; tied, they must be equal."""
    folder = tmp_path / "hf"
    before = make("roberta", "pretraining", tie_word_embeddings=False)
    foreign.write(before, str(folder), "hugging_face")
    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    own = np.arange(64, dtype=np.float32)
    safetensors.numpy.save_file({**tensors, "lm_head.bias": own}, folder / "model.safetensors")
    after = foreign.read(str(folder))
    used = after.weights["cls/predictions/output_bias"]
    np.testing.assert_array_equal(used, tensors["lm_head.decoder.bias"])
    foreign.write(after, str(tmp_path / "back"), "hugging_face")
    back = safetensors.numpy.load_file(tmp_path / "back" / "model.safetensors")
    np.testing.assert_array_equal(back["lm_head.bias"], own)
    np.testing.assert_array_equal(back["lm_head.decoder.bias"], used)


def test_members_have_a_tiny_config_here():
    named = {name for name in members.known("models") if name != "bert"}  # it has its own files
    assert named == set(CONFIGS)


TOKENS = ["<s>", "<pad>", "</s>", "<unk>", *"abcdefgh", "ab", "\u0120a", "\u0120", "<mask>"]
BPE = {
    "added_tokens": [{"id": 15, "content": "<mask>"}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True},
    "model": {
        "type": "BPE",
        "unk_token": "<unk>",
        "vocab": {token: i for i, token in enumerate(TOKENS[:-1])},
        "merges": ["a b", ["\u0120", "a"]],
    },
}


def folder_of_roberta(tmp_path, *, as_one_file=False, merges=("a b", "\u0120 a")):
    """A folder as transformers leaves it, version 4 with two files, version 5 with one."""
    config = dataclasses.replace(CONFIGS["roberta"], pad_token_id=1)
    before = make_checkpoint_of(config, "pretraining", next_sentence=False)
    foreign.write(before, str(tmp_path / "hf"), "hugging_face", allow_lossy=True)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "hf" / name).unlink()
    if as_one_file:
        (tmp_path / "hf" / "tokenizer.json").write_text(json.dumps(BPE))
    else:
        ids = {token: i for i, token in enumerate(TOKENS)}
        (tmp_path / "hf" / "vocab.json").write_text(json.dumps(ids))
        (tmp_path / "hf" / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
        settings = {"add_prefix_space": True, "mask_token": {"content": "<mask>"}}
        (tmp_path / "hf" / "tokenizer_config.json").write_text(json.dumps(settings))
    return str(tmp_path / "hf")


@pytest.mark.parametrize("as_one_file", [True, False])
def test_the_byte_pairs_of_roberta_come_with_its_folder_and_go_back(tmp_path, as_one_file):
    checkpoint = foreign.read(folder_of_roberta(tmp_path, as_one_file=as_one_file))
    foreign.write(checkpoint, str(tmp_path / "back"), "hugging_face")
    again = foreign.read(str(tmp_path / "back"))
    for tokenizer in (checkpoint.tokenizer, again.tokenizer):
        assert (tokenizer.kind, tokenizer.pad_id, tokenizer.mask_id) == ("byte_pair", 1, 15)
        row = tokenizer.encode(["ab a"], ["c"], max_seq_length=9)["input_ids"]
        np.testing.assert_array_equal(row, [[0, 14, 12, 13, 2, 2, 14, 6, 2]])
    assert again.config.pad_token_id == 1


def folder_with_pieces(tmp_path, name, format_name, content):
    """A checkpoint with a SentencePiece model in place of its tokenizer, and nothing beside it."""
    changes = {"pad_token_id": 1, "max_position_embeddings": 20} if name == "xlm_roberta" else {}
    config = dataclasses.replace(CONFIGS[name], vocab_size=170, **changes)
    before = make_checkpoint_of(config, "pretraining", next_sentence=config.use_pooler)
    folder = tmp_path / "there"
    foreign.write(before, str(folder), format_name, allow_lossy=True)
    for file in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        (folder / file).unlink(missing_ok=True)
    names = {"google": "30k-clean.model", "xlm_roberta": "sentencepiece.bpe.model"}
    file = names.get(format_name) or names.get(name) or "spiece.model"
    (folder / file).write_bytes(content)
    return str(folder)


@pytest.mark.parametrize(
    ("name", "format_name"),
    [("albert", "hugging_face"), ("albert", "google"), ("xlm_roberta", "hugging_face")],
)
def test_sentence_pieces_come_with_the_folder_and_go_back(tmp_path, name, format_name):
    content = unigram_models.model(name).content
    folder = folder_with_pieces(tmp_path, name, format_name, content)
    checkpoint = foreign.read(folder)
    foreign.write(checkpoint, str(tmp_path / "back"), format_name)
    for tokenizer in (checkpoint.tokenizer, foreign.read(str(tmp_path / "back")).tokenizer):
        assert (tokenizer.kind, tokenizer.family) == ("sentence_piece", name)
        assert tokenizer.google_rules == (format_name == "google")
        assert tokenizer.model.content == content


def test_a_broken_model_file_is_refused_in_one_line(tmp_path):
    content = unigram_models.model("albert").content[:500]
    folder = folder_with_pieces(tmp_path, "albert", "hugging_face", content)
    with pytest.raises(ValueError, match="spiece.model") as error:
        foreign.read(folder)
    assert "\n" not in str(error.value)


def test_merges_that_do_not_fit_the_vocabulary_are_refused_in_one_line(tmp_path):
    folder = folder_of_roberta(tmp_path, merges=("a b", "x y"))
    with pytest.raises(ValueError, match="merge 2 is 'x y', but 'x' is no token of the voc") as e:
        foreign.read(folder)
    assert "\n" not in str(e.value)
