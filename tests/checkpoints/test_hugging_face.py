"""Hugging Face's files in all their variants, and what is wrong with some."""

import json
import pathlib
import shutil

import ml_dtypes
import numpy as np
import pytest

from bert_tf import model_folder
from bert_tf.checkpoints import checkpoint as foreign
from bert_tf.checkpoints import encoders, tensors
from bert_tf.checkpoints.parity import TOLERANCE, outputs_of
from tests.checkpoints.models import assert_same_weights, make_checkpoint

# Folders named after the class; behind a hyphen stands what is odd about the shape.
_FOLDER = pathlib.Path(__file__).parents[1] / "testdata" / "hugging_face"
GOLDEN = sorted(file.parent for file in _FOLDER.glob("*/expected.json"))


@pytest.fixture
def folder(tmp_path):
    """A BertForPreTraining as bert_tf writes it."""
    foreign.write(make_checkpoint(), str(tmp_path / "hf"), "hugging_face")
    return tmp_path / "hf"


def rewrite(folder, change, dtype=np.float32, name="model.safetensors"):
    """Writes the safetensors again after `change({name: array})`, which may return other arrays."""
    file = tensors.SafetensorsFile(str(folder / "model.safetensors"))
    arrays = {key: file.read(key) for key in file.shapes}
    arrays = change(arrays) or arrays
    entries = [(key, a.shape, lambda a=a: a) for key, a in arrays.items()]
    tensors.write(str(folder / name), entries, dtype=dtype)


def edit(path, **changes):
    values = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.name)
def test_outputs_are_those_that_transformers_gave(golden):
    # Made by scripts/development/check_parity.py --golden_dir.
    expected = json.loads((golden / "expected.json").read_text())
    checkpoint = model_folder.read_checkpoint(str(golden))
    found = outputs_of(checkpoint, model_folder.build(checkpoint)[1], expected["inputs"])
    assert set(expected["outputs"]) <= set(found)
    for name, values in expected["outputs"].items():
        np.testing.assert_allclose(found[name], values, atol=TOLERANCE, rtol=0, err_msg=name)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.name)
def test_what_transformers_wrote_comes_back_bit_for_bit(tmp_path, golden):
    foreign.write(foreign.read(str(golden)), str(tmp_path / "back"), "hugging_face")
    before, after = (
        tensors.SafetensorsFile(str(path / "model.safetensors"))
        for path in (golden, tmp_path / "back")
    )
    assert before.shapes == after.shapes
    for name in before.shapes:
        np.testing.assert_array_equal(before.read(name), after.read(name), err_msg=name)
    assert json.loads((tmp_path / "back" / "config.json").read_text())["architectures"] == [
        golden.name.partition("-")[0]
    ]


def test_there_is_a_golden_model_of_every_class():
    names = [names for _, names in encoders.known("hugging_face")]
    classes = {cls for of_model in names for cls, _ in of_model.classes.values()}
    assert classes == {golden.name.partition("-")[0] for golden in GOLDEN}


def rename(old, new):
    return lambda arrays: {name.replace(old, new): array for name, array in arrays.items()}


@pytest.mark.parametrize(
    "change",
    [
        rename("LayerNorm.weight", "LayerNorm.gamma"),
        rename("LayerNorm.bias", "LayerNorm.beta"),
        rename("bert.", ""),
        rename("cls.predictions.bias", "cls.predictions.decoder.bias"),
        lambda a: a.update({"bert.embeddings.position_ids": np.arange(16.0)[None]}),
        lambda a: a.update({"cls.predictions.decoder.weight": a[WORDS]}),
        lambda a: a.update({"cls.predictions.decoder.bias": a["cls.predictions.bias"]}),
    ],
    ids=["gamma", "beta", "no_prefix", "decoder_bias", "position_ids", "tied", "two_biases"],
)
def test_names_of_other_versions_are_understood(folder, change):
    rewrite(folder, change)
    assert_same_weights(make_checkpoint(), foreign.read(str(folder)))


WORDS = "bert.embeddings.word_embeddings.weight"


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16], ids=["float16", "bfloat16"])
def test_half_precision_is_read_and_written_back_bit_for_bit(tmp_path, folder, dtype):
    rewrite(folder, lambda _: None, dtype)
    checkpoint = foreign.read(str(folder))
    expected = make_checkpoint().weights[WORDS_OURS].astype(dtype)
    np.testing.assert_array_equal(checkpoint.weights[WORDS_OURS], expected.astype(np.float32))
    model_folder.save_checkpoint(str(tmp_path / "own"), checkpoint, {})
    own = model_folder.read_checkpoint(str(tmp_path / "own"))
    foreign.write(own, str(tmp_path / "back"), "hugging_face")
    back = tensors.SafetensorsFile(str(tmp_path / "back" / "model.safetensors"))
    assert set(back.dtypes.values()) == {np.dtype(dtype)}
    np.testing.assert_array_equal(back.read(WORDS), expected)


WORDS_OURS = "bert/embeddings/word_embeddings"


def test_trained_weights_of_a_half_precision_model_are_written_in_float32(tmp_path, folder):
    rewrite(folder, lambda _: None, np.float16)
    checkpoint = foreign.read(str(folder))
    checkpoint.weights = checkpoint.weights.replaced(
        {WORDS_OURS: lambda: make_checkpoint().weights[WORDS_OURS]}
    )
    foreign.write(checkpoint, str(tmp_path / "back"), "hugging_face")
    back = tensors.SafetensorsFile(str(tmp_path / "back" / "model.safetensors"))
    assert set(back.dtypes.values()) == {np.dtype(np.float32)}
    assert json.loads((tmp_path / "back" / "config.json").read_text())["dtype"] == "float32"


def test_shards_are_one_model(folder):
    file = tensors.SafetensorsFile(str(folder / "model.safetensors"))
    names = sorted(file.shapes)
    halves = {"a.safetensors": names[:20], "b.safetensors": names[20:]}
    for shard, keys in halves.items():
        rewrite(folder, lambda a, keys=keys: {k: a[k] for k in keys}, name=shard)
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {k: shard for shard, keys in halves.items() for k in keys}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    for path in (folder, folder / "model.safetensors.index.json"):
        assert_same_weights(make_checkpoint(), foreign.read(str(path)))
    (folder / "b.safetensors").unlink()
    with pytest.raises(ValueError, match="b.safetensors is missing; .*index.json names it"):
        foreign.read(str(folder))


def test_a_tokenizer_json_alone_is_enough(folder):
    (folder / "vocab.txt").unlink()
    (folder / "tokenizer_config.json").unlink()
    tokenizer = foreign.read(str(folder)).tokenizer
    assert tokenizer.vocabulary == make_checkpoint().tokenizer.vocabulary
    assert (tokenizer.do_lower_case, tokenizer.max_input_chars_per_word) == (True, 100)


def test_the_pooling_of_sentence_transformers_is_followed(tmp_path):
    folder = tmp_path / "hf"
    foreign.write(make_checkpoint("embedding"), str(folder), "hugging_face")
    (folder / "1_Pooling").mkdir()
    pooling = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    task = foreign.read(str(folder)).task
    assert (task.pooling, task.normalize) == ("cls", False)


def test_do_lower_case_against_the_vocabulary_is_warned_about(folder, caplog):
    edit(folder / "tokenizer_config.json", do_lower_case=False)
    with caplog.at_level("WARNING", logger="absl"):
        foreign.read(str(folder))
    assert "do_lower_case is False, but the vocabulary has no upper-case letters" in caplog.text


def test_the_table_names_what_is_not_used(folder):
    rewrite(folder, lambda a: a.update({"extra.weight": np.zeros(3)}))
    (row,) = [row for row in foreign.read(str(folder)).rows if not row.ours]
    assert (row.theirs, row.their_shape, row.note) == ("extra.weight", (3,), "NOT USED")


def test_an_untied_decoder_of_a_tied_config_is_warned_about(folder, caplog):
    rewrite(folder, lambda a: a.update({"cls.predictions.decoder.weight": a[WORDS] + 1}))
    with caplog.at_level("WARNING", logger="absl"):
        assert_same_weights(make_checkpoint(), foreign.read(str(folder)))
    assert "is NOT the word embeddings" in caplog.text


def drop(name):
    return lambda folder: (folder / name).unlink()


def config(**changes):
    return lambda folder: edit(folder / "config.json", **changes)


def cut(length):
    def damage(folder):
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:length])

    return damage


def header(change):
    """Rewrites the header of the safetensors file, its data as they are."""

    def damage(folder):
        path = folder / "model.safetensors"
        content = path.read_bytes()
        end = 8 + int.from_bytes(content[:8], "little")
        values = json.loads(content[8:end])
        change(values)
        text = json.dumps(values).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + content[end:])

    return damage


def without_vocabulary(folder):
    (folder / "vocab.txt").unlink()
    (folder / "tokenizer.json").unlink()


def only_pickle(folder):
    shutil.move(folder / "model.safetensors", folder / "pytorch_model.bin")


BAD = {
    "truncated": (cut(5000), "not a whole safetensors file"),
    "truncated_data": (cut(-4), "not a whole safetensors file"),
    "empty": (cut(0), "not a whole safetensors file"),
    "shape_lies": (header(lambda h: h[WORDS].update(shape=[2**40, 32])), "header is wrong: .*word"),
    "negative": (header(lambda h: h[WORDS].update(shape=[-64, -32])), "header is wrong: .*word"),
    "overlap": (
        header(lambda h: h["bert.pooler.dense.bias"].update(data_offsets=[0, 128])),
        "header is wrong: .*overlap",
    ),
    "dtype": (header(lambda h: h[WORDS].update(dtype="F7")), "dtype 'F7'"),
    "missing_tensor": (
        lambda f: rewrite(f, lambda a: {k: v for k, v in a.items() if k != WORDS}),
        "1 variables of the encoder are missing, among them bert/embeddings/word_embeddings",
    ),
    "no_config": (drop("config.json"), "config.json is missing"),
    "no_vocabulary": (without_vocabulary, "the vocabulary is missing: expected vocab.txt or"),
    "pickle": (only_pickle, "pytorch_model.bin is not read: it is a pickle.*save_pretrained"),
    "gpt2": (
        config(model_type="gpt2"),
        "model_type is 'gpt2', an encoder that bert_tf",
    ),
    "relative": (config(position_embedding_type="relative_key"), "position_embedding_type"),
    "more_layers": (config(num_hidden_layers=3), "variables of the encoder are missing"),
    "fewer_layers": (config(num_hidden_layers=1), "layer.1.*num_hidden_layers 1"),
    "other_width": (config(intermediate_size=7), "the config says .*7.*of the same model"),
    "small_vocabulary": (config(vocab_size=9), "of the same model"),
    "heads": (config(num_attention_heads=5), "not divisible by num_attention_heads"),
    "nonsense": (config(hidden_size="big"), "hidden_size is 'big'; expected a whole number"),
    "huge": (config(num_hidden_layers=2**31), "num_hidden_layers is .*expected"),
    "many_layers": (config(num_hidden_layers=2**30), "variables of the encoder are missing"),
    "activation": (config(hidden_act="swish9"), "unknown activation 'swish9'"),
    "untied": (config(tie_word_embeddings=False), "decoder.weight is missing"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_a_reason(folder, name):
    damage, message = BAD[name]
    damage(folder)
    with pytest.raises(ValueError, match=message):
        foreign.read(str(folder))


def test_an_unknown_folder_is_refused_with_what_was_found(tmp_path):
    (tmp_path / "notes.txt").write_text("?")
    with pytest.raises(ValueError, match=r"expected a model folder of bert_tf .*Found: notes.txt"):
        foreign.read(str(tmp_path))
    with pytest.raises(
        ValueError, match="Found: no such file or folder .a name on the Hub begins with"
    ):
        foreign.read("bert-base-uncased")
