"""The exported model: its interface, its ops, its files, and an answer to whatever it is asked."""

import hashlib
import json
import re

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from bert_tf import model_folder
from bert_tf.export import description, tf_serving
from bert_tf.export.saved_model import ServedModel, export_saved_model
from tests.export import fuzz
from tests.export.models import MAX_SEQ_LENGTH, export_in_this_process, make
from tests.tokenization.test_ops import CORE_OPS, TEXT_OPS

SAMPLES = ["the hen sees the cow", "", "a [MASK] b [MASK], é 中文 🙂"]
# What a model has beyond the tokenizer: all of them are in the core of TensorFlow.
MODEL_OPS = {
    "BatchMatMulV2",
    "BiasAdd",
    "EnsureShape",
    "Erf",
    "LogicalNot",
    "MatMul",
    "Mean",
    "OneHot",
    "RaggedTensorToTensor",
    "ReadVariableOp",
    "RealDiv",
    "Rsqrt",
    "Softmax",
    "Split",
    "Sqrt",
    "Square",
    "StatelessWhile",
    "Tanh",
    "TensorListConcatV2",
    "TensorListReserve",
    "TensorListSetItem",
    "TensorListStack",
    "Transpose",
    "ZerosLike",
}
OUTPUTS = {
    "classification": {
        "serving_default": ["label", "probabilities"],
        "ids": ["logits", "pooled_output", "sequence_output"],
        "embed": ["embedding", "pooled_output"],
    },
    "pretraining": {
        "serving_default": ["probabilities", "tokens"],
        "ids": [
            "masked_lm_logits",
            "next_sentence_logits",
            "pooled_output",
            "sequence_output",
        ],
        "embed": ["embedding", "pooled_output"],
    },
    "embedding": {
        "serving_default": ["embedding"],
        "ids": ["pooled_output", "sequence_output"],
        "embed": ["embedding", "pooled_output"],
    },
}


@pytest.fixture(scope="module", params=OUTPUTS)
def exported(request, tmp_path_factory):
    """(name, task, model, folder) of an exported model of each task."""
    task, model = make(request.param)
    folder = tmp_path_factory.mktemp("served") / request.param / "1"
    export = export_saved_model if request.param == "classification" else export_in_this_process
    export(task, model, str(folder), SAMPLES, {"eval": {"accuracy": 0.75}})
    return request.param, task, model, folder


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported[3]))


def test_names_of_outputs_are_those_that_clients_know(exported, loaded):
    found = {name: sorted(f.structured_outputs) for name, f in loaded.signatures.items()}
    assert found == OUTPUTS[exported[0]]


def test_only_ops_that_tensorflow_serving_links(loaded):
    graphs = [str(f.graph.as_graph_def()) for f in loaded.signatures.values()]
    names = set(re.findall(r'^ *op: "(\w+)"$', "\n".join(graphs), re.MULTILINE))
    names = {name for name in names if not name.startswith("__")}  # else a call of a function
    assert names - CORE_OPS - MODEL_OPS == TEXT_OPS["wordpiece"]


def test_ids_answer_as_the_model_does(exported, loaded):
    _, task, model, _ = exported
    batch = task.tokenizer.encode(SAMPLES, max_seq_length=MAX_SEQ_LENGTH, pad=False)
    inputs = {name: batch[name] for name in ("input_ids", "input_mask", "segment_ids")}
    expected = model(inputs)
    answered = loaded.signatures["ids"](**inputs)
    for name, tensor in answered.items():
        np.testing.assert_allclose(tensor, expected[name], atol=1e-5, err_msg=name)


def test_embed_is_the_mean_over_the_tokens(exported, loaded):
    _, task, model, _ = exported
    answered = loaded.signatures["embed"](text=tf.constant(SAMPLES))["embedding"].numpy()
    for text, vector in zip(SAMPLES, answered, strict=True):
        batch = task.tokenizer.encode([text], max_seq_length=MAX_SEQ_LENGTH, pad=False)
        sequence = model.encoder(batch["input_ids"])["sequence_output"].numpy()[0]
        np.testing.assert_allclose(vector, sequence.mean(axis=0), atol=1e-5)


def finite(answer):
    return all(np.isfinite(v.numpy()).all() for v in answer.values() if v.dtype.is_floating)


def test_every_kind_of_text_has_its_answer_alone_and_among_others(exported, loaded):
    """What no tokenizer can read counts as nothing, what is too long as its beginning."""
    like = {
        b"": b"",
        b" \t\n": b"",
        b"\xff\xfe the hen \xc3": b"the hen",
        "the\u200f hen".encode(): b"the hen",
        b"the hen " * 12_500: b"the hen " * MAX_SEQ_LENGTH,
        b"a" * 100_000: "🙂".encode(),  # both are a word that is unknown
        "🙂🙂".encode(): "👩‍👩‍👧".encode(),
        "\u202eש".encode(): "ש".encode(),
    }
    serve = loaded.signatures["serving_default"]
    together = serve(text=tf.constant(list(like)))
    for index, (text, other) in enumerate(like.items()):
        alone, expected = serve(text=tf.constant([text])), serve(text=tf.constant([other]))
        assert finite(alone)
        for name in alone:
            if alone[name].dtype == tf.string:
                np.testing.assert_array_equal(alone[name], expected[name], err_msg=repr(text[:9]))
            else:
                np.testing.assert_allclose(alone[name], expected[name], atol=1e-5)
                if alone[name].shape.rank == 2:
                    np.testing.assert_allclose(together[name][index], alone[name][0], atol=1e-5)


def test_a_batch_of_nothing_is_answered_by_nothing(exported, loaded):
    for name in ("serving_default", "embed"):
        answer = loaded.signatures[name](text=tf.zeros([0], tf.string))
        assert {value.shape[0] for value in answer.values()} == {0}
    ids = dict.fromkeys(("input_ids", "input_mask", "segment_ids"), tf.zeros([0, 4], tf.int32))
    assert {value.shape[0] for value in loaded.signatures["ids"](**ids).values()} == {0}


def test_fuzzed_texts_are_answered(loaded):
    """100,000 of them: `python -m tests.export.fuzz`."""
    for seed in range(3):
        assert fuzz.answer(loaded.signatures["serving_default"], seed) == fuzz.ROWS


def test_warm_up_requests_are_what_tensorflow_serving_reads(exported, loaded):
    name, _, _, folder = exported
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(path))
    ]
    assert [len(log.predict_log.request.inputs["text"].string_val) for log in logs] == [1, 1, 1, 3]
    for log in logs:
        request = log.predict_log.request
        assert (request.model_spec.name, request.model_spec.signature_name) == (
            name,
            "serving_default",
        )
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        loaded.signatures["serving_default"](**{k: tf.constant(v) for k, v in inputs.items()})
    texts = logs[-1].predict_log.request.inputs["text"].string_val
    assert [text.decode() for text in texts] == SAMPLES


def test_model_config_of_tensorflow_serving_names_the_model(exported):
    name, _, _, folder = exported
    content = (folder / "serving" / "models.config").read_text()
    config = text_format.Parse(content, model_server_config_pb2.ModelServerConfig())
    (entry,) = config.model_config_list.config
    assert (entry.name, entry.base_path) == (name, f"/models/{name}")
    batching = (folder / "serving" / "batching.config").read_text().splitlines()
    sizes = [int(line.split(": ")[1]) for line in batching if line.startswith("allowed")]
    assert sizes == sorted(set(sizes)) and f"max_batch_size {{ value: {sizes[-1]} }}" in batching


@pytest.mark.parametrize(
    ("folder", "name"),
    [("served/sst2", "sst2"), ("served/sst2/3", "sst2"), ("./7", "model"), ("gs://b/a/2/", "a")],
)
def test_a_served_model_is_called_by_its_folder(folder, name):
    assert tf_serving.model_name(folder) == name


def test_the_manifest_tells_what_was_exported(exported):
    name, task, model, folder = exported
    about = json.loads((folder / "export.json").read_text())
    assert about["format_version"] == 1 and about["task"] == name
    assert about["labels"] == list(getattr(task.facts, "labels", ()))
    assert about["max_seq_length"] == MAX_SEQ_LENGTH
    assert about["vocabulary"]["sha256"] == task.tokenizer.vocabulary.sha256
    assert about["parameters"] == sum(weight.numpy().size for weight in model.weights)
    assert about["metrics"] == {"eval": {"accuracy": 0.75}}
    assert about["versions"]["tensorflow"] == tf.__version__
    sides = about["signatures"]["ids"]
    assert sides["inputs"] == {
        n: ["int32", [-1, -1]] for n in ("input_ids", "input_mask", "segment_ids")
    }
    assert sides["outputs"]["sequence_output"] == ["float32", [-1, -1, 8]]
    for path, digest in about["files"].items():
        content = (folder / path).read_bytes()
        assert digest == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert {"saved_model.pb", "README.md", "vocab.txt"} <= set(about["files"])
    card = (folder / "README.md").read_text()
    assert "accuracy: 0.75" in card and all(f"`{n}`" in card for n in about["signatures"])


def test_the_task_comes_back_without_the_model(exported):
    _, task, _, folder = exported
    again = model_folder.load_task(str(folder))
    assert again.config.task == task.config.task and again.config.data == task.config.data
    assert again.facts == task.facts
    np.testing.assert_array_equal(
        again.encode(SAMPLES)["input_ids"], task.encode(SAMPLES)["input_ids"]
    )


def test_a_newer_manifest_is_refused(tmp_path):
    (tmp_path / "export.json").write_text('{"format_version": 2}')
    with pytest.raises(ValueError, match="format_version 2; this bert_tf reads up to 1"):
        description.read(str(tmp_path))


def test_answers_without_a_number_are_compared_too(tmp_path):
    """No sample has a mask, so there are no guesses: [B, 0, 5] comes back as [[], []]."""
    task, model = make("pretraining")
    difference = export_in_this_process(task, model, str(tmp_path / "m"), ["the hen", ""])
    assert difference == 0


def test_bfloat16_is_near_the_original():
    """Without the clean process, which the other exports have."""
    served = ServedModel(*make("classification", dtype="mixed_bfloat16"))
    task, exact = make("classification")
    expected = task.decode(exact(task.encode(SAMPLES)), {})["probabilities"]
    answered = served.signatures()["serving_default"](text=tf.constant(SAMPLES))["probabilities"]
    assert 0 < np.abs(answered.numpy() - expected.numpy()).max() < 0.1
